"""The form of one integration: what all types share, and the settings of its type from the connector's schema."""

import types
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.utils.html import escape

from integrations.connectors.base import AnyConnector
from integrations.models import Integration
from wegnology.lib.crypto import KeyMissing, SealBroken
from wegnology.lib.fields import LinesField
from wegnology.lib.forms import SchemaFields
from wegnology.lib.schema import ConfigInvalid
from wegnology.lib.theme import ModelForm
from wegnology.lib.types import JSONObject, JSONValue


class IntegrationForm(ModelForm):
    """Made concrete by `form_for`, which adds the fields of a connector."""

    connector: ClassVar[type[AnyConnector]]
    settings: ClassVar[SchemaFields]

    class Meta:
        model = Integration
        fields = ("application", "name", "enabled", "topics", "throttle_per_second")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            self.instance.integration_type = self.connector.name
        self.not_kept: list[str] = []
        self.initial = {**self.settings.initial(self.instance.config), **self.initial}

    def clean(self) -> dict[str, Any]:
        """Check topics and settings by the connector's rules; every fault goes beside its field."""
        cleaned = super().clean() or self.cleaned_data
        self._check_topics(cleaned.get("topics") or [])
        if not self.errors:
            self._check_settings(cleaned)
        return cleaned

    def _check_topics(self, topics: list[str]) -> None:
        if "topics" not in self.fields or "topics" in self.errors:
            return
        faults = [f"{topics[at]}: {text}" for at, text in self.connector.check_topics(topics).items()]
        if faults:
            self.add_error("topics", ValidationError(faults))

    def _check_settings(self, cleaned: dict[str, Any]) -> None:
        try:
            raw = self.settings.to_raw(cleaned, self._stored)
            for name in self.settings.irrelevant(raw):
                self.not_kept += [self.settings.label(name)] if self._matters(name, raw) else []
                del raw[name]
            raw = self.connector.prepare(raw)
            self.connector.Config.check(raw)
        except ConfigInvalid as error:
            self.settings.add_errors(self, error)
        except (KeyMissing, SealBroken) as error:
            self.add_error(None, f"The stored secrets cannot be opened: {error}. Enter them anew, or bring the key back.")
        else:
            self.instance.set_config(raw)

    def _matters(self, name: str, raw: JSONObject) -> bool:
        """Say whether leaving out a setting loses something a person gave: a default does not count."""
        return bool(raw[name] != self.connector.Config.fields()[name].get_default(call_default_factory=True))

    def _stored(self, name: str) -> JSONValue:
        """Open one stored secret: one that cannot be opened must not stand in the way of the others."""
        if name not in self.instance.config:
            return None
        alone = Integration(pk=self.instance.pk, config={name: self.instance.config[name]})
        return alone.raw_config()[name]

    def _post_clean(self) -> None:
        """Build the row only from a form without faults: the row's own check would say them all a second time."""
        if not self.errors:
            super()._post_clean()  # type: ignore[misc]


def form_for(connector: type[AnyConnector], stored: JSONObject) -> type[IntegrationForm]:
    """Return the form class of a type. `stored` is asked which secrets are there."""
    settings = SchemaFields(connector.Config)
    declared: dict[str, Any] = dict(settings.form_fields(stored))
    if connector.topics_label:
        declared["topics"] = LinesField(
            label=connector.topics_label, help_text=escape(connector.topics_help), required=connector.topics_required
        )
    members = {**declared, "connector": connector, "settings": settings, "__module__": __name__}
    made: type[IntegrationForm] = types.new_class(
        f"{connector.name.capitalize()}Form", (IntegrationForm,), exec_body=lambda namespace: namespace.update(members)
    )
    return made
