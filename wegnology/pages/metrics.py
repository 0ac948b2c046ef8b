"""Figures for Prometheus: by type, reason and state, never by integration.

Counters of events count what was received since midnight UTC, so they start again at 0 every day; `rate()` and
`increase()` see that as a reset. Every web process reads the same stored ledger and gives the same figures.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime

from django.db import DatabaseError
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from integrations.balance import imbalances
from integrations.live import read_live
from integrations.models import Integration, LedgerHour
from integrations.runtime.health import Survey
from integrations.runtime.status import NEVER_SEEN, Flow, Status
from wegnology.lib.redis import RedisAway
from wegnology.pages.access import may_read_figures
from wegnology.pages.probes import look
from workflows.alarms.kinds import KINDS
from workflows.models import Alarm, ParkedRun, Workflow

_OUTCOMES = ("finished", "unmatched", "parked", "dropped")
_SENT = ("sent", "failed", "dropped")
_RECEIVED = ("messages", "signals")
_GONE = "deleted"
RECENT_SECONDS = 60.0


def metrics(request: HttpRequest) -> HttpResponse:
    """Give all figures as text; 403 for who may not read them."""
    if not may_read_figures(request):
        return HttpResponse("Send the METRICS_TOKEN as a Bearer token.\n", status=403, content_type="text/plain; charset=utf-8")
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Installation())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class Installation(Collector):
    """Reads everything anew at each scrape. What cannot be reached is said by `*_up` and left out."""

    def collect(self) -> Iterator[Metric]:
        """Return Redis' figures, then the database's."""
        found = look()
        yield _gauge("integrations_redis_up", "1 while Redis can be reached.", found.redis)
        yield from _of_survey(found) if found.redis else ()
        try:
            of_database = list(_of_database())
        except DatabaseError:
            of_database = []
        yield _gauge("integrations_database_up", "1 while the database can be reached.", bool(of_database))
        yield from of_database


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=float(value))


def _of_survey(found: Survey) -> Iterator[Metric]:
    yield _gauge("integrations_redis_memory_bytes", "Memory that Redis uses.", found.memory_used)
    yield _gauge("integrations_redis_memory_limit_bytes", "Memory that Redis may use; 0 is no limit.", found.memory_limit)
    yield _gauge("integrations_listeners_live", "Listener processes alive.", len(found.listeners))
    yield _gauge("integrations_workers_live", "Worker processes alive.", len(found.workers))
    without = GaugeMetricFamily("integrations_partitions_unheld", "Partitions without a holder.", labels=["role"])
    without.add_metric(["listener"], found.partitions_without_listener)
    without.add_metric(["worker"], found.partitions_without_worker)
    yield without
    yield _gauge("integrations_events_waiting", "Events in all inboxes.", found.waiting_events)
    yield _gauge("integrations_events_waiting_bytes", "Size of all inboxes.", found.waiting_bytes)
    yield _gauge("integrations_oldest_event_seconds", "Age of the oldest event that waits.", found.oldest_event_seconds)


def _of_database() -> Iterator[Metric]:
    types = dict(Integration.objects.values_list("pk", "integration_type"))
    sources = types | dict.fromkeys(Workflow.objects.values_list("pk", flat=True), "workflow")
    yield from _events(sources)
    yield from _waiting(sources)
    yield from _live(types)
    yield _alarms()
    yield _gauge("integrations_runs_parked", "Runs that failed and wait for a replay.", ParkedRun.objects.count())


def _alarms() -> Metric:
    """Count open alarms by kind; those of no kind that is known are not of this release."""
    family = GaugeMetricFamily("integrations_alarms_open", "Open alarms.", labels=["kind", "acknowledged"])
    rows = Alarm.objects.filter(cleared_at__isnull=True).order_by().values_list("kind")
    found = {kind: (total, known) for kind, total, known in rows.annotate(Count("pk"), Count("acknowledged_at"))}
    for kind in KINDS:
        total, known = found.get(kind, (0, 0))
        family.add_metric([kind, "no"], total - known)
        family.add_metric([kind, "yes"], known)
    return family


def _events(types: dict[str, str]) -> Iterator[Metric]:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = LedgerHour.objects.filter(hour__gte=midnight).values_list("integration_id", "counts")
    counts: Counter[tuple[str, str, str]] = Counter()
    for integration_id, hour in rows.iterator():
        for name, count in hour.items():
            outcome, _, reason = name.partition(":")
            counts[types.get(integration_id, _GONE), outcome, reason] += count
    received = CounterMetricFamily("integrations_events_received", "Received since midnight UTC.", labels=["type", "kind"])
    labels = ["type", "outcome", "reason"]
    ended = CounterMetricFamily("integrations_events_ended", "What became of those that ended.", labels=labels)
    queued = CounterMetricFamily(
        "integrations_messages_queued", "Given by workflows to be sent since midnight UTC.", labels=["type"]
    )
    sent = CounterMetricFamily("integrations_messages_sent", "What became of those, by outcome and reason.", labels=labels)
    for (kind, outcome, reason), count in sorted(counts.items()):
        if outcome in _RECEIVED:
            received.add_metric([kind, outcome], count)
        elif outcome in _OUTCOMES:
            ended.add_metric([kind, outcome, reason], count)
        elif outcome == "out":
            way, _, why = reason.partition(":")
            if way == "queued":
                queued.add_metric([kind], count)
            elif way in _SENT:
                sent.add_metric([kind, way, why], count)
    yield from (received, ended, queued, sent)


def _waiting(types: dict[str, str]) -> Iterator[Metric]:
    """Return what the ledger has as not ended, and, with Redis, how many of its hours do not add up."""
    rows = LedgerHour.objects.filter(~Q(unended=0) | ~Q(unsent=0)).values_list("integration_id", "unended", "unsent")
    totals: Counter[tuple[str, str]] = Counter()
    for integration_id, unended, unsent in rows.iterator():
        totals[types.get(integration_id, _GONE), "in"] += unended
        totals[types.get(integration_id, _GONE), "out"] += unsent
    family = GaugeMetricFamily("integrations_ledger_waiting", "Not ended, by the ledger.", labels=["type", "direction"])
    for (kind, direction), count in sorted(totals.items()):
        family.add_metric([kind, direction], count)
    yield family
    with suppress(*RedisAway):
        unbalanced = GaugeMetricFamily("integrations_ledger_unbalanced_hours", "Hours that do not add up.", labels=["type"])
        found = Counter(types.get(one.integration_id, _GONE) for one in imbalances())
        for kind in sorted({*types.values(), *found}):
            unbalanced.add_metric([kind], found[kind])
        yield unbalanced


def _live(types: dict[str, str]) -> Iterator[Metric]:
    """Give what is known of connections and of how their messages move, each by type."""
    live = read_live(list(types))
    known = [(kind, live.statuses.get(pk, NEVER_SEEN)) for pk, kind in sorted(types.items())]
    family = GaugeMetricFamily("integrations_connections", "Integrations by type and state.", labels=["type", "state"])
    for (kind, state), count in sorted(Counter((kind, status.state.value) for kind, status in known).items()):
        family.add_metric([kind, state], count)
    yield family
    if live.away_since is None:
        yield from (_by_type(name, text, known, join, value) for name, text, join, value in _FLOW)


_Value = Callable[[Status], float]
_Join = Callable[[Iterable[float]], float]
_FLOW: tuple[tuple[str, str, _Join, _Value], ...] = (
    ("received_per_second", "Messages that come in a second.", sum, lambda s: s.flow.received_per_second or 0.0),
    ("run_per_second", "Messages whose runs end in a second.", sum, lambda s: s.flow.run_per_second or 0.0),
    ("waiting", "Messages that wait in inboxes.", sum, lambda s: s.flow.waiting),
    ("waiting_to_be_sent", "Messages that wait in outboxes.", sum, lambda s: s.flow.outgoing),
    ("waiting_at_source", "Messages that wait at the sources that tell.", sum, lambda s: sum(s.backlog.values())),
    ("oldest_seconds", "Age of the oldest message in an inbox.", max, lambda s: _age(s.flow.oldest_ms)),
    ("throttle_wait_seconds", "How long messages that start now have waited.", max, lambda s: _wait(s.flow)),
    ("throttled", "Integrations whose limit holds messages back.", sum, lambda s: bool(s.flow.throttled_ms)),
    ("flapping", "Integrations whose connection is lost again and again.", sum, lambda s: bool(s.flapping)),
)


def _by_type(name: str, text: str, known: Iterable[tuple[str, Status]], join: _Join, value: _Value) -> Metric:
    family = GaugeMetricFamily(f"integrations_{name}", text, labels=["type"])
    values: dict[str, list[float]] = {}
    for kind, status in known:
        values.setdefault(kind, []).append(float(value(status)))
    for kind, found in sorted(values.items()):
        family.add_metric([kind], join(found))
    return family


def _wait(flow: Flow) -> float:
    """Return how long the message waited that was started last, if that was a moment ago."""
    return (flow.latest_wait_ms or 0) / 1000 if _age(flow.claimed_ms) < RECENT_SECONDS else 0.0


def _age(time_ms: int) -> float:
    return max(0.0, time.time() - time_ms / 1000) if time_ms else 0.0
