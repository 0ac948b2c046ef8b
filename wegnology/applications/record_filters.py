"""Filters of the audit and of the trash: they offer what a person may see."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from wegnology.applications import audit
from wegnology.applications.access import applications_of
from wegnology.applications.history import name_of_kind


class _FieldFilter(admin.SimpleListFilter):
    """Narrows a list to rows whose `field` has the chosen value."""

    field: str

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow the list."""
        return queryset.filter(**{self.field: self.value()}) if self.value() else queryset


class ApplicationFilter(_FieldFilter):
    """Applications of the person, by name."""

    title = gettext_lazy("application")
    parameter_name = field = "application_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        return list(applications_of(request.user).values_list("pk", "name"))


class KindFilter(_FieldFilter):
    """Kinds of things that own entries are about."""

    title = gettext_lazy("object")
    parameter_name = field = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        kinds = [model._meta.label_lower for model in audit.watched()]
        return sorted(((kind, name_of_kind(kind)) for kind in kinds), key=lambda choice: choice[1])


class ActorFilter(_FieldFilter):
    """Who acted in own applications."""

    title = gettext_lazy("user")
    parameter_name = "actor"
    field = "actor_name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        names = model_admin.get_queryset(request).order_by("actor_name").values_list("actor_name", flat=True).distinct()
        return [(name, name) for name in names[:200]]
