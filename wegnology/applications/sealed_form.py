"""The form of a row with sealed settings: its own fields, and those of the schema of its type."""

import copy
from typing import Any, ClassVar

from django.urls import reverse
from django.utils.translation import gettext as _

from wegnology.applications.global_offers import offers_address
from wegnology.lib.crypto import KeyMissing, SealBroken
from wegnology.lib.forms import SchemaFields
from wegnology.lib.schema import ConfigInvalid, hints
from wegnology.lib.schema_preview import resolved_preview, show_beside
from wegnology.lib.theme import ModelForm
from wegnology.lib.types import JSONObject, JSONValue


class SealedConfigForm(ModelForm):
    """Made concrete by a class that has the fields of `settings` beside those of its model."""

    settings: ClassVar[SchemaFields]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.not_kept: list[str] = []
        """Labels of settings that were given and left out, because others switch them off."""
        self.initial = {**self.settings.initial(self.instance.config), **self.initial}
        self._aid()
        if not (self.is_bound or self.instance._state.adding):
            self.show_resolved()

    def _aid(self) -> None:
        """Tell the script which inputs hold templates or files."""
        schema, prefix = self.settings.schema, self.settings.prefix
        owner = "" if self.instance._state.adding else self.instance.application_id
        asked = {
            "data-globals": reverse(offers_address(self.instance)),
            "data-application": owner,
            "data-globals-words": _("Globals"),
        }
        for name, field in schema.fields().items():
            attrs = self.fields[prefix + name].widget.attrs
            attrs |= asked if name in schema.templated_fields() else {}
            attrs |= _upload_words() if hints(field).get("multiline") else {}

    def show_resolved(self) -> None:
        """Show beside each template what it gives now, or why it gives nothing."""
        try:
            raw = self.instance.raw_config()
        except (KeyMissing, SealBroken):
            return  # the page says which key is missing
        if self.settings.schema.templates(raw):
            context: JSONObject = {"globals": self.instance.application.globals_for_connections()}
            show_beside(self, self.settings.prefix, resolved_preview(self.settings.schema, raw, context))

    def clean(self) -> dict[str, Any]:
        """Check the settings by the rules of the type; every fault goes beside its field."""
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            self._check_settings(cleaned)
        return cleaned

    def context(self) -> JSONObject:
        """Return what is no setting, but may switch settings off; by JSON name."""
        return {}

    def prepared(self, raw: JSONObject) -> JSONObject:
        """Fill in settings that are assigned."""
        return raw

    def judge(self, raw: JSONObject) -> None:
        """Check the settings; raises `ConfigInvalid` by field."""
        self.settings.schema.check(raw)

    def _check_settings(self, cleaned: dict[str, Any]) -> None:
        try:
            raw = self.settings.to_raw(cleaned, self._stored)
            chosen = self.settings.chosen(cleaned, raw)
            faults = self.settings.choice_faults(chosen, raw)
            for name in self.settings.irrelevant({**raw, **self.context(), **chosen}):
                self.not_kept += [self.settings.label(name)] if self._matters(name, raw) else []
                del raw[name]
            raw = self.prepared(raw)
            self._judge_all(raw, faults)
        except ConfigInvalid as error:
            self.settings.add_errors(self, error)
        except (KeyMissing, SealBroken) as error:
            self.add_error(
                None,
                _("The stored secrets cannot be opened: %(error)s. Enter them anew, or bring the key back.") % {"error": error},
            )
        else:
            self.instance.set_config(raw)

    def _judge_all(self, raw: JSONObject, faults: dict[str, str]) -> None:
        """Check the settings; raises `ConfigInvalid` with these faults, too."""
        try:
            self.judge(raw)
        except ConfigInvalid as error:
            faults = {**error.errors, **faults}
        if faults:
            raise ConfigInvalid(faults)

    def _matters(self, name: str, raw: JSONObject) -> bool:
        """Say whether leaving out a setting loses something a person gave: a default does not count."""
        return bool(raw[name] != self.settings.schema.fields()[name].get_default(call_default_factory=True))

    def _stored(self, name: str) -> JSONValue:
        """Open one stored secret: one that cannot be opened must not stand in the way of the others."""
        if name not in self.instance.config:
            return None
        alone = copy.copy(self.instance)
        alone.config = {name: self.instance.config[name]}
        value: JSONValue = alone.raw_config()[name]
        return value

    def _post_clean(self) -> None:
        """Build the row only from a form without faults: the row's own check would say them all a second time."""
        if not self.errors:
            super()._post_clean()  # type: ignore[misc]


def _upload_words() -> dict[str, str]:
    """Return what the script says that reads files into a field."""
    return {
        "data-upload": _("Read from a file"),
        "data-large": _("{name} is larger than 64 KiB: this is no key or certificate."),
        "data-read": _("{name} was read. A check, or saving, says what it holds."),
    }
