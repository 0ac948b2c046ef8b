"""The ledger's hours as stacked bars, ready for an inline SVG."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from django.utils import timezone

from integrations.runtime.ledger import HOUR_MS, LedgerLine
from wegnology.lib.bars import Segment, stacked

WIDTH = 720
HEIGHT = 120


class Bar(NamedTuple):
    """One hour."""

    x: float
    width: float
    title: str
    segments: list[Segment]
    balanced: bool


class Chart(NamedTuple):
    """All of it. `labels` stand below the bars at even distances; `top` is the number at the upper edge."""

    bars: list[Bar]
    labels: list[str]
    top: int
    total: int
    width: int = WIDTH
    height: int = HEIGHT


def chart(lines: Iterable[LedgerLine], now_ms: int, hours: int = 24) -> Chart:
    """Draw the last `hours` hours, the newest at the right; hours without a line are empty."""
    by_hour = {line.hour_ms: line for line in lines}
    last = now_ms - now_ms % HOUR_MS
    span = [last - back * HOUR_MS for back in range(hours - 1, -1, -1)]
    shown = [by_hour.get(hour, LedgerLine(hour)) for hour in span]
    top = max([line.received for line in shown] + [1])
    step = WIDTH / hours
    bars = [_bar(line, at * step, step * 0.8, top) for at, line in enumerate(shown)]
    every = max(hours // 6, 1)
    labels = [f"{_local(hour):%H:%M}" for hour in span[::every]]
    return Chart(bars, labels, top, sum(line.received for line in shown))


def _bar(line: LedgerLine, x: float, width: float, top: int) -> Bar:
    parts = {
        "finished": line.finished + line.unmatched,
        "waiting": line.waiting,
        "parked": sum(line.parked.values()),
        "dropped": sum(line.dropped.values()),
    }
    segments = stacked(parts, top, HEIGHT)
    counted = ", ".join(f"{count:,} {kind}" for kind, count in parts.items() if count) or "nothing received"
    balance = "" if line.balanced else " (does not balance)"
    return Bar(round(x, 1), round(width, 1), f"{_local(line.hour_ms):%d %b %H:%M}: {counted}{balance}", segments, line.balanced)


def _local(hour_ms: int) -> datetime:
    return timezone.localtime(datetime.fromtimestamp(hour_ms / 1000, UTC))


def sum_lines(lines: Iterable[LedgerLine]) -> list[LedgerLine]:
    """Add up the lines of many integrations by hour."""
    by_hour: dict[int, LedgerLine] = {}
    for line in lines:
        known = by_hour.get(line.hour_ms, LedgerLine(line.hour_ms))
        by_hour[line.hour_ms] = LedgerLine(
            line.hour_ms,
            known.received + line.received,
            known.messages + line.messages,
            known.finished + line.finished,
            known.unmatched + line.unmatched,
            _sum(known.parked, line.parked),
            _sum(known.dropped, line.dropped),
            known.waiting + line.waiting,
        )
    return [by_hour[hour] for hour in sorted(by_hour, reverse=True)]


def _sum(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {reason: one.get(reason, 0) + other.get(reason, 0) for reason in one.keys() | other.keys()}
