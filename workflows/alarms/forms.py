"""The form of a rule."""

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wegnology.lib.crypto import KeyMissing, SealBroken
from wegnology.lib.fields import LinesField
from wegnology.lib.form_conditions import add_hints
from wegnology.lib.http_address import AddressInvalid, parse_address
from wegnology.lib.theme import ModelForm, PasswordInput
from workflows.alarms.kinds import KINDS
from workflows.models import AlarmRule

MOST_EMAILS = 20
MOST_RULES = 200
MOST_URL = 2_048


def check_emails(lines: list[str]) -> list[str]:
    """Return the addresses, each once; raises `ValidationError` that names the wrong one."""
    found = list(dict.fromkeys(lines))
    if len(found) > MOST_EMAILS:
        raise ValidationError(_("At most %(most)d addresses; use a mailing list for more.") % {"most": MOST_EMAILS})
    for one in found:
        try:
            validate_email(one)
        except ValidationError:
            raise ValidationError(_("%(one)s is no e-mail address.") % {"one": one[:100]}) from None
    return found


def check_url(url: str) -> str:
    """Return an address that can be called; raises `ValidationError`."""
    try:
        parse_address(url)
    except AddressInvalid as error:
        raise ValidationError(str(error)) from None
    return url


class AlarmRuleForm(ModelForm):
    """What is an alarm, and who is told."""

    emails = LinesField(
        label=gettext_lazy("E-mail to"), required=False, help_text=gettext_lazy("One address a line. Empty: no mail.")
    )
    webhook = forms.CharField(
        label=gettext_lazy("Webhook"),
        required=False,
        max_length=MOST_URL,
        widget=PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("An address that is called with POST, JSON and a signature. It is sealed and not shown again."),
    )
    no_webhook = forms.BooleanField(label=gettext_lazy("Remove the webhook"), required=False)

    class Meta:
        model = AlarmRule
        fields = ("application", "kind", "enabled", "threshold", "integration", "emails", "repeat_minutes", "tell_over")
        labels: ClassVar = {
            "repeat_minutes": gettext_lazy("Repeat after minutes"),
            "tell_over": gettext_lazy("Say when it is over"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "kind" in self.fields:
            self._hint("threshold", [kind.name for kind in KINDS.values() if kind.unit])
            self._name_units()
            self._hint("integration", [kind.name for kind in KINDS.values() if kind.of_integrations])
        if "webhook" in self.fields and self.instance.calls:
            self.fields["webhook"].help_text = _("There is one. Leave this empty to keep it, or enter another address.")
        elif "no_webhook" in self.fields:
            del self.fields["no_webhook"]

    def _hint(self, name: str, kinds: Sequence[str]) -> None:
        """Tell the script of the page for which kinds a field is there; without it all are shown, and `clean` decides."""
        widget: Any = self.fields[name].widget
        add_hints(getattr(widget, "widget", widget).attrs, {}, {"kind": kinds}, "")  # a choice of rows is wrapped

    def _name_units(self) -> None:
        """Say what the threshold of each kind counts: the script of the page shows the line of the chosen kind, else all show."""
        lines = [
            (
                json.dumps({"kind": [kind.name]}),
                _("%(alarm)s: in %(unit)s; empty means %(usual)s.")
                % {"alarm": _(kind.label), "unit": _(kind.unit), "usual": f"{kind.usual:g}"},
            )
            for kind in KINDS.values()
            if kind.unit
        ]
        text = format_html_join(" ", '<span class="wg-part" data-when="{}">{}</span>', lines)
        self.fields["threshold"].help_text = text

    def clean_emails(self) -> list[str]:
        """Check each address."""
        return check_emails(self.cleaned_data["emails"])

    def clean_webhook(self) -> str:
        """Check the address."""
        url = str(self.cleaned_data["webhook"]).strip()
        return check_url(url) if url else ""

    def clean(self) -> dict[str, Any]:
        """Check what belongs together."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        application = cleaned.get("application") or (None if self.instance._state.adding else self.instance.application)
        kind = KINDS.get(cleaned.get("kind") or self.instance.kind)
        threshold, integration = cleaned.get("threshold"), cleaned.get("integration")
        if kind and threshold is not None and (fault := kind.threshold_fault(threshold)):
            self.add_error("threshold", fault)
        if integration and application and integration.application_id != application.pk:
            self.add_error("integration", _("Choose an integration of this application."))
        if integration and kind and not kind.of_integrations:
            self.add_error("integration", _("This kind is about the whole application: leave this empty."))
        if self.instance._state.adding and application and application.alarm_rules.count() >= MOST_RULES:
            self.add_error(None, _("An application has at most %(most)d rules. Remove one first.") % {"most": MOST_RULES})
        self._set_webhook(cleaned)
        return cleaned

    def _set_webhook(self, cleaned: dict[str, Any]) -> None:
        """Seal what was entered; the key of the signatures stays when only the address changes."""
        url = cleaned.get("webhook")
        if not (url or cleaned.get("no_webhook")):
            return
        try:
            key = self.instance.receiver()[1] if url else ""
        except (KeyMissing, SealBroken):
            key = ""
        self.instance.call_at(str(url or ""), key)


class RecipientsForm(forms.Form):
    """Who is told, for several rules at once."""

    emails = LinesField(
        label=gettext_lazy("E-mail to"), required=False, help_text=gettext_lazy("One address a line. Empty: no mail.")
    )

    def clean_emails(self) -> list[str]:
        """Check each address."""
        return check_emails(self.cleaned_data["emails"])
