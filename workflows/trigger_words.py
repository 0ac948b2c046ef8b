"""Types of triggers as people say them, the same on every page."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from workflows.graph import INTEGRATION
from workflows.triggers import ALARM, BUTTON, FLOW_ERROR, TIMER, WEBHOOK

OWN_WORDS = {
    BUTTON: gettext_noop("virtual button"),
    TIMER: gettext_noop("timer"),
    WEBHOOK: gettext_noop("webhook"),
    FLOW_ERROR: gettext_noop("error trigger"),
    ALARM: gettext_noop("alarm trigger"),
}
"""By type; of what fires here, beside integrations."""
_WORDS = {INTEGRATION: gettext_noop("integration"), **OWN_WORDS}
_LONGEST = 64


def trigger_words(kind: object) -> str:
    """Say a type of triggers in words; one that is not known here keeps its name, cut to size."""
    text = str(kind or "?")
    return _(_WORDS[text]) if text in _WORDS else text[:_LONGEST]
