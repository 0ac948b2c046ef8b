"""Bringing back what was deleted: the same ids, everything of one deletion together, or nothing and the reason why."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from django.core import serializers
from django.core.serializers.base import DeserializationError
from django.db import models, transaction
from django.utils.translation import gettext

from wegnology.applications import audit
from wegnology.applications.models import Global, Member
from wegnology.applications.records import TrashEntry
from wegnology.applications.sealing import SealedConfig
from wegnology.applications.trash import contents_of
from wegnology.lib.crypto import KeyMissing, SealBroken

OPTIONAL = (Member,)
"""Models whose rows stay away when what they point to is gone, or when there is another such row meanwhile."""
NAME_LENGTH = 255

Place = tuple[type[models.Model], Any]
"""A row, by its model and key."""


class CannotRestore(Exception):
    """Nothing was restored; the text says why and what to do."""


class Restored(NamedTuple):
    """What came back, and what is different from before, in sentences."""

    rows: list[models.Model]
    notes: list[str]


def restore(entry_id: str) -> Restored:
    """Bring back all of one entry and remove the entry. Raises `CannotRestore`."""
    with transaction.atomic(), audit.restoring():
        entry = TrashEntry.objects.select_for_update().filter(pk=entry_id).first()
        if entry is None:
            raise CannotRestore(gettext("This is not in the trash any more: someone restored or removed it."))
        notes: list[str] = []
        stored = _rows(entry)
        _refuse_what_is_there(stored)
        rows = [row for row in stored if _fits(row, notes)]
        there = {(type(row), row.pk) for row in rows}
        there |= _existing(target for row in rows for _, target in _targets(row) if target not in there)
        restored = [row for row in rows if _leads_somewhere(row, there, notes)]
        for row in _in_order(restored):
            models.Model.save_base(row, raw=True, force_insert=True)
        entry.delete()
    return Restored(restored, notes)


def _in_order(rows: Sequence[models.Model]) -> Iterator[models.Model]:
    """Yield rows after those that they cannot do without, so that whoever hears of them finds what they belong to."""
    left = dict.fromkeys(type(row) for row in rows)
    while left:
        free = [model for model in left if not left.keys() & _needed(model)] or list(left)
        for model in free:
            del left[model]
            yield from (row for row in rows if type(row) is model)


def _needed(model: type[models.Model]) -> set[Any]:
    fields = [field for field in model._meta.concrete_fields if not field.null]
    return {field.remote_field.model for field in fields if field.remote_field} - {model}


def _rows(entry: TrashEntry) -> list[models.Model]:
    try:
        stored = contents_of(entry)
        return [_row(record) for record in stored]
    except (KeyMissing, SealBroken) as error:
        raise CannotRestore(gettext("What is in the trash cannot be opened: %(error)s.") % {"error": error}) from None
    except DeserializationError as error:
        raise CannotRestore(gettext("This release cannot read what is in the trash: %(error)s") % {"error": error}) from None


def _row(record: dict[str, Any]) -> models.Model:
    plain = {name: record[name] for name in ("model", "pk", "fields")}
    (loaded,) = serializers.deserialize("python", [plain], ignorenonexistent=True)
    row: models.Model = loaded.object
    if record.get("opened") and isinstance(row, SealedConfig):
        row.set_config(record["fields"]["config"])
    if record.get("opened") and isinstance(row, Global):
        row.set_value(record["fields"]["value"], secret=True)
    return row


def _existing(wanted: Iterable[Place]) -> set[Place]:
    """Return which of these rows are in the database; one query a model."""
    keys: dict[type[models.Model], set[Any]] = {}
    for model, key in wanted:
        keys.setdefault(model, set()).add(key)
    return {
        (model, key)
        for model, found in keys.items()
        for key in model._base_manager.filter(pk__in=found).values_list("pk", flat=True)
    }


def _targets(row: models.Model) -> Iterator[tuple["models.Field[Any, Any]", Place]]:
    """Yield what a row points to, with the field that does."""
    for field in row._meta.concrete_fields:
        value = getattr(row, field.attname)
        if field.remote_field and value is not None:
            yield field, (field.remote_field.model, value)


def _refuse_what_is_there(rows: Sequence[models.Model]) -> None:
    for model, key in _existing((type(row), row.pk) for row in rows):
        row = model._base_manager.get(pk=key)
        raise CannotRestore(
            gettext("The %(verbose_name)s %(row)s is there already: remove it first.")
            % {"verbose_name": model._meta.verbose_name, "row": row}
        )


def _fits(row: models.Model, notes: list[str]) -> bool:
    """Say whether a row can come back; give it another name where its own is taken. Raises `CannotRestore`."""
    model = type(row)
    for fields in _unique(model):
        taken = model._base_manager.filter(**{name: _value(row, name) for name in fields})
        if not taken.exists():
            continue
        if isinstance(row, OPTIONAL):
            return False
        if "name" not in fields:
            raise CannotRestore(
                gettext("There is another %(verbose_name)s called %(row)s now: rename or remove it, then restore this one.")
                % {"verbose_name": model._meta.verbose_name, "row": row}
            )
        old = str(row)
        _rename(row, fields)
        notes.append(
            gettext("There is another %(verbose_name)s called %(old)s now; this one is called %(row)s.")
            % {"verbose_name": model._meta.verbose_name, "old": old, "row": row}
        )
    return True


def _unique(model: type[models.Model]) -> list[tuple[str, ...]]:
    together = [tuple(rule.fields) for rule in model._meta.constraints if isinstance(rule, models.UniqueConstraint)]
    return [*together, *((field.name,) for field in model._meta.concrete_fields if field.unique and not field.primary_key)]


def _value(row: models.Model, name: str) -> Any:
    return getattr(row, row._meta.get_field(name).attname)  # type: ignore[union-attr]


def _rename(row: Any, fields: Sequence[str]) -> None:
    """Give a row the first free name of its kind."""
    others = {name: _value(row, name) for name in fields if name != "name"}
    base = row.name
    for number in range(1, 1000):
        suffix = " (restored)" if number == 1 else f" (restored {number})"
        row.name = base[: NAME_LENGTH - len(suffix)] + suffix
        if not type(row)._base_manager.filter(name=row.name, **others).exists():
            return
    raise CannotRestore(gettext("Every name like %(base)s is taken: rename those first.") % {"base": base})


def _leads_somewhere(row: models.Model, there: set[Place], notes: list[str]) -> bool:
    """Say whether what a row points to is there; let go of what it can do without. Raises `CannotRestore`."""
    for field, target in _targets(row):
        if target in there:
            continue
        what = target[0]._meta.verbose_name
        if isinstance(row, OPTIONAL):
            return False
        if not field.null:
            raise CannotRestore(
                gettext("The %(what)s that %(row)s belongs to is gone: restore the %(what)s first.") % {"what": what, "row": row}
            )
        setattr(row, field.attname, None)
        notes.append(gettext("The %(what)s that %(row)s used is gone: choose another.") % {"what": what, "row": row})
    return True
