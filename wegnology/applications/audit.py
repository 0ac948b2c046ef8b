"""Who changed what and when, written in the transaction of the change.

A watched model (`watch`) gets an entry for each row that is created, changed or deleted, by a page, the API or a command, also
by a cascade or `QuerySet.delete()`. A save that changes nothing gets none. What is no change of a row is recorded by who does it:

    with transaction.atomic():
        ...
        record(None, "checked", integration, {"outcome": "connected"})

The actor of a request is known by itself (`acting.ActorMiddleware`); other code says it with `acting(Actor(...))`, else it is the
command that runs, or the system. `QuerySet.update`, `bulk_create` and `bulk_update` send no signals: a test holds the list of the
places that use them. Secret values never get here (see `audit_changes`), and nothing is recorded for a message.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.db import models
from django.db.models.signals import post_save, pre_delete, pre_save
from django.utils import timezone

from wegnology.applications.audit_changes import Values, beginning, difference, is_shown, values_of
from wegnology.applications.records import AuditEntry

NAME_LENGTH = 255


class Actor(NamedTuple):
    """Who does something. `kind` is user, token, command or system."""

    kind: str
    id: str
    name: str


class Watched(NamedTuple):
    """How changes of a model are recorded (see `watch`)."""

    application_of: Callable[[Any], str | None]
    page_of: Callable[[Any], str]
    hidden: Callable[[Any], frozenset[str]]
    title: Callable[[Any], str]


_actor: ContextVar[Callable[[], Actor] | None] = ContextVar("actor", default=None)
_restoring: ContextVar[bool] = ContextVar("restoring", default=False)
_watched: dict[type[models.Model], Watched] = {}


def current_actor() -> Actor:
    """Return who acts here and now."""
    known = _actor.get()
    if known is not None:
        return known()
    if Path(sys.argv[0]).name == "manage.py" and len(sys.argv) > 1:
        return Actor("command", "", f"manage.py {sys.argv[1]}")
    return Actor("system", "", "system")


@contextmanager
def acting(actor: Actor | Callable[[], Actor]) -> Iterator[None]:
    """Let what happens inside be recorded under an actor; a callable is asked when something is recorded."""
    mark = _actor.set(actor if not isinstance(actor, Actor) else lambda: actor)
    try:
        yield
    finally:
        _actor.reset(mark)


@contextmanager
def restoring() -> Iterator[None]:
    """Let rows that are created inside be recorded as restored."""
    mark = _restoring.set(True)
    try:
        yield
    finally:
        _restoring.reset(mark)


def page_of(row: models.Model) -> str:
    """Return the mark of a row's own page."""
    return f"{row._meta.label_lower}:{row.pk}"


def _nothing(_row: Any) -> frozenset[str]:
    return frozenset()


def watch(
    model: type[models.Model],
    application_of: Callable[[Any], str | None],
    *,
    page: Callable[[Any], str] = page_of,
    hidden: Callable[[Any], frozenset[str]] = _nothing,
    title: Callable[[Any], str] = str,
) -> None:
    """Record changes of a model. Called again, it replaces what was said before.

    `application_of(row)` names the application (None: only operators see it), `page(row)` the page that shows the entry
    where it is not the row's own, `hidden(row)` fields of which only the fact of a change is recorded. What is sealed is always
    hidden. `title(row)` is the name under which people find the row.
    """
    _watched[model] = Watched(application_of, page, hidden, title)
    identifier = f"audit of {model._meta.label}"
    pre_save.connect(_before_save, sender=model, dispatch_uid=identifier)
    post_save.connect(_saved, sender=model, dispatch_uid=identifier)
    pre_delete.connect(_deleting, sender=model, dispatch_uid=identifier)


def title_of(row: models.Model) -> str:
    """Return the name under which people find a row."""
    rules = _watched.get(type(row))
    return rules.title(row) if rules else str(row)


def watched() -> frozenset[type[models.Model]]:
    """Return the models whose changes are recorded."""
    return frozenset(_watched)


def application_of(row: models.Model) -> str | None:
    """Return the application that a row belongs to; None for a row of the whole installation."""
    rules = _watched.get(type(row))
    return rules.application_of(row) if rules else getattr(row, "application_id", None)


def record(
    actor: Actor | None,
    action: str,
    row: models.Model,
    changes: Mapping[str, Any] | None = None,
    *,
    application_id: str | None = None,
) -> AuditEntry:
    """Write an entry about a row, in the current transaction. Without an actor it is the current one.

    `changes` are values that may be shown to every member of the application: [old, new], or a text. `application_id` is needed
    for a row of a model that is not watched and has no `application_id` of its own.
    """
    if application_id is None:
        application_id = application_of(row)
    entry = entry_for(actor or current_actor(), action, row, dict(changes or {}), application_id)
    entry.save(force_insert=True)
    return entry


def entry_for(actor: Actor, action: str, row: models.Model, changes: dict[str, Any], application_id: str | None) -> AuditEntry:
    """Return an entry that is not yet written."""
    rules = _watched.get(type(row))
    return AuditEntry(
        time=timezone.now(),
        application_id=application_id or "",
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name[:NAME_LENGTH],
        action=action,
        kind=row._meta.label_lower,
        object_id=str(row.pk),
        object_name=title_of(row)[:NAME_LENGTH],
        page=(rules.page_of if rules else page_of)(row),
        changes=changes,
    )


def _before_save(sender: type[models.Model], instance: models.Model, **_: Any) -> None:
    """Remember what is stored now, beside the row."""
    stored = None if instance._state.adding else sender._base_manager.filter(pk=instance.pk).first()
    instance._audited = _values(stored) if stored is not None else None  # type: ignore[attr-defined]


def _saved(sender: type[models.Model], instance: models.Model, **_: Any) -> None:
    before: Values | None = instance.__dict__.pop("_audited", None)
    if before is None:
        restored = _restoring.get()
        record(None, "restored" if restored else "created", instance, {} if restored else beginning(_values(instance)))
    elif changes := difference(before, _values(instance)):
        _forget_hidden(instance, before, changes)
        record(None, _action(changes), instance, changes)


def _forget_hidden(row: models.Model, before: Values, changes: Mapping[str, Any]) -> None:
    """What has become a secret is taken out of the entries of the time when it was none."""
    names = [name for name, what in changes.items() if isinstance(what, str) and is_shown(before.get(name))]
    if not names:
        return
    for entry in AuditEntry.objects.filter(kind=row._meta.label_lower, object_id=str(row.pk)):
        entry.changes = {name: "changed" if name in names else what for name, what in entry.changes.items()}
        entry.save(update_fields=["changes"])


def _values(row: models.Model) -> Values:
    return values_of(row, _watched[type(row)].hidden(row))


def _action(changes: Mapping[str, Any]) -> str:
    """Name a change: switching on or off is what people look for."""
    switched = changes.get("enabled")
    if isinstance(switched, list):
        return "enabled" if switched[1] else "disabled"
    return "changed"


def _deleting(sender: type[models.Model], instance: models.Model, **_: Any) -> None:
    """Before and not after: what the row belongs to may go in the same deletion."""
    record(None, "deleted", instance)


def trim() -> int:
    """Remove entries that were kept long enough; return how many."""
    return AuditEntry.objects.filter(time__lt=timezone.now() - timedelta(days=settings.AUDIT_DAYS)).delete()[0]
