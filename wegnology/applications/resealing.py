"""Everything in the database that is sealed, found in one place: for a change of keys, and to say which keys are needed.

Models with a `config` take part by inheriting `SealedConfig`; any other column by `declare_sealed`.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from django.apps import apps
from django.db import models, transaction

from wegnology.applications.models import Global, touch
from wegnology.applications.sealing import SealedConfig, keyring
from wegnology.lib.crypto import KeyMissing, Keyring, SealBroken, is_sealed, sealing_key
from wegnology.lib.types import JSONValue

Change = Callable[[str, str], str | None]
"""Takes a sealed value and its place; returns what shall stand there instead, None for nothing."""


class SealedColumn(NamedTuple):
    """A column with sealed values. `change` returns the column's new value for a row, applying a `Change` to each of them."""

    model: type[models.Model]
    column: str
    change: Callable[[Any, Change], Any]


class Unopened(NamedTuple):
    """A sealed value that cannot be opened: its place and why."""

    place: str
    reason: str


class Progress(NamedTuple):
    """How far a change of keys is: rows done of all that need it, and values that could not be opened so far."""

    done: int
    total: int
    unopened: list[Unopened]


_declared: dict[tuple[type[models.Model], str], SealedColumn] = {}


def declare_sealed(model: type[models.Model], column: str, place: Callable[[Any], str]) -> None:
    """Declare that a text column holds one sealed value or "", bound to `place(row)`."""

    def change(row: Any, to: Change) -> Any:
        value = getattr(row, column)
        return (to(value, place(row)) or "") if is_sealed(value) else value

    _declared[model, column] = SealedColumn(model, column, change)


def sealed_columns() -> list[SealedColumn]:
    """Return every column with sealed values."""
    configs = [SealedColumn(model, "config", _change_config) for model in apps.get_models() if issubclass(model, SealedConfig)]
    return [SealedColumn(Global, "value", _change_global), *configs, *_declared.values()]


def _change_global(row: Global, to: Change) -> Any:
    return (to(row.value, row.sealed_place) or "") if row.secret and is_sealed(row.value) else row.value


def _change_config(row: SealedConfig, to: Change) -> Any:
    """Change the secrets that the schema names; of a type that this release does not have, whatever is sealed."""

    def changed(value: Any, place: str) -> JSONValue:
        return to(value, row.sealed_place(place)) if is_sealed(value) else value

    try:
        mapped = row.config_schema.map_secrets(row.config, changed)
    except LookupError:
        mapped = {name: _change_any(value, changed, name) for name, value in row.config.items()}
    return {name: value for name, value in mapped.items() if value is not None or row.config[name] is None}


def _change_any(value: Any, changed: Callable[[Any, str], JSONValue], place: str) -> JSONValue:
    if isinstance(value, dict):
        return {key: _change_any(item, changed, f"{place}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [_change_any(item, changed, f"{place}.{at}") for at, item in enumerate(value)]
    return changed(value, place)


def count_by_key() -> Counter[str]:
    """Count the sealed values by the id of their key; "" counts what is not in the form of a sealed value."""
    counts: Counter[str] = Counter()
    for column in sealed_columns():
        for row in column.model._base_manager.iterator(chunk_size=200):
            counts.update(_keys_of(column, row))
    return counts


def missing_keys() -> dict[str, int]:
    """Count the sealed values by the id of a key that is not configured."""
    known = keyring().ids
    return {key: number for key, number in sorted(count_by_key().items()) if key and key not in known}


def _keys_of(column: SealedColumn, row: Any) -> list[str]:
    keys: list[str] = []

    def note(sealed: str, place: str) -> str:
        keys.append(sealing_key(sealed))
        return sealed

    column.change(row, note)
    return keys


def reseal(batch: int = 100) -> Iterator[Progress]:
    """Seal everything with the first key that is sealed with another, `batch` rows a transaction; yields after each.

    May be stopped anywhere and called again: what is done is skipped. Rows are locked and read anew in their transaction,
    so that no edit is lost. Nothing is touched: the opened values stay the same, and no connection is made anew.
    """
    ring = keyring()
    work = [(column, pks) for column in sealed_columns() if (pks := _due(column, ring.first))]
    total, done = sum(len(pks) for _, pks in work), 0
    unopened: list[Unopened] = []
    yield Progress(done, total, unopened)
    for column, pks in work:
        for at in range(0, len(pks), batch):
            _reseal_rows(column, pks[at : at + batch], ring, unopened)
            done += len(pks[at : at + batch])
            yield Progress(done, total, unopened)


def _due(column: SealedColumn, first: str) -> list[Any]:
    rows = column.model._base_manager.order_by("pk").iterator(chunk_size=200)
    return [row.pk for row in rows if any(key != first for key in _keys_of(column, row))]


def _reseal_rows(column: SealedColumn, pks: list[Any], ring: Keyring, unopened: list[Unopened]) -> None:
    def to_first(sealed: str, place: str) -> str:
        if sealing_key(sealed) == ring.first:
            return sealed
        try:
            return ring.seal(ring.unseal(sealed, place), place)
        except (KeyMissing, SealBroken) as error:
            unopened.append(Unopened(place, str(error)))
            return sealed

    _rewrite(column, pks, to_first)


def forget(key: str) -> int:
    """Remove every value that is sealed with a key; return how many. For a key that is lost: else nothing opens them."""
    removed = 0

    def drop(sealed: str, place: str) -> str | None:
        nonlocal removed
        if sealing_key(sealed) != key:
            return sealed
        removed += 1
        return None

    for column in sealed_columns():
        rows = [row for row in column.model._base_manager.iterator(chunk_size=200) if key in _keys_of(column, row)]
        with transaction.atomic():
            _rewrite(column, [row.pk for row in rows], drop)
            for application_id in {row.application_id for row in rows if hasattr(row, "application_id")}:
                touch(application_id)
    return removed


def _rewrite(column: SealedColumn, pks: list[Any], to: Change) -> None:
    """Change rows in one transaction; `update` sends no signals, so that no revision is raised."""
    rows = column.model._base_manager
    with transaction.atomic():
        for row in rows.select_for_update().filter(pk__in=pks):
            before = getattr(row, column.column)
            after = column.change(row, to)
            if after != before:
                rows.filter(pk=row.pk).update(**{column.column: after})
