"""When logins end: certificates, and shared access signatures of Azure, wherever they stand in settings."""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import unquote

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from wegnology.lib.badges import Badge
from wegnology.lib.certificates import BEGINNING, name_of, read_certificates
from wegnology.lib.types import JSONValue

SOON_DAYS = 30
"""From here on a login is said to end soon."""
_DAY_SECONDS = 86_400
_SIGNED = re.compile(r"(?:^|[?&;\s])sig=")
_ENDS = re.compile(r"(?:^|[?&;\s])se=([^&;\s]+)")
_POLICY = re.compile(r"(?:^|[?&;\s])skn=([^&;\s]+)")


class Expiry(NamedTuple):
    """Something of a setting that ends. `field` is the setting's JSON name; `issuer` is empty for what is not a certificate."""

    field: str
    subject: str
    issuer: str
    not_after: datetime

    def days_left(self, now: datetime) -> int:
        """Return whole days until the end; negative when it is past."""
        return math.floor((self.not_after - now).total_seconds() / _DAY_SECONDS)


def expiries(config: Mapping[str, JSONValue]) -> list[Expiry]:
    """Return all that ends in settings as stored (secrets opened), the first to end first. What cannot be read is left out."""
    found = [entry for name, value in config.items() if isinstance(value, str) for entry in _in_text(name, value)]
    return sorted(found, key=lambda entry: entry.not_after)


def expiry_badge(entry: Expiry, now: datetime) -> Badge:
    """Say how long something is still good for."""
    days = entry.days_left(now)
    until = f"{entry.not_after:%d %b %Y}"
    if days < 0:
        return Badge("event_busy", _("Expired"), "danger", _("since %(date)s") % {"date": until})
    words = ngettext("%(days)s day left", "%(days)s days left", days) % {"days": f"{days:,}"} if days else _("Last day")
    icon, tone = ("schedule", "warning") if days < SOON_DAYS else ("event", "success")
    return Badge(icon, words, tone, _("until %(date)s") % {"date": until})


def _in_text(name: str, text: str) -> Iterator[Expiry]:
    if BEGINNING in text:
        try:
            holders = read_certificates(text)
        except ValueError:
            return
        for one in holders:
            yield Expiry(name, name_of(one.subject), name_of(one.issuer), one.not_valid_after_utc)
    elif _SIGNED.search(text) and (ends := _ENDS.search(text)):
        policy = _POLICY.search(text)
        if (moment := _moment(unquote(ends.group(1)))) is not None:
            yield Expiry(
                name,
                _("Signature of %(policy)s") % {"policy": unquote(policy.group(1))} if policy else _("Shared access signature"),
                "",
                moment,
            )


def _moment(text: str) -> datetime | None:
    """Read seconds since 1970, as Event Hubs writes them, or a date, as storage does."""
    try:
        moment = datetime.fromtimestamp(int(text), UTC) if text.isdecimal() else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
