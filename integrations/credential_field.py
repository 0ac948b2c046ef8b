"""The choice of a service credential in the form of an integration; without one, the login is entered."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wegnology.applications.credentials import FIELD
from wegnology.applications.models import Credential
from wegnology.lib.theme import Select

CREDENTIAL = f"config_{FIELD}"
"""Name of the form's field: it stands among the settings, some of which it replaces."""
_LOST = "lost"
_HELP = gettext_lazy(
    'A login kept under <a class="wg-link" href="{address}">Service credentials</a> and used by its name; it takes the place of '
    "one entered here."
)


class CredentialField(forms.ChoiceField):
    """Cleans to a credential; None to enter the login; `lost` to leave a name that no credential has any more."""

    def __init__(self, credentials: Iterable[Credential], named: str, *, by_application: bool) -> None:
        self._rows = {row.pk: row for row in credentials}
        self._ids = {row.name: row.pk for row in self._rows.values()} if not by_application else {}
        super().__init__(
            choices=self._offered(named, by_application=by_application),
            required=False,
            label=_("Credential"),
            help_text=format_html(str(_HELP), address=reverse("admin:applications_credential_changelist")),
            widget=Select(),
        )

    def _offered(self, named: str, *, by_application: bool) -> list[Any]:
        offered: list[Any] = [("", _("Enter connection info"))]
        if named and named not in self._ids:
            offered.append((_LOST, _("%(named)s (missing)") % {"named": named}))
        if not by_application:
            return [*offered, *((row.pk, _label(row)) for row in self._rows.values())]
        groups: dict[str, list[tuple[str, str]]] = {}
        for row in self._rows.values():
            groups.setdefault(str(row.application), []).append((row.pk, _label(row)))
        return [*offered, *groups.items()]

    def value_of(self, name: str) -> str:
        """Return what is selected when a row names this credential."""
        return self._ids.get(name, _LOST) if name else ""

    def clean(self, value: Any) -> Credential | str | None:
        """Return what was chosen."""
        chosen = super().clean(value)
        return self._rows.get(chosen, chosen or None)


def _label(row: Credential) -> str:
    text = "%(name)s (%(kind)s)" if row.enabled else _("%(name)s (%(kind)s, disabled)")
    return text % {"name": row.name, "kind": row.kind_label}
