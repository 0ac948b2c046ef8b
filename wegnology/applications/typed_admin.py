"""Admin pages of rows of different types: first the type is chosen, then its form is shown, made from the type's schema."""

import json
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wegnology.applications.global_offers import GlobalOffers
from wegnology.applications.sealed_form import SealedConfigForm
from wegnology.lib.forms import SchemaFields
from wegnology.lib.speaking import Said


class TypeCard(NamedTuple):
    """A type to choose: what it is, what it can do, and where that is described."""

    name: str
    label: str
    about: str
    icon: str = "key"
    abilities: Sequence[str] = ()
    notice: str = ""
    address: str = ""


def _in_words(value: Any) -> str:
    """Return a setting as people read it: parts of one as JSON."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


class TypedAdmin(GlobalOffers):
    """Pages of rows with `SealedConfig`, each of a type. The address of the form names it: ?type=mqtt."""

    choose_lead: ClassVar[Said]
    """What is asked above the types."""
    choose_empty: ClassVar[Said] = ""
    """What is said when there are none."""

    class Media:
        js = ("wegnology/schema-form.js",)

    def types(self) -> Sequence[TypeCard]:
        """Return every type."""
        raise NotImplementedError

    @admin.display(description=gettext_lazy("Settings"))
    def settings_readonly(self, row: Any) -> SafeString:
        """Return the settings for who may look but not change; secrets only say that they are there."""
        shown, masked = SchemaFields(row.config_schema), row.config_schema.masked(row.config)
        secret = row.config_schema.secret_fields()
        pairs = [(_(choice.title), _(choice.option_of(masked).label)) for choice in row.config_schema.choices]
        pairs += [
            (shown.label(name), _("stored, not shown") if name in secret else _in_words(value)) for name, value in masked.items()
        ]
        lines = format_html_join("", "<dt>{}</dt><dd>{}</dd>", pairs)
        return format_html('<dl class="wg-facts">{}</dl>', lines)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Ask for the type first, then show its form."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        labels = {card.name: card.label for card in self.types()}
        chosen = request.GET.get("type", "")
        if chosen not in labels:
            return self._choose_type(request)
        title = _("Add %(type)s %(kind)s") % {"type": labels[chosen], "kind": self.opts.verbose_name}
        context = {"title": title, **(extra_context or {})}
        return super().add_view(request, form_url, context)

    def _choose_type(self, request: HttpRequest) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("Add %(kind)s") % {"kind": self.opts.verbose_name},
            "types": self.types(),
            "lead": self.choose_lead,
            "empty": self.choose_empty,
        }
        return TemplateResponse(request, "pages/choose_type.html", context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save, and name what was left out because other settings switch it off."""
        super().save_model(request, obj, form, change)
        if isinstance(form, SealedConfigForm) and form.not_kept:
            names = ", ".join(form.not_kept)
            messages.warning(request, _("Not kept, because they do not apply with these settings: %(names)s.") % {"names": names})
