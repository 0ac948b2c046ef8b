"""The pages of a workflow's versions: list, one version, comparison, deletion. Mixed into the workflow's admin.

Everything is done by `workflows.versions`; what it refuses is shown beside the field, or above the page.
"""

import json
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from workflows.exceptions import VersionMissing, VersionRefused
from workflows.models import DEVELOP, PARTS, Workflow, WorkflowVersion
from workflows.trigger_panel import shown_triggers
from workflows.triggers import BUTTON
from workflows.version_content import content_of, graph_faults, spoken
from workflows.version_diff import difference
from workflows.version_forms import VersionForm
from workflows.version_panel import badge_of, lines_of, newest_and_same
from workflows.version_uses import uses_of
from workflows.versions import (
    create_version,
    delete_versions,
    find_version,
    save_develop,
    set_default,
    set_enabled,
    set_notes,
)

View = Callable[..., HttpResponse]


class VersionPages:
    """The addresses below a workflow's page that show its versions and act on them."""

    def version_urls(self: Any) -> list[URLPattern]:
        """Return the addresses; they stand before those of the workflow itself."""
        views: list[tuple[str, View, str]] = [
            ("<path:object_id>/versions/", self.versions_view, "versions"),
            ("<path:object_id>/versions/compare/", self.compare_view, "compare"),
            ("<path:object_id>/versions/<str:version_id>/", self.version_view, "version"),
            ("<path:object_id>/versions/<str:version_id>/delete/", self.version_delete_view, "version_delete"),
        ]
        return [path(route, self.admin_site.admin_view(view), name=f"workflows_workflow_{name}") for route, view, name in views]

    def versions_view(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        """List the versions; make one of develop."""
        row, gone = self._versioned(request, object_id)
        if row is None:
            return gone  # type: ignore[no-any-return]
        form = VersionForm(request.POST or None)
        if request.method == "POST":
            self._demand_editor(request, row)
            if form.is_valid() and _create(request, row, form):
                return _to("versions", row)
        newest, same = newest_and_same(row)
        live = row.live()
        faults = spoken(graph_faults(content_of(live), None)) if live else []
        context = {"lines": lines_of(row), "form": form, "newest": newest, "same": same, "live": live, "faults": faults}
        return self._version_page(request, row, "list", _("Versions of %(name)s") % {"name": row.name}, context)  # type: ignore[no-any-return]

    def version_view(self: Any, request: HttpRequest, object_id: str, version_id: str) -> HttpResponse:
        """Show one version; do what its buttons ask for."""
        row, gone = self._versioned(request, object_id)
        if row is None:
            return gone  # type: ignore[no-any-return]
        version = _version(row, version_id)
        if request.method == "POST":
            self._demand_editor(request, row)
            return _act(request, row, version)
        may_change = self.has_change_permission(request, row)
        context = {
            "version": version,
            "badge": badge_of(row, version),
            "faults": spoken(graph_faults(content_of(version), None)[:20]),
            "buttons": [one for one in shown_triggers(request, row, may_change, version) if one.kind == BUTTON],
            "text": json.dumps({part: getattr(version, part) for part in PARTS}, indent=2, ensure_ascii=False),
            "is_default": row.default_version_id == version.pk,
            "uses": uses_of(version) if version.name != DEVELOP else None,
        }
        return self._version_page(request, row, "page", _("%(workflow)s: version %(version)s") % _names(row, version), context)  # type: ignore[no-any-return]

    def compare_view(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what differs from one version to another."""
        row, gone = self._versioned(request, object_id)
        if row is None:
            return gone  # type: ignore[no-any-return]
        choices = [line.version for line in lines_of(row)]
        before, after = (_chosen(row, request.GET.get(name, "")) for name in ("before", "after"))
        found = difference(content_of(before), content_of(after)) if before and after else None
        context = {"choices": choices, "before": before, "after": after, "found": found}
        return self._version_page(request, row, "compare", _("Compare versions of %(name)s") % {"name": row.name}, context)  # type: ignore[no-any-return]

    def version_delete_view(self: Any, request: HttpRequest, object_id: str, version_id: str) -> HttpResponse:
        """Ask, saying what goes with it, or delete."""
        row, gone = self._versioned(request, object_id)
        if row is None:
            return gone  # type: ignore[no-any-return]
        self._demand_editor(request, row)
        version = _version(row, version_id)
        if request.method == "POST":
            try:
                delete_versions(row, [version])
            except VersionRefused as error:
                messages.error(request, str(error))
                return _to("version", row, version)
            messages.success(
                request, _("Deleted: %(name)s. An administrator can restore it from the trash.") % {"name": version.name}
            )
            return _to("versions", row)
        context = {"version": version, "uses": uses_of(version), "is_default": row.default_version_id == version.pk}
        return self._version_page(request, row, "delete", _("Delete the version %(name)s") % {"name": version.name}, context)  # type: ignore[no-any-return]

    def _versioned(self: Any, request: HttpRequest, object_id: str) -> tuple[Workflow | None, HttpResponse | None]:
        """Return the workflow, or the answer for one that is not there for this person. Raises `PermissionDenied`."""
        row = self.get_object(request, object_id)
        if row is None:
            return None, self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        return row, None

    def _demand_editor(self: Any, request: HttpRequest, row: Workflow) -> None:
        if not self.has_change_permission(request, row):
            raise PermissionDenied

    def _version_page(
        self: Any, request: HttpRequest, row: Workflow, template: str, title: str, context: dict[str, Any]
    ) -> HttpResponse:
        shared = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "original": row,
            "workflow": row,
            "may_change": self.has_change_permission(request, row),
        }
        return TemplateResponse(request, f"admin/workflows/version/{template}.html", {**shared, **context})


def _version(row: Workflow, version_id: str) -> WorkflowVersion:
    try:
        return find_version(row, version_id)
    except VersionMissing as error:
        raise Http404(str(error)) from None


def _chosen(row: Workflow, version_id: str) -> WorkflowVersion | None:
    return _version(row, version_id) if version_id else None


def _names(row: Workflow, version: WorkflowVersion) -> dict[str, str]:
    return {"workflow": row.name, "version": version.name}


def _to(name: str, row: Workflow, version: WorkflowVersion | None = None) -> HttpResponse:
    arguments = [row.pk, version.pk] if version else [row.pk]
    return HttpResponseRedirect(reverse(f"admin:workflows_workflow_{name}", args=arguments))


def _create(request: HttpRequest, row: Workflow, form: VersionForm) -> bool:
    given = form.cleaned_data
    try:
        version = create_version(row, given["name"], notes=given["notes"], make_default=given["make_default"])
    except VersionRefused as error:
        form.add_error(error.field if error.field in form.fields else None, str(error))
        return False
    words = _("%(name)s is kept, and is the default version now.") if given["make_default"] else _("%(name)s is kept.")
    messages.success(request, words % {"name": version.name})
    return True


def _act(request: HttpRequest, row: Workflow, version: WorkflowVersion) -> HttpResponse:
    """Do what a button of a version's page asks for."""
    act = _ACTS.get(request.POST.get("do", ""))
    if act is None:
        messages.error(request, _("Nothing was done: this page knows no such button."))
        return _to("version", row, version)
    try:
        messages.success(request, act(request, row, version))
    except VersionRefused as error:
        messages.error(request, str(error))
    return _to("version", row, version)


def _default(_request: HttpRequest, row: Workflow, version: WorkflowVersion) -> str:
    set_default(row, version)
    return _("%(name)s is the default version: within two seconds triggers start it.") % {"name": version.name}


def _enable(_request: HttpRequest, _row: Workflow, version: WorkflowVersion) -> str:
    set_enabled(version, True)
    return _("%(name)s is enabled.") % {"name": version.name}


def _disable(_request: HttpRequest, _row: Workflow, version: WorkflowVersion) -> str:
    set_enabled(version, False)
    return _("%(name)s is disabled: nothing starts it. Events accepted for it are parked when their turn comes.") % {
        "name": version.name
    }


def _notes(request: HttpRequest, _row: Workflow, version: WorkflowVersion) -> str:
    set_notes(version, request.POST.get("notes", ""))
    return _("The notes are saved.")


def _revert(request: HttpRequest, row: Workflow, version: WorkflowVersion) -> str:
    kept = request.POST.get("keep_as", "").strip()
    save_develop(row, content_of(version), keep_as=kept)
    text = _("Develop holds what %(name)s holds.") % {"name": version.name}
    return f"{text} {_('What it held before is kept as %(name)s.') % {'name': kept}}" if kept else text


_ACTS: dict[str, Callable[[HttpRequest, Workflow, WorkflowVersion], str]] = {
    "default": _default,
    "enable": _enable,
    "disable": _disable,
    "notes": _notes,
    "revert": _revert,
}
