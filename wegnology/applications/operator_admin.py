"""Admin pages of what concerns the whole installation."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from wegnology.applications.access import is_operator
from wegnology.applications.history import AuditedPages
from wegnology.lib.theme import ModelAdmin


class Permissions:
    """What the admin asks, led to the one question of these pages."""

    def allowed(self, request: HttpRequest, action: str, row: Any = None) -> bool:
        """Say whether a person may do something with a row; without one, with any."""
        raise NotImplementedError

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say who may look."""
        return self.allowed(request, "view", obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say who may add; `save_model` asks for the application."""
        return self.allowed(request, "add", obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say who may change."""
        return self.allowed(request, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say who may delete."""
        return self.allowed(request, "delete", obj)


class OperatorAdmin(Permissions, AuditedPages, ModelAdmin):
    """Pages of what concerns the whole installation: for superusers, whatever permissions others were given."""

    def allowed(self, request: HttpRequest, action: str, row: Any = None) -> bool:
        """Let operators do everything."""
        return is_operator(request.user)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the model to operators."""
        return is_operator(request.user)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return nothing to others: not even whether a row exists."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows if is_operator(request.user) else rows.none()
