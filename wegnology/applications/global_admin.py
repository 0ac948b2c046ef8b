"""The globals of an application, on its page: values as JSON, secret ones never shown, and what uses each."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wegnology.applications.global_uses import GlobalUse, uses_of_globals
from wegnology.applications.global_values import MAX_GLOBALS, value_fault
from wegnology.applications.models import Global
from wegnology.applications.owned_admin import OwnedInline
from wegnology.lib.crypto import KeyMissing, SealBroken
from wegnology.lib.fields import JSONTextField
from wegnology.lib.theme import InlineFormSet, ModelForm, SwitchInput, TextInput
from wegnology.lib.types import JSONValue

_HELP = gettext_lazy('JSON: 30, "text" in quotes, true, [1, 2] or {"a": 1}.')
_HIDDEN = gettext_lazy("Type the value: a stored secret is never shown.")
_NOT_JSON = gettext_lazy("This is not JSON, or a key stands twice in one object.")
_SHOWN_USES = 3


class SecretJSONTextField(JSONTextField):
    """A JSON value that never comes back into the page, also not in an error."""

    def prepare_value(self, value: object) -> None:
        """Show nothing."""

    def to_python(self, value: object) -> Any:
        """Return the value; a fault says where, and not what stands there."""
        try:
            return super().to_python(value)
        except ValidationError as error:
            text = _("Line %(line)s, column %(column)s: this is not JSON. Text stands in quotes.")
            text = text % error.params if error.params and "line" in error.params else str(_NOT_JSON)
            raise ValidationError(text, code="json") from None

    def has_changed(self, initial: object, data: object) -> bool:
        """Whatever is typed is a change."""
        return bool(data)


class GlobalForm(ModelForm):
    """One global. A stored secret is kept while nothing is typed, and never shown: to make it plain, type it."""

    value = JSONTextField(label=gettext_lazy("Value"), rows=1, required=False, help_text=_HELP)

    class Meta:
        model = Global
        fields = ("key", "value", "secret", "description")
        widgets: ClassVar = {
            "key": TextInput(attrs={"spellcheck": "false", "class": "wg-code", "placeholder": gettext_lazy("name")}),
            "secret": SwitchInput(),
            "description": TextInput(attrs={"placeholder": gettext_lazy("what it is for")}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.was_secret = bool(self.instance.pk) and self.instance.secret
        if self.was_secret or (self.is_bound and self.data.get(self.add_prefix("secret"))):
            self.fields["value"] = SecretJSONTextField(label=_("Value"), rows=1, required=False, help_text=_HELP)
        if self.was_secret:
            self.initial["value"] = None
            self.fields["value"].widget.attrs["placeholder"] = _("Stored, not shown. Type to replace.")
        for field in self.fields.values():
            field.widget.attrs["aria-label"] = str(field.label)
        self._value: JSONValue = None

    def clean(self) -> dict[str, Any]:
        """Find the value: typed, or the stored one of a secret that stays one."""
        cleaned = super().clean() or self.cleaned_data
        typed = cleaned.pop("value", None)
        if "value" in self.errors:
            return cleaned
        if typed is None and self.was_secret and cleaned.get("secret"):
            self._keep()
        elif typed is None:
            self.add_error(
                "value", _("Type the value: a stored secret is never shown.") if self.was_secret else _("This field is required.")
            )
        elif fault := value_fault(typed):
            self.add_error("value", fault)
        self._value = typed if typed is not None else self._value
        return cleaned

    def _keep(self) -> None:
        """Open the stored value: it is sealed anew for the key as it is now."""
        try:
            self._value = Global.objects.get(pk=self.instance.pk).opened()
        except (KeyMissing, SealBroken) as error:
            if "key" in self.changed_data:
                self.add_error(
                    "value",
                    _("The stored value cannot be opened: %(error)s. Type it, or leave the key as it is.") % {"error": error},
                )

    def _get_validation_exclusions(self) -> set[str]:
        """Leave the value to `clean`: the model's field would refuse [] and {} as blank."""
        return {*super()._get_validation_exclusions(), "value"}  # type: ignore[misc]

    def save(self, commit: bool = True) -> Any:
        """Save with the value as it is kept."""
        if self._value is not None:
            self.instance.set_value(self._value, secret=self.cleaned_data["secret"])
        return super().save(commit)


class GlobalFormSet(InlineFormSet):
    """All globals of an application together."""

    def clean(self) -> None:
        """Refuse more than there may be, and a key that stands twice."""
        kept = [form for form in self.forms if form not in self.deleted_forms and (form.has_changed() or form.instance.pk)]
        seen: set[str] = set()
        for form in kept:
            key = getattr(form, "cleaned_data", {}).get("key")
            if key in seen:
                form.add_error("key", _("There is another global `%(key)s`.") % {"key": key})
            if key:
                seen.add(key)
        if len(kept) > MAX_GLOBALS:
            raise ValidationError(
                _("An application has at most %(max_globals)s globals; here are %(count)s.")
                % {"max_globals": MAX_GLOBALS, "count": len(kept)},
                code="too_many_globals",
            )
        super().clean()


class GlobalInline(OwnedInline):
    """The globals of an application."""

    model = Global
    form = GlobalForm
    formset = GlobalFormSet
    fields = ("key", "value", "secret", "description", "used_by")
    readonly_fields = ("used_by",)
    verbose_name_plural = gettext_lazy("Globals")

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Look up what uses the globals, once for the page."""
        keys = list(obj.globals.values_list("key", flat=True)) if obj else []
        self._uses = uses_of_globals(obj.pk, keys) if keys else {}
        return super().get_formset(request, obj, **kwargs)

    @admin.display(description=gettext_lazy("Used by"))
    def used_by(self, row: Global) -> SafeString:
        """Return links to the first few that name it."""
        uses = self._uses.get(row.key, [])
        links = format_html_join(
            ", ", '<a class="wg-link" href="{}">{}</a>', ((use.address, use.name) for use in uses[:_SHOWN_USES])
        )
        more = len(uses) - _SHOWN_USES
        return format_html("{} {}", links, _("and %(count)s more") % {"count": more}) if more > 0 else links or SafeString("—")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Show the uses, and to who may only look, no value of a secret."""
        return self.readonly_fields if self.has_change_permission(request, obj) else (*self.readonly_fields, "value_shown")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Who may only look is shown values through `value_shown`."""
        change = self.has_change_permission(request, obj)
        return self.fields if change else ("key", "value_shown", "secret", "description", "used_by")

    @admin.display(description=gettext_lazy("Value"))
    def value_shown(self, row: Global) -> str:
        """Return the value as JSON; of a secret only that there is one."""
        return _("stored, not shown") if row.secret else str(JSONTextField().prepare_value(row.value))


def warn_of_deleted(request: HttpRequest, formset: Any) -> None:
    """Say which deleted globals are still named, and by what. Call it after the formset was saved."""
    gone = [row for row in getattr(formset, "deleted_objects", []) if isinstance(row, Global)]
    if not gone:
        return
    uses = uses_of_globals(gone[0].application_id, [row.key for row in gone])
    for key, names in uses.items():
        if names:
            messages.warning(
                request,
                _("The global `%(key)s` is gone, and still named by %(listed)s.") % {"key": key, "listed": _listed(names)},
            )


def _listed(uses: list[GlobalUse]) -> str:
    shown = ", ".join(f"{use.kind} {use.name}" for use in uses[:_SHOWN_USES])
    more = len(uses) - _SHOWN_USES
    return _("%(shown)s and %(more)s more") % {"shown": shown, "more": more} if more > 0 else shown
