"""The history page of a row: the audit's entries about it and about its parts."""

from typing import Any

from django.apps import apps
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from wegnology.applications.audit import page_of
from wegnology.applications.records import AuditEntry
from wegnology.lib.forms import words_of
from wegnology.lib.theme_lists import QuickList
from wegnology.lib.zones import local_time

ENTRIES_A_PAGE = 100
_WORDS = (gettext_noop("changed"), gettext_noop("set"), gettext_noop("removed"))
"""What the audit says of values that are not shown."""
ACTIONS = (
    *(
        gettext_noop("created"),
        gettext_noop("deleted"),
        gettext_noop("restored"),
        gettext_noop("purged"),
        gettext_noop("enabled"),
    ),
    *(gettext_noop("disabled"), gettext_noop("acknowledged"), gettext_noop("checked"), gettext_noop("discarded")),
    *(gettext_noop("edited"), gettext_noop("exported"), gettext_noop("imported"), gettext_noop("pressed")),
    *(gettext_noop("reconnected"), gettext_noop("replayed"), gettext_noop("stopped"), gettext_noop("storage cleared")),
    *(gettext_noop("test message"), gettext_noop("resumed")),
)
"""What the audit says was done, for translators; pages look it up where they show it."""

FIELDS = {
    ("applications.apitoken", "digest"): gettext_noop("token"),
    ("workflows.webhook", "digest"): gettext_noop("secret address"),
    ("integrations.integration", "reconnects"): gettext_noop("reconnections asked for"),
}
"""Fields whose names only code understands, by kind and name, in words."""
PARTS = (
    *(gettext_noop("deleted by"), gettext_noop("event"), gettext_noop("events"), gettext_noop("fields"), gettext_noop("file")),
    *(gettext_noop("runs"), gettext_noop("settings"), gettext_noop("until"), gettext_noop("workflows")),
)
"""What entries about more than fields name, for translators."""
ACTORS = {
    "user": gettext_noop("a person"),
    "token": gettext_noop("a token"),
    "command": gettext_noop("a command"),
    "system": gettext_noop("the hub itself"),
}
"""Kinds of who acted."""


def field_words(kind: str, name: str) -> str:
    """Return the name of a field or setting in words, in the language of who reads it."""
    words = FIELDS.get((kind, name)) or (name.replace("_", " ") if name.islower() else words_of(name))
    return _(words)


def changes_html(entry: AuditEntry) -> SafeString:
    """Return what changed, a line a field: old and new where they may be shown."""
    lines = [(field_words(entry.kind, name), _change(what)) for name, what in entry.changes.items()]
    return format_html_join("", "<div><b>{}</b> {}</div>", lines)


def _change(what: Any) -> SafeString:
    if not isinstance(what, list) or len(what) != 2:
        return format_html("{}", _text(what))
    old, new = what
    if old is None or old == "":
        return format_html("{}", _text(new))
    return format_html("<del>{}</del> → {}", _text(old), _text(new))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return "—" if value in (None, "") else local_time(_(str(value)) if value in _WORDS else str(value))


def kind_of(entry: AuditEntry) -> str:
    """Return what kind of thing an entry is about, as people say it."""
    return name_of_kind(entry.kind)


def name_of_kind(kind: str) -> str:
    """Return the name of a model given by its label; one that this release does not have keeps its label."""
    try:
        return str(apps.get_model(kind)._meta.verbose_name)
    except (LookupError, ValueError):
        return kind


class AuditedPages(QuickList):
    """Shows the audit as the history of a row, in place of the admin's own log, which would tell half of it."""

    has_history = True
    """Without it no page leads to the history: nobody changes such rows, so that it would be empty."""

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        """Leave out the way to a history that holds nothing."""
        if not self.has_history:
            context["show_history"] = False
        return super().render_change_form(request, context, *args, **kwargs)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Show who changed what of a row, newest first."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        entries = Paginator(AuditEntry.objects.filter(page=page_of(row)), ENTRIES_A_PAGE).get_page(request.GET.get("p"))
        context = {
            **self.admin_site.each_context(request),
            "title": _("History of %(name)s") % {"name": row},
            "opts": self.opts,
            "original": row,
            "part_title": _("History"),
            "entries": [(entry, kind_of(entry), changes_html(entry)) for entry in entries],
            "pages": entries,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/history.html", context)

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """The audit has it."""

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """The audit has it."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """The audit has it."""
