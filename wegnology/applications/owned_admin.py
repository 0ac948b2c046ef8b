"""Admin pages of what belongs to an application. They show a person the rows of their own applications and nothing else.

    class CredentialAdmin(OwnedAdmin):                    # rows with a foreign key `application`: nothing more to say
        ...

    class VersionAdmin(OwnedAdmin):
        application_path = "workflow__application"        # the way from a row to its application
        roles = {**ROLES, "check": Role.EDITOR}           # what each action needs; "check" for permissions=["check"]
        operator_fields = ("throttle_per_second",)        # only superusers change these, others read them

        def has_check_permission(self, request, obj=None):
            return self.allowed(request, "check", obj)

    class GlobalInline(OwnedInline):                      # rows on the page of another OwnedAdmin
        ...

What follows from it: lists, pages, history, deletion, search, filters, choices of foreign keys, autocompletion, list actions
(with `permissions=[...]`, else "change" is needed) and the theme's row and page actions see and take own rows only; a row of
another application is answered like one that does not exist. Views of your own begin with `self.get_object(request, id)` (None:
answer as for a missing row) and ask `self.allowed(request, "change", row)`. A `SimpleListFilter` makes its choices from
`model_admin.get_queryset(request)`. A model without a foreign key to its application overrides `within` and
`application_id_of`. Never ask `user.has_perm`.

`operator_admin.OperatorAdmin` is for what concerns the whole installation.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.utils import NotRelationField, get_model_from_relation
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured, PermissionDenied
from django.db.models import Field, Model, QuerySet
from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _

from wegnology.applications.access import applications_of, is_operator, may, may_anywhere
from wegnology.applications.current import current_of, follow
from wegnology.applications.deletion_preview import CountedDeletion
from wegnology.applications.history import AuditedPages
from wegnology.applications.models import Application, Role
from wegnology.applications.operator_admin import Permissions
from wegnology.lib.theme import ModelAdmin, TabularInline

ROLES: Mapping[str, Role] = {
    "view": Role.VIEWER,
    "add": Role.EDITOR,
    "change": Role.EDITOR,
    "delete": Role.ADMINISTRATOR,
}
PART_ROLES: Mapping[str, Role] = {**ROLES, "delete": Role.EDITOR}
"""For parts of something: taking one out is a change of the whole."""

_NARROWED = "_narrowed_to"


def choices_for(site: admin.AdminSite, request: HttpRequest, model: type[Model], needed: Role) -> QuerySet[Any] | None:
    """Return the rows of a related model that a person may choose; None for all, which only operators get."""
    if is_operator(request.user):
        return None
    if model is Application:
        return applications_of(request.user, needed)
    registered = site._registry.get(model)
    if isinstance(registered, OwnedAdmin):
        return registered.within(registered.get_queryset(request), applications_of(request.user, needed))
    return model._default_manager.none()


class OwnFilter(admin.RelatedFieldListFilter):
    """A filter by a related row that offers own ones only."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[Any, Any]]:
        """Return what a person may see of the related rows; of those without an owner, what own rows point to."""
        model = field.remote_field.model
        if is_operator(request.user):
            return super().field_choices(field, request, model_admin)
        if model is Application or isinstance(model_admin.admin_site._registry.get(model), OwnedAdmin):
            rows = choices_for(model_admin.admin_site, request, model, Role.VIEWER)
        else:
            rows = model_admin.get_queryset(request).order_by().values(self.field_path)
        ordering = self.field_admin_ordering(field, request, model_admin)
        return field.get_choices(include_blank=False, ordering=ordering, limit_choices_to={"pk__in": rows})  # type: ignore[no-any-return]


