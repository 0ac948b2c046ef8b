"""What each kind of alarm finds, as tables: facts in, findings and doubts out."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from integrations.runtime.status import ConnectionState, Status
from workflows.alarms.facts import Ending, Facts, Hourly, SourceFacts, Subject
from workflows.alarms.kinds import KINDS, Doubt
from workflows.alarms.names import AlarmKind
from workflows.alarms.speeds import hourly

NOW = datetime(2026, 5, 4, 12, 5, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
PLANT = Subject("application", "a" * 24, "Plant")
BROKER = Subject("integration", "b" * 24, "Broker")
MINUTE = 60_000


def facts(source: SourceFacts | None = None, **fields: Any) -> Facts:
    return Facts(subject=PLANT, now=NOW, sources=[source] if source else [], **fields)


def line(state: ConnectionState, **fields: Any) -> SourceFacts:
    """Return an integration in a state."""
    return SourceFacts(BROKER, status=Status(state=state, latest_cause="It says why.", **fields))


def said(kind: str, found: Facts, threshold: float | None = None) -> list[str]:
    """Return the causes that a kind finds; "?" for a doubt."""
    known = KINDS[kind]
    limit = known.usual if threshold is None else threshold
    return ["?" if isinstance(one, Doubt) else one.cause for one in known.judge(found, limit)]


S = ConnectionState
SIX_AGO, FOUR_AGO = NOW_MS - 6 * MINUTE, NOW_MS - 4 * MINUTE


@pytest.mark.parametrize(
    ("kind", "source", "begins"),
    [
        ("disconnected", line(S.DISCONNECTED, disconnected_ms=SIX_AGO), ["It has been disconnected for 6 minutes. It says why."]),
        ("disconnected", line(S.DISCONNECTED, disconnected_ms=FOUR_AGO), []),
        ("disconnected", line(S.UNKNOWN, proof_ms=SIX_AGO), ["It has been unknown for 6 minutes. It says why."]),
        ("disconnected", line(S.UNKNOWN), ["?"]),
        ("disconnected", line(S.CONNECTED, disconnected_ms=SIX_AGO), []),
        ("disconnected", line(S.REFUSED, disconnected_ms=SIX_AGO), []),
        ("disconnected", line(S.DISABLED, disconnected_ms=SIX_AGO), []),
        ("refused", line(S.REFUSED), ["It says why."]),
        ("refused", line(S.NOT_CONFIGURED), ["It says why."]),
        ("refused", line(S.UNKNOWN), ["?"]),
        ("refused", line(S.CONNECTED), []),
        ("degraded", line(S.DEGRADED), ["It says why."]),
        ("degraded", line(S.CONNECTED, flapping=4), ["The connection was lost 4 times in ten minutes. It says why."]),
        ("degraded", line(S.CONNECTED), []),
        (
            "silent",
            line(S.CONNECTED, usual_gap_ms=MINUTE, last_message_ms=FOUR_AGO),
            ["Nothing has come for 4 minutes; its usual pauses are up to 1 minute."],
        ),
        ("silent", line(S.CONNECTED, usual_gap_ms=2 * MINUTE, last_message_ms=FOUR_AGO), []),
        ("silent", line(S.CONNECTED, usual_gap_ms=1_000, last_message_ms=NOW_MS - 30_000), []),
        ("silent", line(S.DISCONNECTED, usual_gap_ms=MINUTE, last_message_ms=FOUR_AGO), []),
        ("silent", line(S.CONNECTED, usual_gap_ms=MINUTE, last_message_ms=SIX_AGO, connected_ms=NOW_MS), []),
        (
            "rateFell",
            SourceFacts(BROKER, hourly=Hourly(50, 100.0)),
            ["In the last full hour 50 messages came; about 100 are usual (50% fewer)."],
        ),
        ("rateFell", SourceFacts(BROKER, hourly=Hourly(51, 100.0)), []),
        ("rateFell", SourceFacts(BROKER), []),
        ("rateFell", SourceFacts(BROKER, enabled=False, hourly=Hourly(0, 100.0)), []),
        (
            "parkedGrows",
            SourceFacts(BROKER, parked_lately=10, parked=70),
            ["10 runs were parked within an hour; 70 are parked now."],
        ),
        ("parkedGrows", SourceFacts(BROKER, parked_lately=9, parked=70), []),
        (
            "ledgerOff",
            SourceFacts(BROKER, imbalances=["3 received, but 2 finished", "x"]),
            ["3 received, but 2 finished. And 1 hours more."],
        ),
        ("ledgerOff", SourceFacts(BROKER, imbalances=[]), []),
        ("ledgerOff", SourceFacts(BROKER), ["?"]),
        ("inboxFull", SourceFacts(BROKER, fill=0.8, waiting=8_000), ["8,000 events wait: its inbox is 80% full."]),
        ("inboxFull", SourceFacts(BROKER, fill=0.79), []),
        ("inboxFull", SourceFacts(BROKER), ["?"]),
    ],
)
def test_a_source(kind: str, source: SourceFacts, begins: list[str]) -> None:
    assert said(kind, facts(source)) == begins


@pytest.mark.parametrize(
    ("kind", "fields", "found"),
    [
        ("payloadLimit", {"used": 80, "limit": 100}, ["80 of 100 payloads of this month are used (80%)."]),
        ("payloadLimit", {"used": 79, "limit": 100}, []),
        ("payloadLimit", {"used": 0, "limit": 0}, ["0 of 0 payloads of this month are used."]),
        ("payloadLimit", {"used": 10**9}, []),
        ("notRunning", {"halted": ("No worker process is alive.", 60.0)}, ["No worker process is alive."]),
        ("notRunning", {"halted": ("No worker process is alive.", 59.0)}, []),
        ("notRunning", {}, []),
        (
            "expiring",
            {"endings": [Ending(BROKER, "Client", NOW + timedelta(days=3, hours=1))]},
            ["Client ends on 07 May 2026 13:05 UTC, in 3 days."],
        ),
        (
            "expiring",
            {"endings": [Ending(BROKER, "Client", NOW - timedelta(days=1))]},
            ["Client ended on 03 May 2026 12:05 UTC."],
        ),
        ("expiring", {"endings": [Ending(BROKER, "Client", NOW + timedelta(days=15))]}, []),
        (
            "expiring",
            {"endings": [Ending(BROKER, name, NOW + timedelta(days=at)) for at, name in ((5, "B"), (2, "A"))]},
            ["A ends on 06 May 2026 12:05 UTC, in 2 days."],
        ),
        *((kind, {"reachable": False}, ["?"]) for kind in ("disconnected", "refused", "degraded", "silent")),
    ],
)
def test_an_application(kind: str, fields: dict[str, Any], found: list[str]) -> None:
    assert said(kind, facts(**fields)) == found


def test_a_threshold_counts() -> None:
    source = line(S.DISCONNECTED, disconnected_ms=FOUR_AGO)
    assert said("disconnected", facts(source), 4)
    assert not said("disconnected", facts(source), 5)


LAST = datetime(2026, 5, 4, 11, tzinfo=UTC)
LONG_AGO = LAST - timedelta(days=90)


def counted(hours: dict[int, int], rest: int = 0) -> dict[datetime, int]:
    """Return counts of so many hours ago, and of all others of a week."""
    return {LAST - timedelta(hours=at): hours.get(at, rest) for at in range(24 * 7 + 1)}


@pytest.mark.parametrize(
    ("counts", "created", "found"),
    [
        (counted({0: 10}, 100), LONG_AGO, Hourly(10, 100.0)),
        (counted({0: 10}, 19), LONG_AGO, None),  # of so few a half is chance
        (counted({0: 10} | {24 * day: 30 for day in range(1, 8)}, 100), LONG_AGO, Hourly(10, 30.0)),  # quiet at this hour
        (counted({0: 10} | dict.fromkeys(range(1, 24), 40), 100), LONG_AGO, Hourly(10, 40.0)),  # a quiet day
        (counted({0: 10}, 100), LAST - timedelta(hours=5), None),  # too young to tell
        (counted({0: 10}, 100), LAST - timedelta(hours=6), Hourly(10, 100.0)),
        ({}, LONG_AGO, None),
    ],
)
def test_what_is_usual_in_an_hour(counts: dict[datetime, int], created: datetime, found: Hourly | None) -> None:
    assert hourly(counts, LAST, created) == found


def test_names_are_those_that_triggers_take() -> None:
    assert list(KINDS) == list(get_args(AlarmKind))


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_each_kind_says_what_it_is_and_what_to_do(kind: Any) -> None:
    assert kind.help.endswith(".")
    assert kind.advice.endswith((".", "?"))
    assert not kind.threshold_fault(kind.usual) if kind.unit else kind.threshold_fault(1)
