"""The pages of "is it really working?": a check of an integration as it is in the form, saved or not.

A script shows the steps as they come; without it the answer is a page that looks again every second. Whoever may change an
integration may check it, and sees what checks of the application found.
"""

from contextlib import closing
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from integrations import check_records
from integrations.check_records import CheckRecord, TooManyChecks
from integrations.check_wording import CheckView, view
from integrations.connectors.base import connectors
from integrations.endings import contents_of
from integrations.models import Integration
from integrations.tasks import enqueue_check
from wegnology.applications.access import may
from wegnology.applications.audit import record as record_audit
from wegnology.applications.models import Role
from wegnology.applications.typed_admin import TypedAdmin
from wegnology.lib.check_steps import CheckStep
from wegnology.lib.crypto import KeyMissing, SealBroken
from wegnology.lib.redis import RedisAway, sync_client
from wegnology.lib.types import JSONObject

UNNAMED = gettext_noop("Not saved yet")
_PAGE = "integrations_integration"


class CheckPages(TypedAdmin):
    """What the pages of integrations do about checks."""

    class Media:
        js = ("wegnology/check.js",)

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of checks to those of the rows."""
        wrap = self.admin_site.admin_view
        ours = [
            path("check/", wrap(self.check_new), name=f"{_PAGE}_check_new"),
            path("<str:object_id>/check/", wrap(self.check_row), name=f"{_PAGE}_check"),
            path("checks/<str:check_id>/", wrap(self.check_page), name=f"{_PAGE}_checked"),
            path("checks/<str:check_id>/steps", wrap(self.check_steps), name=f"{_PAGE}_check_steps"),
        ]
        return [*ours, *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Offer to check what is typed."""
        address = f"{reverse(f'admin:{_PAGE}_check_new')}?{request.GET.urlencode()}"
        return super().add_view(request, form_url, {"check_url": address, **(extra_context or {})})

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Offer a check of what is typed."""
        context = dict(extra_context or {})
        row = self.get_object(request, object_id)
        if row is not None and self.allowed(request, "change", row):
            context |= {"check_url": reverse(f"admin:{_PAGE}_check", args=[row.pk])}
        return super().change_view(request, object_id, form_url, context)

    def check_new(self, request: HttpRequest) -> HttpResponse:
        """Check an integration that is not there yet."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if request.GET.get("type", "") not in connectors:
            raise Http404
        return self._check(request, None)

    def check_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Check an integration as its form says now."""
        row = self.get_object(request, object_id)
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        if not self.allowed(request, "change", row):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if row.integration_type not in connectors:
            raise Http404
        return self._check(request, row)

    def _check(self, request: HttpRequest, row: Integration | None) -> HttpResponse:
        stored = settings_of(row) if row is not None else None
        typed = request.POST.copy()
        typed["name"] = typed.get("name") or _(UNNAMED)
        form = self.get_form(request, row, change=row is not None)(typed, instance=row)
        if not form.is_valid():
            return self._faults(
                request, [f"{_label(form, name)}: {text}" for name, texts in form.errors.items() for text in texts]
            )
        wanted: Integration = form.instance
        if not may(request.user, wanted.application_id, Role.EDITOR):
            raise PermissionDenied
        return self.ask_check(request, wanted, saved=stored is not None and stored == settings_of(wanted))

    def ask_check(self, request: HttpRequest, wanted: Integration, *, saved: bool) -> HttpResponse:
        """Ask a tasks process for a check of a row as it stands in memory; its answer is for a script, or leads to a page."""
        record = _record_of(request, wanted, saved=saved)
        if told := [text for _name, text in contents_of(wanted)]:
            record = record.with_step(CheckStep(_("Read keys and certificates"), "ok", 0.0, " ".join(told)))
        try:
            check_records.ask(record, _wanted(wanted))
            enqueue_check(record.id)
        except TooManyChecks as error:
            return self._faults(request, [str(error)])
        except RedisAway as error:
            return self._faults(
                request, [_("Nothing can be checked while Redis cannot be reached: %(error)s") % {"error": error}]
            )
        with transaction.atomic():
            what = _("as saved") if record.saved else _("not saved")
            record_audit(None, "checked", wanted, {"settings": what}, application_id=wanted.application_id)
        if _by_script(request):
            return JsonResponse({"steps": reverse(f"admin:{_PAGE}_check_steps", args=[record.id])}, status=202)
        return redirect(f"admin:{_PAGE}_checked", record.id)

    def _faults(self, request: HttpRequest, faults: list[str]) -> HttpResponse:
        """Say why nothing was checked."""
        if _by_script(request):
            return JsonResponse({"html": render_to_string("pages/check.html", {"faults": faults}), "over": True}, status=422)
        context = {**self.admin_site.each_context(request), "title": _("Check"), "faults": faults}
        return TemplateResponse(request, "admin/integrations/integration/check.html", context, status=422)

    def check_page(self, request: HttpRequest, check_id: str) -> HttpResponse:
        """Show a check; the page looks again while it is under way."""
        record, found = self._found(request, check_id)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Check of %(name)s") % {"name": record.name},
            "record": record,
            "check": found,
            "steps_url": reverse(f"admin:{_PAGE}_check_steps", args=[record.id]),
            "exists": Integration.objects.filter(pk=record.integration_id).exists(),
        }
        return TemplateResponse(request, "admin/integrations/integration/check.html", context)

    def check_steps(self, request: HttpRequest, check_id: str) -> HttpResponse:
        """Return how a check stands, for the script."""
        record, found = self._found(request, check_id)
        steps = [step._asdict() for step in record.steps]
        html = render_to_string("pages/check.html", {"check": found})
        return JsonResponse({"state": record.state, "over": found.over, "steps": steps, "html": html})

    def _found(self, request: HttpRequest, check_id: str) -> tuple[CheckRecord, CheckView]:
        """Return a check that this person may see."""
        try:
            with closing(sync_client()) as client:
                record = check_records.read(client, check_id)
                alive = check_records.tasks_alive(client)
        except RedisAway:
            raise Http404("Redis cannot be reached") from None
        if record is None or not may(request.user, record.application_id, Role.EDITOR):
            raise Http404("There is no such check; what checks found is kept for a day")
        return record, view(record, alive)


def last_check(row: Integration) -> dict[str, Any]:
    """Return what the page shows of the last check of a row, if there was one within a day."""
    try:
        with closing(sync_client()) as client:
            record = check_records.read_last(client, row.pk)
            alive = check_records.tasks_alive(client)
    except RedisAway:
        return {}
    if record is None:
        return {}
    return {"check": view(record, alive), "check_steps_url": reverse(f"admin:{_PAGE}_check_steps", args=[record.id])}


def settings_of(row: Integration) -> tuple[JSONObject, list[str], str] | None:
    """Return what decides how a row connects, defaults left out; None when its secrets cannot be opened."""
    defaults = {name: field.get_default(call_default_factory=True) for name, field in row.config_schema.fields().items()}
    try:
        raw = {name: value for name, value in row.raw_config().items() if value != defaults.get(name)}
        return raw, list(row.topics), row.credential_name
    except (KeyMissing, SealBroken):
        return None


def _record_of(request: HttpRequest, row: Integration, *, saved: bool) -> CheckRecord:
    return CheckRecord(
        application_id=row.application_id,
        integration_id=row.pk,
        name=row.name,
        type_label=row.connector.label,
        asker_id=str(request.user.pk),
        asker=request.user.get_username(),
        saved=saved,
    )


def _wanted(row: Integration) -> JSONObject:
    """Return what the task makes a row of; secrets stay sealed to their places."""
    names = ("id", "application_id", "name", "integration_type", "topics", "config", "credential_name")
    return {name: getattr(row, name) for name in names}


def _label(form: Any, name: str) -> str:
    return str(form.fields[name].label or name) if name in form.fields else _("Settings")


def _by_script(request: HttpRequest) -> bool:
    return request.headers.get("X-Requested-With") == "fetch"
