"""Template filters for counts and times of the ledger."""

from collections.abc import Mapping
from datetime import UTC, datetime

from django import template
from django.utils import timezone
from django.utils.translation import gettext

register = template.Library()


@register.filter
def thousands(count: float) -> str:
    """Write a count so that it can be read: 12,345."""
    return f"{count:,}"


@register.filter
def unlocalized(number: float) -> str:
    """Write a coordinate with a point, whatever the language."""
    return str(number)


@register.filter
def hour(hour_ms: int) -> str:
    """Write an hour given in milliseconds since 1970."""
    return f"{timezone.localtime(datetime.fromtimestamp(hour_ms / 1000, UTC)):%d %b %H:%M}"


@register.filter
def clock(moment_ms: int) -> str:
    """Write a moment given in milliseconds since 1970, to the millisecond."""
    local = timezone.localtime(datetime.fromtimestamp(moment_ms / 1000, UTC))
    return f"{local:%d %b %H:%M:%S}.{moment_ms % 1000:03d}"


@register.filter
def moment_iso(moment_ms: int) -> str:
    """Write the same for programs: ISO 8601."""
    return datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat()


@register.filter
def words(text: str) -> list[str]:
    """Split a text at blanks."""
    return text.split()


@register.filter
def day(day_ms: int) -> str:
    """Write a day given by its start in milliseconds since 1970."""
    return f"{timezone.localtime(datetime.fromtimestamp(day_ms / 1000, UTC)):%d %b}"


@register.filter
def reasons(counts: Mapping[str, int]) -> str:
    """Write counts by reason: "3 error, 1 too large"; nothing is 0."""
    return ", ".join(f"{count:,} {gettext(reason)}" for reason, count in sorted(counts.items())) or "0"


@register.filter
def of(counts: Mapping[str, int], name: str) -> int:
    """Return one count; what was not counted is 0."""
    return counts.get(name, 0)


@register.filter
def mebibytes(size: int) -> str:
    """Write a size in bytes as MiB."""
    return f"{size / 1024 / 1024:,.1f} MiB"
