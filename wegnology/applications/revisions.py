"""Every change to what belongs to an application raises its revision, in the same transaction.

Signals see single rows, cascades and `QuerySet.delete()` alike. They do not see `QuerySet.update`, `bulk_create` and
`bulk_update`: code that uses those on a watched model calls `touch` itself.
"""

from collections.abc import Callable
from typing import Any

from django.db import models
from django.db.models.signals import post_delete, post_save

from wegnology.applications import audit
from wegnology.applications.models import touch


def touch_on_change(model: type[models.Model], application_of: Callable[[Any], str | None], **rules: Any) -> None:
    """Touch the application that `application_of(row)` names whenever a row of `model` is created, changed or deleted.

    Who did it is recorded, too; `rules` are what `audit.watch` takes.
    """
    audit.watch(model, application_of, **rules)

    def changed(sender: object, instance: models.Model, raw: bool = False, **_: object) -> None:
        application_id = application_of(instance)
        if application_id is not None:
            touch(application_id)

    identifier = f"revision of {model._meta.label}"
    post_save.connect(changed, sender=model, weak=False, dispatch_uid=identifier)
    post_delete.connect(changed, sender=model, weak=False, dispatch_uid=identifier)
