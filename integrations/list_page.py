"""The list of integrations: what each row shows of its connection, read for a whole page at once."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.live import Live, read_live
from integrations.models import Integration, LedgerHour
from integrations.panel import badges
from integrations.runtime.status import NEVER_SEEN, ConnectionState, Status
from integrations.wording import ago, state_words
from wegnology.lib.badges import Badge, badge_html
from wegnology.lib.theme import ChangeList

SPARK_HOURS = 12
TOPICS_SHOWN = 3
MOST_LIVE = 200
"""As many rows are read anew with one request."""
STATE_FILTER_ROWS = 20_000


@dataclass(frozen=True)
class Shown:
    """What a row shows of its connection. `hours` are the messages of the last hours, the newest last."""

    badge: Badge
    last_message: str
    rate: str
    throttled: bool
    hours: tuple[int, ...]

    @cached_property
    def parts(self) -> dict[str, str]:
        """The columns that change while the page stands open, as HTML."""
        return {
            "status": badge_html(self.badge),
            "last": self.last_message,
            "rate": rate_html(self),
            "hours": spark_html(self.hours),
        }


class IntegrationList(ChangeList):
    """A page of integrations with their live state: no query or round trip a row."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page's rows, then everything about them at once."""
        super().get_results(request)
        rows: list[Integration] = list(self.result_list)
        self.result_list = rows
        live = read_live([row.pk for row in rows])
        self.away_since = live.away_since
        pages: Any = self.model_admin
        triggered = pages.workflows_of([row.pk for row in rows])
        for row, found in zip(rows, shown(rows, live), strict=True):
            row.shown = found  # type: ignore[attr-defined]
            row.workflows = triggered.get(row.pk, ())  # type: ignore[attr-defined]


def shown(rows: Sequence[Integration], live: Live) -> list[Shown]:
    """Return what each row shows; one query."""
    now_ms = int(time.time() * 1000)
    found, hours = badges(rows, live, now_ms), messages_by_hour([row.pk for row in rows])
    return [_shown(row, found[row.pk], live, hours.get(row.pk, (0,) * SPARK_HOURS), now_ms) for row in rows]


def _shown(row: Integration, badge: Badge, live: Live, hours: tuple[int, ...], now_ms: int) -> Shown:
    if live.away_since is not None:
        return Shown(badge, "—", "—", False, hours)
    status = live.statuses.get(row.pk, NEVER_SEEN)
    return Shown(badge, ago(status.last_message_ms, now_ms), rate_of(status), bool(status.flow.throttled_ms), hours)


def rate_of(status: Status) -> str:
    """Say how many messages a second come, against how many may run; a dash while nobody measured."""
    rate, limit = status.flow.received_per_second, status.flow.limit_per_second
    if rate is None:
        return "—"
    return f"{rate:.1f} / {limit:g}" if limit else f"{rate:.1f}"


def rate_html(found: Shown) -> SafeString:
    """Return the rate; told in words where messages wait for it."""
    note = format_html(' <span class="wg-badge wg-warning">{}</span>', _("throttled")) if found.throttled else ""
    return format_html('<span class="wg-figure">{}</span>{}', found.rate, note)


def messages_by_hour(ids: Sequence[str], hours: int = SPARK_HOURS) -> dict[str, tuple[int, ...]]:
    """Return the messages that came in each of the last hours, the newest last; one query."""
    newest = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    rows = LedgerHour.objects.filter(integration_id__in=ids, hour__gt=newest - timedelta(hours=hours)).order_by()
    found: dict[str, list[int]] = {}
    for pk, hour, counts in rows.values_list("integration_id", "hour", "counts"):
        back = int((newest - hour).total_seconds() // 3600)
        if 0 <= back < hours:
            found.setdefault(pk, [0] * hours)[hours - 1 - back] = int(counts.get("messages", 0))
    return {pk: tuple(line) for pk, line in found.items()}


def spark_html(hours: Sequence[int], words: str = "") -> SafeString:
    """Return a small chart of counts an hour, with what it says in words: of messages, unless `words` say otherwise."""
    top = max(max(hours, default=0), 1)
    said = (words or _("%(count)s messages in %(hours)s hours")) % {"count": f"{sum(hours):,}", "hours": len(hours)}
    bars = format_html_join(
        "",
        '<rect x="{}" y="{}" width="4" height="{}"/>',
        ((at * 5, round(20 - 20 * count / top, 1), round(20 * count / top, 1)) for at, count in enumerate(hours) if count),
    )
    return format_html(
        '<svg class="wg-spark" viewBox="0 0 {} 20" role="img" aria-label="{}"><title>{}</title>{}</svg>',
        len(hours) * 5,
        said,
        said,
        bars,
    )


def topics_html(topics: Iterable[Any], most: int = TOPICS_SHOWN) -> SafeString:
    """Return the first topics, and how many more there are."""
    names = [str(topic) for topic in topics]
    listed = format_html_join(" ", "<code>{}</code>", ((name,) for name in names[:most]))
    more = len(names) - most
    text = format_html(' <span class="wg-detail">{}</span>', _("and %(count)s more") % {"count": more}) if more > 0 else ""
    return format_html('<span class="wg-topics">{}{}</span>', listed, text) if names else SafeString("—")


class StateFilter(admin.SimpleListFilter):
    """Integrations in one state. States are judged as they are read, so all of a person's integrations are looked at."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer every state."""
        return [(state.value, state_words(state)) for state in ConnectionState]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Integration]) -> QuerySet[Integration]:
        """Narrow to the rows that are in the state now."""
        wanted = next((state for state in ConnectionState if state.value == self.value()), None)
        if wanted is None:
            return queryset
        enabled: Mapping[str, bool] = dict(queryset.order_by().values_list("pk", "enabled")[:STATE_FILTER_ROWS])
        statuses = read_live(list(enabled)).statuses
        return queryset.filter(pk__in=[pk for pk, on in enabled.items() if state_of(statuses.get(pk, NEVER_SEEN), on) is wanted])


def state_of(status: Status, enabled: bool) -> ConnectionState:
    """Return the state as pages show it: a row that is switched off and of which nothing is known is disabled."""
    return ConnectionState.DISABLED if not enabled and status.state is ConnectionState.UNKNOWN else status.state
