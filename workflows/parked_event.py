"""The event of a parked run as people read it: the names and forms that the page of a message uses."""

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from integrations.events import EventUnreadable, TriggerEvent
from integrations.inspection import view
from integrations.templatetags.ledger import clock
from workflows.models import ParkedRun
from workflows.trigger_words import trigger_words


def event_of(row: ParkedRun) -> TriggerEvent | None:
    """Return the event; None where what was stored is none."""
    try:
        return TriggerEvent.from_json(row.event.encode())
    except EventUnreadable:
        return None


def event_html(row: ParkedRun) -> SafeString:
    """Say what happened and when; what cannot be read stands as it was stored."""
    event = event_of(row)
    if event is None:
        return format_html('<p>{}</p><pre class="wg-code" tabindex="0">{}</pre>', _("It cannot be read:"), row.event)
    facts = [(_("Event"), event.id), (_("Received"), clock(event.time_ms)), (_("What happened"), str(event.kind))]
    if event.origin:
        facts.append((_("Fired by"), f"{trigger_words(event.origin.trigger_type)} {event.origin.trigger_id}"))
    if event.version:
        facts.append((_("Version asked for"), event.version))
    return format_html('<dl class="wg-facts">{}</dl>', format_html_join("", "<dt>{}</dt><dd>{}</dd>", facts))


def data_html(row: ParkedRun) -> SafeString:
    """Show each part of its data, decoded as on the page of a message."""
    event = event_of(row)
    is_base64 = event is not None and event.data.get("encoding") == "base64"
    parts = [view(name, value, is_base64=is_base64) for name, value in (event.data if event else {}).items()]
    shown = ((part.name, part.form, part.text) for part in parts)
    form = '<h3 class="wg-part">{} <span class="wg-detail">{}</span></h3><pre class="wg-code" tabindex="0">{}</pre>'
    return format_html_join("", form, shown) or SafeString("—")
