"""Pages that import files, and addresses that hand out exports."""

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
from workflows.exchange_form import NEW, ImportForm
from workflows.models import DEVELOP, Workflow

Sections = list[tuple[str, str, str, list[Fault]]]


@require_http_methods(["GET", "POST"])
def import_page(request: HttpRequest) -> HttpResponse:
    """Ask for files; tell what an import did, would do, or why nothing was imported."""
    if not (may_anywhere(request.user, Role.EDITOR) or may_add_applications(request.user)):
        raise PermissionDenied
    form = ImportForm(request, request.POST, request.FILES) if request.method == "POST" else ImportForm(request)
    context = {**admin.site.each_context(request), "title": _("Import"), "form": form, "new": NEW}
    status = 200
    if form.is_bound and form.is_valid():
        try:
            report = import_files(form.target(), form.cleaned_data["uploads"], form.options(dry_run="try" in request.POST))
        except ImportRefused as error:
            context["faults"], status = error.faults, 422
        else:
            context |= {"report": report, "sections": _sections(report)}
            forget(request.user)
    return TemplateResponse(request, "pages/import.html", context, status=status)


def _sections(report: Report) -> Sections:
    """Return what there is to say beside what arrived: icon, tone, heading and lines."""
    found = [
        ("edit_note", "warning", _("To fill in"), report.to_fill_in),
        ("build", "danger", _("To fix before it can run"), report.to_fix),
        ("block", "warning", _("Not supported here"), report.not_supported),
        ("change_circle", "info", _("Changed"), report.changed),
        ("remove_circle", "muted", _("Left out"), report.left_out),
    ]
    return [(icon, tone, title, shown(faults)) for icon, tone, title, faults in found if faults]


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
