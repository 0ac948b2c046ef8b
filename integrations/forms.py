"""The form of one integration: what all types share, and the settings of its type from the connector's schema."""

import types
from collections.abc import Iterable
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.html import escape, format_html
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _

from integrations.connectors.base import AnyConnector
from integrations.credential_field import CREDENTIAL, CredentialField
from integrations.endings import contents_of
from integrations.models import Integration
from wegnology.applications.credentials import FIELD
from wegnology.applications.models import Credential
from wegnology.applications.sealed_form import SealedConfigForm
from wegnology.lib.forms import SchemaFields
from wegnology.lib.schema import hints
from wegnology.lib.topic_fields import TextRowsField
from wegnology.lib.types import JSONObject


class IntegrationForm(SealedConfigForm):
    """Made concrete by `form_for`, which adds the fields of a connector."""

    connector: ClassVar[type[AnyConnector]]

    class Meta:
        model = Integration
        fields = ("application", "name", "enabled", "topics", "throttle_per_second")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            self.instance.integration_type = self.connector.name
        if isinstance(field := self.fields.get(CREDENTIAL), CredentialField):
            self.initial[CREDENTIAL] = field.value_of(self.instance.credential_name)
        if "topics" in self.fields:
            address = f"{reverse('admin:integrations_integration_topics')}?type={self.connector.name}"
            self.fields["topics"].widget.attrs["data-judge"] = address

    def show_resolved(self) -> None:
        """Show what keys and certificates hold, too."""
        super().show_resolved()
        for name, text in contents_of(self.instance):
            if field := self.fields.get(self.settings.prefix + name):
                field.help_text = format_html('{}<span class="wg-resolved">{}</span>', mark_safe(field.help_text or ""), text)  # noqa: S308  (escaped before)

    def clean(self) -> dict[str, Any]:
        """Check topics, login and settings by the connector's rules; every fault goes beside its field."""
        cleaned = self.cleaned_data
        self._check_topics(cleaned.get("topics") or [])
        self._take_credential(cleaned)
        return super().clean()

    def context(self) -> JSONObject:
        """Let a service credential switch off the settings that it replaces."""
        return {FIELD: self.instance.credential_name}

    def prepared(self, raw: JSONObject) -> JSONObject:
        """Let the connector fill in what it assigns."""
        return self.connector.prepare(raw)

    def judge(self, raw: JSONObject) -> None:
        """Check the settings, then how they go together with the login."""
        super().judge(raw)
        self.instance.check_login(raw)

    def _check_topics(self, topics: list[str]) -> None:
        if "topics" not in self.fields or "topics" in self.errors:
            return
        found = self.connector.check_topics(topics)
        if found:
            found = {at: _(text) for at, text in found.items()}
            self.fields["topics"].widget.faults = found
            self.add_error("topics", ValidationError([f"{topics[at]}: {text}" for at, text in found.items()]))

    def _take_credential(self, cleaned: dict[str, Any]) -> None:
        """Put the chosen credential into the row; it must be of the row's application."""
        application = cleaned.get("application")
        if self.instance._state.adding and application is not None:
            self.instance.application = application
        field = self.fields.get(CREDENTIAL)
        if not isinstance(field, CredentialField) or CREDENTIAL not in cleaned:
            return
        chosen = cleaned[CREDENTIAL]
        if isinstance(chosen, Credential):
            if application is not None and chosen.application_id != application.pk:
                text = _("“%(name)s” belongs to %(owner)s, not to %(application)s.")
                text = f"{text} {_('Choose one of %(application)s, or add it there first.')}"
                said = {"name": chosen.name, "owner": chosen.application, "application": application}
                self.add_error(CREDENTIAL, text % said)
            self.instance.credential_name = chosen.name
        elif chosen is None:
            self.instance.credential_name = ""


def form_for(
    connector: type[AnyConnector],
    stored: JSONObject,
    credentials: Iterable[Credential] = (),
    *,
    named: str = "",
    by_application: bool = False,
) -> type[IntegrationForm]:
    """Return the form class of a type. `stored` is asked which secrets are there.

    `credentials` may be chosen from, `named` is the one that the row names now, `by_application` groups them.
    """
    settings = SchemaFields(connector.Config)
    declared: dict[str, Any] = dict(settings.form_fields(stored))
    if connector.topics_label:
        declared["topics"] = TextRowsField(
            label=_(connector.topics_label), help_text=escape(_(connector.topics_help)), required=connector.topics_required
        )
    if connector.credential_types:
        declared[CREDENTIAL] = CredentialField(credentials, named, by_application=by_application)
    members = {**declared, "connector": connector, "settings": settings, "__module__": __name__}
    made: type[IntegrationForm] = types.new_class(
        f"{connector.name.capitalize()}Form", (IntegrationForm,), exec_body=lambda namespace: namespace.update(members)
    )
    return made


def sections_of(connector: type[AnyConnector]) -> dict[str, list[str]]:
    """Return the form's fields by section. A choice of credentials leads the section with what it replaces, else all of them."""
    settings = SchemaFields(connector.Config)
    sections = settings.sections()
    if not connector.credential_types:
        return sections
    replaces = {name for name, field in connector.Config.fields().items() if FIELD in hints(field).get("when", {})}
    for section, names in sections.items():
        if {settings.prefix + name for name in replaces} & set(names):
            return {**sections, section: [CREDENTIAL, *names]}
    return {"Login": [CREDENTIAL], **sections}
