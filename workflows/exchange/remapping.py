"""Ids in the texts of a workflow, exchanged for others: those of where it came from for those of here, or for placeholders.

An id stands in keys of triggers, in settings of nodes, also inside of longer texts (a button's key begins with its workflow's
id). It is 24 hex digits, or a placeholder of a template: `~exportplaceholderid-flow-pumpAlerts~`.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from wegnology.lib.types import JSONObject, JSONValue
from workflows.exchange.parts import VersionPart, WorkflowPart

_ID = re.compile(r"~exportplaceholderid-[A-Za-z]+-[^~\s]{1,200}~|(?<![0-9a-fA-F])[0-9a-f]{24}(?![0-9a-fA-F])")
_PLACEHOLDER = re.compile(r"~exportplaceholderid-(?P<kind>[A-Za-z]+)-(?P<name>[^~\s]{1,200})~")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_]+")
_WIRING = frozenset({"id", "type", "outputIds"})


class Remap:
    """Exchanges ids."""

    def __init__(self, ids: Mapping[str, str]) -> None:
        self._ids = {known: here for known, here in ids.items() if _ID.fullmatch(known)}  # other texts may be anything

    def text(self, text: str) -> str:
        """Return a text with the known ids in it exchanged."""
        return _ID.sub(lambda match: self._ids.get(match[0], match[0]), text) if "~" in text or len(text) >= 24 else text

    def value(self, value: JSONValue) -> JSONValue:
        """Return a value with the ids in all its texts exchanged; keys of objects stay."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {key: self.value(item) for key, item in value.items()}
        return value

    def version(self, part: VersionPart) -> VersionPart:
        """Return a version with its ids exchanged; how its nodes are wired stays."""
        values: Any = self.value(part.globals)
        return replace(part, triggers=[*map(self._placed, part.triggers)], nodes=[*map(self._placed, part.nodes)], globals=values)

    def workflow(self, part: WorkflowPart) -> WorkflowPart:
        """Return a workflow with the ids in all its versions exchanged, its own too."""
        return replace(part, source_id=self.text(part.source_id), versions=[*map(self.version, part.versions)])

    def _placed(self, raw: JSONObject) -> JSONObject:
        return {key: item if key in _WIRING else self.value(item) for key, item in raw.items()}


def placeholders_in(value: JSONValue) -> Iterator[tuple[str, str]]:
    """Yield kind and name of each placeholder in a value."""
    if isinstance(value, str):
        yield from ((match["kind"], match["name"]) for match in _PLACEHOLDER.finditer(value))
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from placeholders_in(item)


def camel(name: str) -> str:
    """Return a name as placeholders write it: "Pump alerts" is pumpAlerts."""
    words = _WORD.findall(name)
    return "".join(word.lower() if at == 0 else word[:1].upper() + word[1:].lower() for at, word in enumerate(words))


class Placeholders:
    """Gives ids the placeholders under which they stand in a template, each name once."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        self._taken: set[str] = set()

    def add(self, kind: str, identifier: str, name: str) -> str:
        """Return the placeholder of an id; `name` is what people call it."""
        if identifier not in self.ids:
            base = camel(name) or kind
            self.ids[identifier] = _free(f"~exportplaceholderid-{kind}-{base}", self._taken)
        return self.ids[identifier]


def _free(base: str, taken: set[str]) -> str:
    number = 1
    while (name := f"{base}{'' if number == 1 else number}~") in taken:
        number += 1
    taken.add(name)
    return name


def free_name(name: str, taken: Collection[str], most: int = 255) -> str:
    """Return a name that is not taken: the name itself, or one with a number."""
    number, free = 1, name
    while free in taken:
        number += 1
        suffix = f" ({number})"
        free = name[: most - len(suffix)] + suffix
    return free
