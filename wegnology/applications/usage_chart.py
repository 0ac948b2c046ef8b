"""A month of payloads as bars, a day each, with the pace at which the limit would last for the whole month."""

from datetime import UTC, date, datetime
from typing import NamedTuple

from django.utils import timezone
from django.utils.translation import gettext as _

from wegnology.applications.usage import Month
from wegnology.lib.bars import Segment, stacked

WIDTH = 720
HEIGHT = 120
GAP = 0.2
SOURCES = ("integration", "webhook", "timer", "virtualButton")
"""Kinds of sources with a colour of their own, in the order in which they are stacked; others follow in grey."""


class Day(NamedTuple):
    """One bar."""

    x: float
    width: float
    title: str
    segments: list[Segment]
    label: str


class UsageChart(NamedTuple):
    """All of it. `pace_y` is where the line of the limit is; None without one."""

    days: list[Day]
    sources: list[str]
    top: int
    pace: int | None
    pace_y: float | None
    rows: list[tuple[date, dict[str, int], int]]
    width: int = WIDTH
    height: int = HEIGHT


def usage_chart(month: Month) -> UsageChart:
    """Draw a month. The highest bar, or the line of the limit, is at the upper edge."""
    used = {source for sources in month.days.values() for source, count in sources.items() if count}
    sources = [name for name in SOURCES if name in used] + sorted(used - set(SOURCES))
    totals = {day: sum(counts.values()) for day, counts in month.days.items()}
    pace = None if month.limit is None else month.limit / len(month.days)
    top = max(max(totals.values()), 1, pace * 1.1 if pace and pace < 4 * max(totals.values(), default=0) else 0)
    step = WIDTH / len(month.days)
    days = [_bar(day, counts, sources, at * step, step, top) for at, (day, counts) in enumerate(month.days.items())]
    visible = pace is not None and pace <= top
    rows = [(day, counts, totals[day]) for day, counts in month.days.items() if totals[day]]
    return UsageChart(
        days,
        sources,
        max(totals.values()),
        None if pace is None else int(pace),
        round(HEIGHT - (pace or 0) / top * HEIGHT, 1) if visible else None,
        rows[::-1],
    )


def _bar(day: date, counts: dict[str, int], sources: list[str], x: float, step: float, top: float) -> Day:
    parts = {f"source-{name}" if name in SOURCES else "source-other": counts.get(name, 0) for name in sources}
    told = ", ".join(f"{counts[name]:,} {_(name)}" for name in sources if counts.get(name)) or _("nothing")
    label = str(day.day) if day.day % 5 == 1 and day.day < 30 else ""
    return Day(round(x, 1), round(step * (1 - GAP), 1), f"{day:%d %b}: {told}", stacked(parts, top, HEIGHT), label)


def stopped_text(until: datetime | None) -> str:
    """Return until when intake is stopped, or nothing."""
    return f"{until.astimezone(UTC):%d %b %Y %H:%M} UTC" if until is not None and until > timezone.now() else ""