class OwnedAdmin(Permissions, CountedDeletion, AuditedPages, ModelAdmin):
    """Pages of rows that belong to an application (see the module)."""

    application_path: ClassVar[str] = "application"
    roles: ClassVar[Mapping[str, Role]] = ROLES
    operator_fields: ClassVar[tuple[str, ...]] = ()
    narrows: ClassVar[bool] = True
    """Whether the list shows the rows of the chosen application alone."""
    goes_along: ClassVar[bool] = False
    """Whether rows that nobody may delete by themselves go with what they tell about."""
    nothing: ClassVar[Any] = ""
    """What an empty list says in place of "There are no … yet": what would stand there, and what to do next."""

    def within(self, queryset: QuerySet[Any], applications: QuerySet[Application]) -> QuerySet[Any]:
        """Narrow rows to those of some applications."""
        return queryset.filter(**{f"{self.application_path}__in": applications.order_by().values("pk")})

    def application_id_of(self, row: Any) -> str | None:
        """Return the application of a row; None for a row that only operators may see."""
        *way, last = self.application_path.split("__")
        for step in way:
            row = getattr(row, step)
        found: str | None = getattr(row, "pk" if last == "pk" else f"{last}_id")
        return found

    def holds(self, request: HttpRequest, needed: Role, row: Any = None) -> bool:
        """Say whether a person has a role for a row (or its id); without a row, for any application."""
        if row is None:
            return may_anywhere(request.user, needed)
        if not isinstance(row, Model):  # the theme asks with ids
            row = self.get_object(request, str(row))
        return row is not None and may(request.user, self.application_id_of(row), needed)

    def allowed(self, request: HttpRequest, action: str, row: Any = None) -> bool:
        """Say whether a person may do something with a row; without one, with any. `action` is a key of `roles`."""
        return self.holds(request, self.roles[action], row)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return own rows. Everything that the admin shows begins here."""
        rows: QuerySet[Any] = super().get_queryset(request)
        narrowed: Application | None = getattr(request, _NARROWED, None)
        if narrowed is not None:
            rows = self.within(rows, Application.objects.filter(pk=narrowed.pk))
        return rows if is_operator(request.user) else self.within(rows, applications_of(request.user))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Show the rows of the chosen application, or of all; a filter by application goes before."""
        if self.narrows and not any(name.startswith(self.application_path) for name in request.GET):
            found = current_of(request)  # of one application there is nothing to leave out but what belongs to none
            setattr(request, _NARROWED, found.application if len(found.choices) > 1 else None)
        return super().changelist_view(request, extra_context)

    def changeform_view(self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None) -> Any:
        """Show a row; the menu goes along to its application."""
        if object_id is not None and request.method == "GET" and (row := self.get_object(request, str(object_id))) is not None:
            follow(request, self.application_id_of(row))
        return super().changeform_view(request, object_id, form_url, extra_context)

    def get_changeform_initial_data(self, request: HttpRequest) -> Any:
        """Begin a new row in the chosen application."""
        found = current_of(request).application
        return {**({"application": found.pk} if found else {}), **super().get_changeform_initial_data(request)}

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the model to who is a member of anything."""
        return may_anywhere(request.user, Role.VIEWER)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show what operators set, to others, for reading."""
        kept = () if is_operator(request.user) else self.operator_fields
        return (*super().get_readonly_fields(request, obj), *kept)

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> Any:
        """Offer own rows to choose from."""
        own = choices_for(self.admin_site, request, db_field.remote_field.model, self.roles["change"])
        return super().get_field_queryset(db, db_field, request) if own is None else own

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Let filters by related rows offer own ones."""
        return [
            (entry, OwnFilter) if isinstance(entry, str) and _is_relation(self.model, entry) else entry
            for entry in super().get_list_filter(request) or ()
        ]

    def get_actions(self, request: HttpRequest) -> Any:
        """Let list actions take only rows for which a person has the role."""
        found = super().get_actions(request).items()
        return {name: (self._on_own_rows(action[0]), *action[1:]) for name, action in found if action}

    def _on_own_rows(self, action: Callable[..., Any]) -> Callable[..., Any]:
        needed = _greatest(self.roles[name] for name in getattr(action, "allowed_permissions", ("change",)))

        @wraps(action)
        def guarded(model_admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
            if not is_operator(request.user):
                refused = queryset.count() - self.within(queryset, applications_of(request.user, needed)).count()
                if refused:
                    text = _(
                        "Nothing was done: for %(count)s of the chosen rows you would have to be %(role)s of the application."
                    )
                    messages.error(request, text % {"count": refused, "role": needed.label.lower()})
                    return None
            return action(model_admin, request, queryset)

        return guarded

    def get_unfold_action(self, action: str) -> Any:
        """Let the theme's row and page actions answer a row of others like a missing one."""
        found = super().get_unfold_action(action)  # type: ignore[misc]
        method = found.method

        @wraps(method)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            row = kwargs.get("object_id", args[0] if args else None)
            if row is not None and not isinstance(row, Model) and (row := self.get_object(request, str(row))) is None:
                raise Http404
            if not all(self.allowed(request, name, row) for name in getattr(method, "allowed_permissions", ("change",))):
                raise PermissionDenied
            return method(request, *args, **kwargs)

        found.method = guarded
        return found

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save, after asking once more: now with the application that the form chose, and what else it points to."""
        if not self.allowed(request, "change" if change else "add", obj) or not self._of_one_application(obj):
            raise PermissionDenied
        super().save_model(request, obj, form, change)

    def _of_one_application(self, row: Model) -> bool:
        """Say whether all that a row points to belongs to the row's own application."""
        related = [getattr(row, field.name) for field in row._meta.concrete_fields if field.is_relation]
        owners = [(self.admin_site._registry.get(type(other)), other) for other in related if other is not None]
        others = {owner.application_id_of(other) for owner, other in owners if isinstance(owner, OwnedAdmin)}
        return others <= {self.application_id_of(row)}


class OwnedInline(Permissions, TabularInline):
    """Rows on the page of something that belongs to an application; roles count there."""

    roles: ClassVar[Mapping[str, Role]] = PART_ROLES
    extra = 0

    def allowed(self, request: HttpRequest, action: str, row: Any = None) -> bool:
        """Say whether a person may do something with the rows of a parent; without one, with those of any or of a new one."""
        owner = self.admin_site._registry[self.parent_model]
        if not isinstance(owner, OwnedAdmin):
            raise ImproperlyConfigured(f"The page of {self.parent_model.__name__} has to be an OwnedAdmin.")
        return owner.holds(request, self.roles[action], row) or (row is None and owner.has_add_permission(request))

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> Any:
        """Offer own rows to choose from."""
        own = choices_for(self.admin_site, request, db_field.remote_field.model, self.roles["change"])
        return super().get_field_queryset(db, db_field, request) if own is None else own


def _greatest(roles: Iterable[Role]) -> Role:
    return max(roles, key=list(Role).index)


def _is_relation(model: type[Model], path: str) -> bool:
    """Say whether a filter's path leads to a related row."""
    try:
        for step in path.split("__"):
            field: Field[Any, Any] = model._meta.get_field(step)  # type: ignore[assignment]
            model = get_model_from_relation(field)
    except (FieldDoesNotExist, NotRelationField):
        return False
    return True
