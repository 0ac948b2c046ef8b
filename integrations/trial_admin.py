"""The page that sends a test message, for types that can send. The form is made from the fields of the type's messages.

Editors send, others see what was sent last. The message goes to a tasks process; the page shows what became of it as it comes,
or when it is loaded again.
"""

from typing import Any, ClassVar

from django import forms
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydantic import ValidationError

from integrations import trial_records
from integrations.connectors.base import connectors
from integrations.models import Integration
from integrations.tab_admin import TabPages
from integrations.tasks import enqueue_trial
from integrations.trial_records import TooManyTrials, Trial
from wegnology.applications.audit import record
from wegnology.lib.badges import Badge
from wegnology.lib.forms import SchemaFields
from wegnology.lib.redis import RedisAway
from wegnology.lib.schema import ConfigInvalid, Schema
from wegnology.lib.types import JSONObject

_PAGE = "integrations_integration"
_LOOKS = {
    "waiting": ("schedule", gettext_noop("Waiting for a tasks process"), "info"),
    "running": ("progress_activity", gettext_noop("Being sent"), "info"),
    "sent": ("check_circle", gettext_noop("Sent"), "success"),
    "failed": ("error", gettext_noop("Not sent"), "danger"),
    "unknown": ("help", gettext_noop("Not known"), "warning"),
    "lost": ("help", gettext_noop("No answer"), "warning"),
}


class MessageForm(forms.Form):
    """Made concrete by `message_form`."""

    settings: ClassVar[SchemaFields]
    message: JSONObject

    def clean(self) -> dict[str, Any]:
        """Check the message by the rules of its schema."""
        cleaned = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        self.message = self.settings.to_raw(cleaned, lambda name: None)
        try:
            self.settings.schema.model_validate(self.message)
        except ValidationError as error:
            faults = error.errors(include_input=False, include_url=False)
            told = {".".join(map(str, one["loc"])): one["msg"].removeprefix("Value error, ") for one in faults}
            self.settings.add_errors(self, ConfigInvalid(told))
        return cleaned


def message_form(schema: type[Schema]) -> type[MessageForm]:
    """Return the form of a message to send; what is typed is sent as it is, so no field is a template."""
    fields = SchemaFields(schema, "message_", templates=False)
    declared: dict[str, Any] = dict(fields.form_fields({}))
    return type("MessageForm", (MessageForm,), {**declared, "settings": fields, "__module__": __name__})


class TrialPages(TabPages):
    """Adds the page to those of integrations."""

    def get_urls(self) -> list[URLPattern]:
        """Add the addresses of the page and of what became of a message."""
        wrap = self.admin_site.admin_view
        return [
            path("<str:object_id>/send/", wrap(self.send_view), name=f"{_PAGE}_send"),
            path("<str:object_id>/send/<str:trial_id>", wrap(self.trial_view), name=f"{_PAGE}_trial"),
            *super().get_urls(),
        ]

    def send_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the form, or send."""
        return self._for_row(self._send, "change" if request.method == "POST" else "view", request, object_id)

    def trial_view(self, request: HttpRequest, object_id: str, trial_id: str) -> HttpResponse:
        """Return what became of a test message, for the script."""
        return self._for_row(lambda request, row: _told(row, trial_id), "view", request, object_id)

    def _send(self, request: HttpRequest, row: Integration) -> HttpResponse:
        outgoing = row.connector.Outgoing if row.integration_type in connectors else None
        if outgoing is None:
            raise Http404(_("This type cannot send"))
        kind = message_form(outgoing)
        form = kind(request.POST if request.method == "POST" else None, initial=kind.settings.initial({}))
        if request.method == "POST" and form.is_valid() and (answer := self.ask_trial(request, row, form)) is not None:
            return answer
        title = _("Send a test message through %(name)s") % {"name": row.name}
        page = self.tab_page(request, row, "send", title, form=form, **_last_trial(row))
        page.status_code = 422 if request.method == "POST" else 200
        return page

    def ask_trial(self, request: HttpRequest, row: Integration, form: MessageForm) -> HttpResponse | None:
        """Ask a tasks process to send; None when it cannot be asked, which the form then says."""
        trial = Trial(row.application_id, row.pk, request.user.get_username())
        try:
            trial_records.ask(trial, form.message)
            enqueue_trial(trial.id)
        except TooManyTrials as error:
            form.add_error(None, str(error))
            return None
        except RedisAway as error:
            form.add_error(None, _("Nothing can be sent while Redis cannot be reached: %(error)s") % {"error": error})
            return None
        with transaction.atomic():
            record(None, "test message", row, {"fields": ", ".join(form.message)}, application_id=row.application_id)
        if _by_script(request):
            return JsonResponse({"outcome": reverse(f"admin:{_PAGE}_trial", args=[row.pk, trial.id])}, status=202)
        return redirect(f"admin:{_PAGE}_send", row.pk)


def _last_trial(row: Integration) -> dict[str, Any]:
    try:
        trial = trial_records.read_last(row.pk)
    except RedisAway:
        return {"trial_unknown": True}
    if trial is None:
        return {}
    return {"trial": trial, "badge": _badge(trial), "trial_url": reverse(f"admin:{_PAGE}_trial", args=[row.pk, trial.id])}


def _told(row: Integration, trial_id: str) -> HttpResponse:
    try:
        trial = trial_records.read(trial_id)
    except RedisAway:
        raise Http404("Redis cannot be reached") from None
    if trial is None or trial.integration_id != row.pk:
        raise Http404("There is no such test message; what became of one is kept for a day")
    html = render_to_string("pages/trial.html", {"trial": trial, "badge": _badge(trial)})
    return JsonResponse({"state": trial.state, "over": trial.over, "detail": trial.detail, "html": html})


def _badge(trial: Trial) -> Badge:
    icon, words, tone = _LOOKS[trial.state]
    return Badge(icon, _(words), tone, trial.detail)


def _by_script(request: HttpRequest) -> bool:
    return request.headers.get("X-Requested-With") == "fetch"
