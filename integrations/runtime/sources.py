"""What has an inbox: integrations, and what packages above register. A source is a row with an application and a name."""

from collections.abc import Collection
from typing import Any

from django.db.models import Model, Q, QuerySet

from integrations.models import Integration

_models: list[type[Model]] = [Integration]


def register_source(model: type[Model]) -> None:
    """Let rows of a model, which has `application` and `name`, be sources of events."""
    if model not in _models:
        _models.append(model)


def owners(ids: Collection[str]) -> dict[str, str]:
    """Return the application of each source that exists."""
    return _of(ids, "application_id")


def names(ids: Collection[str]) -> dict[str, str]:
    """Return the name of each source that exists."""
    return _of(ids, "name")


def belonging_to(applications: QuerySet[Any]) -> Q:
    """Return the condition for rows whose `integration_id` is a source of these applications."""
    condition = Q()
    for model in _models:
        own = model._default_manager.filter(application__in=applications.order_by().values("pk"))
        condition |= Q(integration_id__in=own.order_by().values("pk"))
    return condition


def _of(ids: Collection[str], column: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for model in _models:
        found.update(model._default_manager.filter(pk__in=set(ids)).values_list("pk", column))
    return found
