"""A state in words, an icon and a tone, the same on every page."""

from typing import NamedTuple

from django.utils.html import format_html
from django.utils.safestring import SafeString

from wegnology.lib.speaking import Said


class Badge(NamedTuple):
    """What a person sees of a state: an icon's name, one or two words, how it is coloured, one sentence."""

    icon: str
    words: Said
    tone: str
    detail: Said = ""


def badge_html(badge: Badge) -> SafeString:
    """Return icon, words and detail; the words are there for who cannot see the icon or its colour."""
    detail = format_html(' <span class="wg-detail">{}</span>', badge.detail) if badge.detail else ""
    return format_html(
        '<span class="wg-row"><span class="wg-badge wg-{}"><span class="material-symbols-outlined" aria-hidden="true">{}</span>'
        "{}</span>{}</span>",
        badge.tone,
        badge.icon,
        badge.words,
        detail,
    )
