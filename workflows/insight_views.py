"""What pages show of runs, errors and hours: numbers and texts, ready for templates."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.translation import gettext as _

from integrations.chart import HEIGHT, WIDTH, Bar, Chart
from wegnology.lib.bars import stacked
from workflows.graph import INTEGRATION
from workflows.insight.hits import ShownHit
from workflows.insight.hours import moment
from workflows.insight.reading import HOUR, StatLine, floor
from workflows.insight.runs import Run, Visit
from workflows.trigger_words import trigger_words

LABELS = 6


class Period(NamedTuple):
    """A choice of how far back a page looks. `step` is what one bar stands for."""

    name: str
    span: timedelta
    step: timedelta
    label: str


def periods() -> dict[str, Period]:
    """Return the choices, by their name in the address."""
    found = (
        Period("day", timedelta(days=1), HOUR, _("24 hours")),
        Period("week", timedelta(days=7), 6 * HOUR, _("7 days")),
        Period("month", timedelta(days=30), 24 * HOUR, _("30 days")),
    )
    return {period.name: period for period in found}


def window(period: Period, now: datetime) -> tuple[datetime, datetime]:
    """Return from when to when a page looks: full hours, the present one the last."""
    until = floor(now) + HOUR
    return until - period.span, until


def run_chart(lines: Sequence[StatLine], period: Period) -> Chart:
    """Draw runs, one bar for each line: below those that ended well, above those that failed."""
    top = max([line.runs for line in lines] + [1])
    step = WIDTH / max(len(lines), 1)
    bars = [_bar(line, at * step, step * 0.8, top, period) for at, line in enumerate(lines)]
    labels = [_when(line.time, period) for line in lines[:: max(len(lines) // LABELS, 1)]]
    return Chart(bars, labels, top, sum(line.runs for line in lines))


def _bar(line: StatLine, x: float, width: float, top: int, period: Period) -> Bar:
    parts = {"finished": line.runs - line.failed, "failed": line.failed}
    told = ", ".join(f"{count:,} {kind}" for kind, count in parts.items() if count) or _("no runs")
    title = f"{_local(line.time):%d %b %H:%M}: {told}"
    return Bar(round(x, 1), round(width, 1), title, stacked(parts, top, HEIGHT), balanced=True)


def _when(time: datetime, period: Period) -> str:
    return f"{_local(time):%H:%M}" if period.step == HOUR else f"{_local(time):%d %b}"


def _local(time: datetime) -> datetime:
    return timezone.localtime(time)


def milliseconds(value: float | None) -> str:
    """Write a time so that it can be read: 0.12 ms, 340 ms, 2.5 s."""
    if value is None:
        return "—"
    if value >= 1000:
        return f"{value / 1000:,.1f} s"
    return f"{value:,.0f} ms" if value >= 10 or isinstance(value, int) else f"{value:.2f} ms"


@dataclass(frozen=True, slots=True)
class ShownVisit:
    """One node of a run's way. `state` is finished, failed, or waiting for what was under way when the run ended."""

    order: int
    node_id: str
    label: str
    start: str
    took: str
    output: str
    state: str


@dataclass(frozen=True, slots=True)
class ShownRun:
    """A run for a page. `left_out` is how many visits are not among `visits`."""

    run: Run
    version: str
    trigger: str
    started: datetime
    took: str
    waited: str
    visits: list[ShownVisit]
    left_out: int


def shown_run(run: Run, versions: Mapping[str, str], sources: Mapping[str, str]) -> ShownRun:
    """Return a run with names in place of ids; both mappings are by id."""
    source = sources.get(run.source_id, "")
    trigger = _("integration %(name)s, %(kind)s") % {"name": source or run.source_id, "kind": run.kind}
    return ShownRun(
        run,
        versions.get(run.version_id, _("deleted version")),
        trigger if run.trigger == INTEGRATION else trigger_words(run.trigger),
        moment(run.started_ms),
        milliseconds(run.ms),
        milliseconds(run.waited_ms),
        [_shown_visit(at, visit, run) for at, visit in enumerate(run.visits)],
        run.visited - len(run.visits),
    )


def _shown_visit(at: int, visit: Visit, run: Run) -> ShownVisit:
    failed = run.failure is not None and visit.ms is None and run.failure.node_id == visit.node_id
    state = "failed" if failed else "finished" if visit.ms is not None else "waiting"
    output = "" if visit.output in (None, -1) else str(visit.output)
    start, took = milliseconds(visit.start_ms), milliseconds(visit.ms)
    return ShownVisit(at + 1, visit.node_id, visit.label or visit.node_id, start, took, output, state)


class ReadableHit(NamedTuple):
    """A debug value for a page: times people can read, its JSON indented."""

    hit: ShownHit
    time: datetime
    clock: str
    value: str


def readable_hit(hit: ShownHit) -> ReadableHit:
    """Return a debug value for a page."""
    time = timezone.localtime(moment(hit.time_ms))
    return ReadableHit(hit, time, f"{time:%H:%M:%S}.{hit.time_ms % 1000:03d}", pretty_value(hit.value, hit.cut))


def pretty_value(text: str, cut: bool) -> str:
    """Return the JSON of a debug value indented; what was cut as far as it is there."""
    if cut:
        return f"{text}…"
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def chosen(choices: Mapping[str, Any], name: str) -> Any:
    """Return the choice of that name, else the first."""
    return choices.get(name) or next(iter(choices.values()))
