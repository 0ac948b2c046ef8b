"""The ledger's hours as stacked bars, ready for an inline SVG."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from django.utils import timezone
from django.utils.translation import gettext as _

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
    """All of it. `labels` stand below the bars at even distances; `top` is the number at the upper edge.

    With `messages` bars and `total` are those of messages; `besides` is how many connection events and replays came too.
    """

    bars: list[Bar]
    labels: list[str]
    top: int
    total: int
    width: int = WIDTH
    height: int = HEIGHT
    kinds: Sequence[str] = ()
    by_day: bool = False
    messages: bool = False
    besides: int = 0


class Style(NamedTuple):
    """How lines are drawn: how hours or days are written in titles and below, what an empty one is, and what counts."""

    title: str
    label: str
    empty: Callable[[int], LedgerLine | SentLine]
    messages: bool


def chart(
    lines: Sequence[LedgerLine] | Sequence[SentLine],
    now_ms: int,
    hours: int = 24,
    empty: Callable[[int], LedgerLine | SentLine] = LedgerLine,
    messages: bool = True,
) -> Chart:
    """Draw the last `hours` hours, the newest at the right; hours without a line are empty. `empty` makes such an hour.

    Of what was received messages are drawn; with `messages` off all events.
    """
    last = now_ms - now_ms % HOUR_MS
    span = [last - back * HOUR_MS for back in range(hours - 1, -1, -1)]
    return _drawn(lines, span, Style("%d %b %H:%M", "%H:%M", empty, messages))


def day_chart(
    lines: Sequence[LedgerLine] | Sequence[SentLine],
    now_ms: int,
    days: int,
    empty: Callable[[int], LedgerLine | SentLine] = LedgerLine,
) -> Chart:
    """Draw the last `days` days of lines that were added up by day."""
    noon = start_of_day(now_ms) + DAY_MS // 2
    span = [start_of_day(noon - back * DAY_MS) for back in range(days - 1, -1, -1)]
    return _drawn(lines, span, Style("%d %b", "%d %b", empty, True))._replace(by_day=True)


def _drawn(lines: Sequence[LedgerLine] | Sequence[SentLine], span: list[int], style: Style) -> Chart:
    by_hour = {line.hour_ms: line for line in lines}
    shown = [by_hour.get(hour) or style.empty(hour) for hour in span]
    drawn = [_parts(line, style.messages) for line in shown]
    top = max([_besides(line, style.messages)[0] for line in shown] + [sum(parts.values()) for parts in drawn] + [1])
    step = WIDTH / len(span)
    bars = [
        Bar(round(at * step, 1), round(step * 0.8, 1), _said(line, style), stacked(parts, top, HEIGHT), line.balanced)
        for at, (line, parts) in enumerate(zip(shown, drawn, strict=True))
    ]
    labels = [f"{_local(hour):{style.label}}" for hour in span[:: max(len(span) // 6, 1)]]
    counted, others = (sum(counts) for counts in zip(*(_besides(line, style.messages) for line in shown), strict=True))
    kinds = list(style.empty(0).parts)
    return Chart(bars, labels, top, counted, kinds=kinds, messages=style.messages, besides=others)


def _besides(line: LedgerLine | SentLine, messages: bool) -> tuple[int, int]:
    """Return how many a line counts, and how many events besides."""
    return (line.messages, line.signals) if messages and isinstance(line, LedgerLine) else (line.total, 0)


def _parts(line: LedgerLine | SentLine, messages: bool) -> dict[str, int]:
    """Return the parts of a bar. The ledger does not tell the ends of messages from those of other events: these are taken off
    what finished, so that whatever waits or went wrong is seen."""
    if not (messages and isinstance(line, LedgerLine)):
        return line.parts
    return {**line.parts, "finished": max(line.parts["finished"] - line.signals, 0)}


def _said(line: LedgerLine | SentLine, style: Style) -> str:
    counted = ", ".join(f"{count:,} {_(kind)}" for kind, count in line.parts.items() if count) or _("nothing")
    text = f"{_local(line.hour_ms):{style.title}}: "
    if style.messages and isinstance(line, LedgerLine) and line.signals:
        said = _("%(messages)s messages and %(others)s other events (connections, replays): ")
        text += said % {"messages": f"{line.messages:,}", "others": f"{line.signals:,}"}
    return f"{text}{counted}" if line.balanced else f"{text}{counted} {_('(does not balance)')}"


def _local(hour_ms: int) -> datetime:
    return timezone.localtime(datetime.fromtimestamp(hour_ms / 1000, UTC))
