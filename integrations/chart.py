"""The ledger's hours as stacked bars, ready for an inline SVG."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from django.utils import timezone

from integrations.ledger_reading import start_of_day
from integrations.ledger_reading import sum_lines as sum_lines
from integrations.runtime.ledger import HOUR_MS, LedgerLine, SentLine
from wegnology.lib.bars import Segment, stacked

WIDTH = 720
HEIGHT = 120
DAY_MS = 24 * HOUR_MS


class Bar(NamedTuple):
    """One hour, or day."""

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
    kinds: Sequence[str] = ()
    by_day: bool = False


def chart(
    lines: Sequence[LedgerLine] | Sequence[SentLine],
    now_ms: int,
    hours: int = 24,
    empty: Callable[[int], LedgerLine | SentLine] = LedgerLine,
) -> Chart:
    """Draw the last `hours` hours, the newest at the right; hours without a line are empty. `empty` makes such an hour."""
    last = now_ms - now_ms % HOUR_MS
    return _drawn(lines, [last - back * HOUR_MS for back in range(hours - 1, -1, -1)], empty, "%d %b %H:%M", "%H:%M")


def day_chart(
    lines: Sequence[LedgerLine] | Sequence[SentLine],
    now_ms: int,
    days: int,
    empty: Callable[[int], LedgerLine | SentLine] = LedgerLine,
) -> Chart:
    """Draw the last `days` days of lines that were added up by day."""
    noon = start_of_day(now_ms) + DAY_MS // 2
    span = [start_of_day(noon - back * DAY_MS) for back in range(days - 1, -1, -1)]
    return _drawn(lines, span, empty, "%d %b", "%d %b")._replace(by_day=True)


def _drawn(
    lines: Sequence[LedgerLine] | Sequence[SentLine],
    span: list[int],
    empty: Callable[[int], LedgerLine | SentLine],
    title: str,
    label: str,
) -> Chart:
    by_hour = {line.hour_ms: line for line in lines}
    shown = [by_hour.get(hour) or empty(hour) for hour in span]
    top = max([line.total for line in shown] + [1])
    step = WIDTH / len(span)
    bars = [_bar(line, at * step, step * 0.8, top, title) for at, line in enumerate(shown)]
    labels = [f"{_local(hour):{label}}" for hour in span[:: max(len(span) // 6, 1)]]
    return Chart(bars, labels, top, sum(line.total for line in shown), kinds=list(empty(0).parts))


def _bar(line: LedgerLine | SentLine, x: float, width: float, top: int, title: str) -> Bar:
    counted = ", ".join(f"{count:,} {kind}" for kind, count in line.parts.items() if count) or "nothing"
    balance = "" if line.balanced else " (does not balance)"
    text = f"{_local(line.hour_ms):{title}}: {counted}{balance}"
    return Bar(round(x, 1), round(width, 1), text, stacked(line.parts, top, HEIGHT), line.balanced)


def _local(hour_ms: int) -> datetime:
    return timezone.localtime(datetime.fromtimestamp(hour_ms / 1000, UTC))
