"""Differences between two values, field by field. Knows no workflow; what it shows was masked before."""

import difflib
import json
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from wegnology.lib.types import JSONObject, JSONValue
from workflows.version_masking import hides_pair, masked

MOST_ITEMS = 500
"""Longer lists are compared place by place: finding what was put in between takes too long."""
MOST_LINES = 1_000
DEEPEST = 20


class Absent(Enum):
    """Stands where there is no value."""

    ABSENT = ""


ABSENT = Absent.ABSENT
Side = JSONValue | Absent


class Change(NamedTuple):
    """One field: its place ("config.rules[2].value") and both sides as they may be shown.

    `lines` shows a text of several lines as a comparison of its lines, each beginning with "+", "-", " " or "@"; else empty.
    """

    field: str
    before: Side
    after: Side
    lines: tuple[str, ...] = ()

    @property
    def is_hidden(self) -> bool:
        """Say whether both sides look the same because what differs is not shown."""
        return self.before == self.after

    def to_json(self) -> JSONObject:
        """Return it for programs; a side without a value is left out."""
        sides: JSONObject = {
            name: side for name, side in (("before", self.before), ("after", self.after)) if not isinstance(side, Absent)
        }
        return {"field": self.field, **sides}


class _Place(NamedTuple):
    """Where we are: as people read it, the names alone, and whether a sibling has said that this is a secret."""

    text: str
    names: tuple[str, ...]
    hidden: bool = False

    def named(self, name: str, hidden: bool) -> "_Place":
        return _Place(f"{self.text}.{name}" if self.text else name, (*self.names, name), self.hidden or hidden)

    def at(self, number: int) -> "_Place":
        return self._replace(text=f"{self.text}[{number}]")

    def show(self, value: Side) -> Side:
        if isinstance(value, Absent):
            return value
        return masked(value, *self.names, *(("secret",) if self.hidden else ()))


def field_changes(before: JSONObject, after: JSONObject, place: str = "") -> list[Change]:
    """Return what differs between two objects, deepest fields first named; `place` is where they stand."""
    names = tuple(place.split(".")) if place else ()
    return list(_changes(before, after, _Place(place, names), 0))


def _changes(before: Side, after: Side, place: _Place, depth: int) -> Iterator[Change]:
    if not isinstance(before, Absent) and not isinstance(after, Absent) and _text(before) == _text(after):
        return
    if depth < DEEPEST and isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(name for name in after if name not in before)]:
            hidden = hides_pair(before, name) or hides_pair(after, name)
            yield from _changes(before.get(name, ABSENT), after.get(name, ABSENT), place.named(name, hidden), depth + 1)
    elif depth < DEEPEST and isinstance(before, list) and isinstance(after, list):
        for number, old, new in _aligned(before, after):
            yield from _changes(old, new, place.at(number), depth + 1)
    else:
        yield _change(before, after, place)


def _change(before: Side, after: Side, place: _Place) -> Change:
    old, new = place.show(before), place.show(after)
    lines: tuple[str, ...] = ()
    if isinstance(old, str) and isinstance(new, str) and ("\n" in old or "\n" in new):
        lines = tuple(_line_changes(old.splitlines(), new.splitlines()))
    return Change(place.text, old, new, lines)


def _line_changes(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    if max(len(before), len(after)) <= MOST_LINES:
        found = difflib.unified_diff(before, after, n=2, lineterm="")
        yield from list(found)[2:]  # without the names of files


def _aligned(before: Sequence[JSONValue], after: Sequence[JSONValue]) -> Iterator[tuple[int, Side, Side]]:
    """Yield pairs of items that stand for each other, so that one more in between does not make all others differ."""
    if max(len(before), len(after)) > MOST_ITEMS:
        blocks: Sequence[tuple[str, int, int, int, int]] = [("replace", 0, len(before), 0, len(after))]
    else:
        old_texts, new_texts = ([_text(item) for item in items] for items in (before, after))
        blocks = difflib.SequenceMatcher(None, old_texts, new_texts, autojunk=False).get_opcodes()
    for what, start, end, new_start, new_end in blocks:
        if what == "equal":
            continue
        for step in range(max(end - start, new_end - new_start)):
            old = before[start + step] if start + step < end else ABSENT
            new = after[new_start + step] if new_start + step < new_end else ABSENT
            yield (start + step if new is ABSENT else new_start + step), old, new


def _text(value: JSONValue) -> str:
    """Return what two values have in common if and only if they are the same: in Python 1 and True are equal, too."""
    return json.dumps(value, sort_keys=True)
