"""Pages that import files, and addresses that hand out exports."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from wegnology.applications.access import forget, may, may_add_applications, may_anywhere
from wegnology.applications.audit import record
from wegnology.applications.models import Application, Role
from workflows.exceptions import Fault
from workflows.exchange.exporting import Exported, Form, NothingToExport, export_application, export_workflows
from workflows.exchange.faults import ImportRefused, shown
from workflows.exchange.importing import import_files
from workflows.exchange.report import Report
from workflows.exchange_choices import Choices
from workflows.exchange_form import NEW, ImportForm
from workflows.exchange_kept import forget_kept, keep
from workflows.models import DEVELOP, Workflow
from workflows.version_content import spoken

Sections = list[tuple[str, str, str, list[Fault]]]


@require_http_methods(["GET", "POST"])
def import_page(request: HttpRequest) -> HttpResponse:
    """Ask for files; tell what an import did, would do, or why nothing was imported."""
    if not (may_anywhere(request.user, Role.EDITOR) or may_add_applications(request.user)):
        raise PermissionDenied
    form = ImportForm(request, request.POST, request.FILES) if request.method == "POST" else ImportForm(request)
    found: dict[str, Any] = {"new": NEW, "most_bytes": settings.IMPORT_BYTES}
    if form.is_bound and form.is_valid():
        found |= _import(request, form)
    elif form.is_bound:
        found |= _keep(request, form) | {"carried": Choices(form.target(), request.POST.dict()).carried}
    status = 422 if found.get("faults") or found.get("misled") else 200
    context = {**admin.site.each_context(request), "title": _("Import"), "form": form, **found}
    return TemplateResponse(request, "pages/import.html", context, status=status)


def _import(request: HttpRequest, form: ImportForm) -> dict[str, Any]:
    """Import, or try; returns what the page says of it. With a wrong choice it is tried, so that the page can ask again."""
    choices = Choices(form.target(), request.POST.dict())
    options = form.options(dry_run="try" in request.POST or bool(choices.faults), integrations=choices.good)
    try:
        report = import_files(form.target(), form.cleaned_data["uploads"], options)
    except ImportRefused as error:
        return {"faults": spoken(error.faults), "carried": choices.carried, **_keep(request, form)}
    found: dict[str, Any] = {"report": report, "sections": _sections(report)}
    if report.dry_run:
        return {**found, "choices": choices.fields(report), "misled": bool(choices.faults), **_keep(request, form)}
    forget(request.user)
    forget_kept(request.user.pk)
    return found


def _keep(request: HttpRequest, form: ImportForm) -> dict[str, Any]:
    """Keep the files for the next step; returns what the page says of them."""
    files = form.cleaned_data.get("uploads") or []
    mark = keep(request.user.pk, files) if files else ""
    return {"kept": mark, "kept_files": [file.name for file in files] if mark else []}


def _sections(report: Report) -> Sections:
    """Return what there is to say beside what arrived: icon, tone, heading and lines."""
    found = [
        ("edit_note", "warning", _("To fill in"), report.to_fill_in),
        ("build", "danger", _("To fix before it can run"), report.to_fix),
        ("block", "warning", _("Not supported here"), report.not_supported),
        ("change_circle", "info", _("Changed"), report.changed),
        ("remove_circle", "muted", _("Left out"), report.left_out),
    ]
    return [(icon, tone, title, spoken(shown(faults))) for icon, tone, title, faults in found if faults]


@require_GET
def export_workflow_page(request: HttpRequest, object_id: str) -> HttpResponse:
    """Hand out a workflow to who may see it: ?form= one of `Form`, ?version= for the form of one."""
    row = Workflow.objects.select_related("application").filter(pk=object_id).first()
    if row is None or not may(request.user, row.application_id, Role.VIEWER):
        raise Http404
    form = request.GET.get("form", Form.JSON.value)
    if form not in [each.value for each in Form]:
        raise Http404
    try:
        return download(export_workflows(row.application, [row], Form(form), request.GET.get("version", DEVELOP)))
    except NothingToExport as error:
        raise Http404(str(error)) from None


@require_GET
def export_application_page(request: HttpRequest, object_id: str) -> HttpResponse:
    """Hand out an application to its administrators; that it was taken is recorded."""
    row = Application.objects.filter(pk=object_id).first()
    if row is None or not may(request.user, object_id, Role.VIEWER):
        raise Http404
    if not may(request.user, object_id, Role.ADMINISTRATOR):
        raise PermissionDenied
    exported = export_application(row)
    with transaction.atomic():
        record(None, "exported", row, {"file": f"{exported.name}, {len(exported.data)} bytes"})
    return download(exported)


def download(exported: Exported) -> HttpResponse:
    """Return an export as a file to save."""
    answer = HttpResponse(exported.data, content_type=exported.content_type)
    answer["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=exported.name)
    return answer
