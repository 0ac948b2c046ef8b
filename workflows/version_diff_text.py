"""A difference between versions as lines of text, for a terminal."""

import json
from collections.abc import Iterator

from workflows.version_diff import Both, Difference, Part, Wire
from workflows.version_fields import Absent, Change, Side

LONGEST = 300
"""Characters of a value that are shown."""


def text_of(found: Difference) -> str:
    """Return the lines: "+" was added, "-" removed, "~" changed, ">" only moved."""
    return "\n".join(_lines(found)) or "Nothing differs."


def _lines(found: Difference) -> Iterator[str]:
    yield from _parts("node", found.nodes)
    yield from _parts("trigger", found.triggers)
    for sign, wires in (("+", found.wires_added), ("-", found.wires_removed)):
        yield from (f"{sign} wire {_wire(wire)}" for wire in wires)
    for change in found.globals:
        yield from _change(change, "global ", "")


def _parts(kind: str, both: Both) -> Iterator[str]:
    for sign, parts in zip("+-~>", both, strict=True):
        for part in parts:
            yield f"{sign} {kind} {_name(part)}" + (" moved in the editor" if sign == ">" else "")
            for change in part.changes:
                yield from _change(change, "", "    ")


def _name(part: Part) -> str:
    return f"{part.label!r} ({part.type} {part.id})" if part.type else repr(part.label)


def _wire(wire: Wire) -> str:
    output = f" output {wire.output_name or wire.output}" if wire.output_name or wire.output else ""
    return f"{wire.source.label!r} ({wire.source.id}){output} -> {wire.target.label!r} ({wire.target.id})"


def _change(change: Change, kind: str, indent: str) -> Iterator[str]:
    sign = "+" if isinstance(change.before, Absent) else "-" if isinstance(change.after, Absent) else "~"
    if change.lines:
        yield f"{indent}{sign} {kind}{change.field}:"
        yield from (f"{indent}    {line}" for line in change.lines)
        return
    if change.is_hidden:
        yield f"{indent}{sign} {kind}{change.field}: differs; the value is not shown"
        return
    sides = [shown(side) for side in (change.before, change.after) if not isinstance(side, Absent)]
    yield f"{indent}{sign} {kind}{change.field}: {' -> '.join(sides)}"


def shown(value: Side) -> str:
    """Return a value as JSON, cut to size."""
    text = "" if isinstance(value, Absent) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters)"
