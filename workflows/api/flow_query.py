"""Choosing workflows: by their triggers, and by the advanced query of the original product.

A query is an object of conditions that must all hold: `{"name": {"$startsWith": "pump"}, "$or": [{…}, {…}]}`. Values that come in
an address are texts, so they are compared as such.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from wegnology.lib.rest.answers import iso
from wegnology.lib.rest.errors import Invalid
from wegnology.lib.schema import Field, Schema
from workflows.models import Workflow

MAX_CONDITIONS = 500
FIELDS = ("name", "id", "creationDate", "lastUpdated", "flowClass", "enabled", "defaultVersion", "version", "triggers")

Record = Mapping[str, Any]
Holds = Callable[[Record], bool]


class TriggerFilter(Schema):
    """A trigger by its type, its key, or both."""

    type: str = Field("", max_length=1024, examples=["integration"])
    key: str = Field("", max_length=1024, description="For an integration its id.")


def has_trigger(triggers: Iterable[Any], wanted: Iterable[TriggerFilter]) -> bool:
    """Say whether one of the triggers is one of the wanted."""
    ours = [trigger for trigger in triggers if isinstance(trigger, dict)]
    return any(
        (not one.type or trigger.get("type") == one.type) and (not one.key or trigger.get("key") == one.key)
        for one in wanted
        for trigger in ours
    )


def record_of(row: Workflow, triggers: Iterable[Any], version: str = "") -> Record:
    """Return what queries ask about a workflow."""
    return {
        "name": row.name,
        "id": row.pk,
        "creationDate": iso(row.created_at),
        "lastUpdated": iso(row.updated_at),
        "flowClass": "cloud",
        "enabled": "true" if row.enabled else "false",
        "defaultVersion": row.default_version_id or "null",
        "version": version,
        "triggers": list(triggers),
    }


def compiled(query: Any, place: str = "query") -> Holds:
    """Return what says whether a record fits; raises `Invalid` naming what cannot be understood."""
    return _Compiler().condition(query, place)


class _Compiler:
    def __init__(self) -> None:
        self._left = MAX_CONDITIONS

    def condition(self, query: Any, place: str) -> Holds:
        """Return the conjunction of an object."""
        if not isinstance(query, dict):
            raise Invalid({place: "This must be an object of conditions."})
        parts = [self._one(name, value, f"{place}.{name}") for name, value in query.items()]
        return lambda record: all(part(record) for part in parts)

    def _one(self, name: str, value: Any, place: str) -> Holds:
        self._left -= 1
        if self._left < 0:
            raise Invalid({place: f"A query may have {MAX_CONDITIONS} conditions."})
        if name in _GROUPS:
            if not isinstance(value, list):
                raise Invalid({place: "This must be a list of queries."})
            inner = [self.condition(part, f"{place}.{at}") for at, part in enumerate(value)]
            combine = _GROUPS[name]
            return lambda record: combine(part(record) for part in inner)
        if name not in FIELDS:
            raise Invalid({place: f"There is no such field; there are {', '.join(FIELDS)}."})
        return _triggers(value, place) if name == "triggers" else _field(name, value, place)


_GROUPS: dict[str, Callable[[Iterable[bool]], bool]] = {
    "$and": all,
    "$or": any,
    "$nor": lambda found: not any(found),
}
_COMPARE: dict[str, Callable[[str, str], bool]] = {
    "$eq": lambda ours, asked: ours == asked,
    "$ne": lambda ours, asked: ours != asked,
    "$gt": lambda ours, asked: ours > asked,
    "$lt": lambda ours, asked: ours < asked,
    "$gte": lambda ours, asked: ours >= asked,
    "$lte": lambda ours, asked: ours <= asked,
    "$startsWith": lambda ours, asked: ours.startswith(asked),
    "$endsWith": lambda ours, asked: ours.endswith(asked),
    "$contains": lambda ours, asked: asked in ours,
}
_AMONG = ("$in", "$nin")


def _field(name: str, asked: Any, place: str) -> Holds:
    conditions = asked if isinstance(asked, dict) else {"$eq": asked}
    fold = _text(conditions.get("$ci", "false"), place) == "true" if isinstance(asked, dict) else False
    parts = [
        _comparison(operator, value, f"{place}.{operator}", fold) for operator, value in conditions.items() if operator != "$ci"
    ]

    def holds(record: Record) -> bool:
        ours = str(record[name])
        return all(part(ours.casefold() if fold else ours) for part in parts)

    return holds


def _comparison(operator: str, value: Any, place: str, fold: bool) -> Callable[[str], bool]:
    if operator in _AMONG:
        if not isinstance(value, list):
            raise Invalid({place: "This must be a list."})
        wanted = {_folded(_text(item, place), fold) for item in value}
        return (lambda ours: ours in wanted) if operator == "$in" else (lambda ours: ours not in wanted)
    if operator not in _COMPARE:
        raise Invalid({place: f"There is no such comparison; there are {', '.join([*_COMPARE, *_AMONG])}."})
    compare, asked = _COMPARE[operator], _folded(_text(value, place), fold)
    return lambda ours: compare(ours, asked)


def _triggers(asked: Any, place: str) -> Holds:
    conditions = asked if isinstance(asked, dict) and any(key.startswith("$") for key in asked) else {"$eq": asked}
    parts: list[Holds] = []
    for operator, value in conditions.items():
        if operator not in ("$eq", "$ne", *_AMONG):
            raise Invalid({f"{place}.{operator}": "Triggers are compared by $eq, $ne, $in and $nin."})
        listed = value if operator in _AMONG else [value]
        if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
            raise Invalid({f"{place}.{operator}": "This must be a trigger: {type, key}; with $in and $nin a list of them."})
        wanted = [
            TriggerFilter(type=_text(item.get("type", ""), place), key=_text(item.get("key", ""), place)) for item in listed
        ]
        parts.append(_having(wanted, operator in ("$eq", "$in")))
    return lambda record: all(part(record) for part in parts)


def _having(wanted: list[TriggerFilter], present: bool) -> Holds:
    return lambda record: has_trigger(record["triggers"], wanted) is present


def _text(value: Any, place: str) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if not isinstance(value, str | int | float):
        raise Invalid({place: "This must be a text, a number, true, false or null."})
    return str(value)


def _folded(text: str, fold: bool) -> str:
    return text.casefold() if fold else text
