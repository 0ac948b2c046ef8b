"""What is deleted stays in an encrypted trash for some days, from which it can be restored.

One deletion is one entry, with everything that goes by cascade: of an application its members, globals, credentials, integrations
and workflows; of a workflow its versions. Only configuration is kept (`SavedWhole`): waiting events and parked runs are gone for
good. Secrets are opened and sealed again with the entry as a whole, so `rotate_secrets` needs to change one value an entry.

`put_away` deletes; it is what `delete` of a row and of a queryset of `SavedWhole` does, so pages, forms and commands need not
know of it.
"""

import base64
import json
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.core import serializers
from django.db import models, router, transaction
from django.db.models.deletion import Collector
from django.utils import timezone
from django.utils.translation import gettext as _

from wegnology.applications import audit
from wegnology.applications.models import Application, Global, SavedWhole
from wegnology.applications.records import TrashEntry
from wegnology.applications.sealing import SealedConfig
from wegnology.lib.crypto import KeyMissing, SealBroken
from wegnology.lib.types import JSONObject

NAMES_IN_TITLE = 3
UNREADABLE = (KeyMissing, SealBroken, LookupError)
"""A key is missing, a value was changed, or this release does not know the type."""


class Deleted(NamedTuple):
    """What `put_away` did. `counted` is what `Model.delete` returns."""

    entries: list[TrashEntry]
    counted: tuple[int, dict[str, int]]


def put_away(rows: Collection[models.Model]) -> Deleted:
    """Delete rows and all that goes with them into the trash: one entry for each application. All or nothing.

    Rows that are gone already are passed over; rows that nobody would restore alone (`in_trash` is false) are only deleted.
    """
    groups: dict[str, list[models.Model]] = {}
    entries: list[TrashEntry] = []
    total, by_model = 0, dict[str, int]()
    with transaction.atomic():
        for row in _still_there(rows):
            groups.setdefault(audit.application_of(row) or "", []).append(row)
        for application_id, heads in groups.items():
            collector = _collect(heads)
            if any(getattr(head, "in_trash", False) for head in heads):
                entries.append(_entry(application_id, heads, list(_kept(collector))))
            count, counts = collector.delete()
            total += count
            by_model |= {name: by_model.get(name, 0) + number for name, number in counts.items()}
    return Deleted(entries, (total, by_model))


def _still_there(rows: Collection[models.Model]) -> Iterator[models.Model]:
    """Yield the rows as they are stored now, locked, in the order given."""
    models_in_order = dict.fromkeys(type(row) for row in rows)
    for model in models_in_order:
        wanted = [row.pk for row in rows if type(row) is model]
        found = model._base_manager.select_for_update().in_bulk(wanted)
        yield from (found[pk] for pk in dict.fromkeys(wanted) if pk in found)


def _collect(heads: Sequence[models.Model]) -> Collector:
    collector = Collector(using=router.db_for_write(type(heads[0])), origin=heads[0])
    for model in dict.fromkeys(type(head) for head in heads):
        collector.collect([head for head in heads if type(head) is model])
    return collector


def _kept(collector: Collector) -> Iterator[models.Model]:
    """Yield the configuration among what is collected."""
    for model, instances in collector.data.items():
        if issubclass(model, SavedWhole):
            yield from sorted(instances, key=lambda row: str(row.pk))
    for rows in collector.fast_deletes:
        if issubclass(rows.model, SavedWhole):
            yield from rows


def _entry(application_id: str, heads: Sequence[models.Model], rows: Sequence[models.Model]) -> TrashEntry:
    now = timezone.now()
    application = Application.objects.filter(pk=application_id).first()
    entry = TrashEntry(
        application_id=application_id,
        application_name=application.name if application else "",
        kind=heads[0]._meta.label_lower,
        name=_title(heads),
        contents=[[str(row._meta.verbose_name_raw), audit.title_of(row)] for row in rows],
        deleted_by=audit.current_actor().name,
        deleted_at=now,
        expires_at=now + timedelta(days=settings.TRASH_DAYS),
    )
    entry.set_config({"rows": _packed([_dumped(row) for row in rows])})
    entry.save(force_insert=True)
    return entry


def _title(heads: Sequence[models.Model]) -> str:
    names = ", ".join(audit.title_of(head) for head in heads[:NAMES_IN_TITLE])
    more = _(" and %(count)s more") % {"count": len(heads) - NAMES_IN_TITLE} if len(heads) > NAMES_IN_TITLE else ""
    return names[: 255 - len(more)] + more


def _dumped(row: models.Model) -> JSONObject:
    (dumped,) = serializers.serialize("python", [row])
    try:
        if isinstance(row, SealedConfig):
            return {**dumped, "opened": True, "fields": {**dumped["fields"], "config": row.raw_config()}}
        if isinstance(row, Global) and row.secret:
            return {**dumped, "opened": True, "fields": {**dumped["fields"], "value": row.opened()}}
    except UNREADABLE:
        pass  # what is broken can be deleted; it comes back as broken as it went
    return dict(dumped)


def _packed(dumped: Iterable[JSONObject]) -> str:
    text = json.dumps(list(dumped), default=_as_text, ensure_ascii=False)
    return base64.b64encode(zlib.compress(text.encode())).decode()


def _as_text(value: Any) -> str:
    """Write a time to the microsecond, which Django's own encoder would cut."""
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


def contents_of(entry: TrashEntry) -> list[dict[str, Any]]:
    """Return the stored rows of an entry, opened; raises `KeyMissing` or `SealBroken`."""
    packed = str(entry.raw_config()["rows"])
    rows: list[dict[str, Any]] = json.loads(zlib.decompress(base64.b64decode(packed)))
    return rows


def trim() -> int:
    """Remove what was kept long enough; return how many entries."""
    return TrashEntry.objects.filter(expires_at__lt=timezone.now()).delete()[0]
