"""The kinds of alarms: one declaration each. A judge is a pure function of facts and a threshold.

A judge yields a `Finding` for each subject that is in trouble, and a `Doubt` for each of which nothing can be said now: what is
doubtful neither opens an alarm nor ends one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext, gettext_lazy, gettext_noop

from integrations.runtime.status import ConnectionState, Status
from wegnology.lib.speaking import Said
from workflows.alarms.facts import Facts, SourceFacts, Subject

EVERYTHING = ""
DAY_SECONDS = 86_400
SILENT_LEAST_MS = 60_000
DOWN = (ConnectionState.DISCONNECTED, ConnectionState.CONNECTING, ConnectionState.UNKNOWN)
REFUSED = (ConnectionState.REFUSED, ConnectionState.NOT_CONFIGURED)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something is wrong with a subject; `cause` is a sentence."""

    subject: Subject
    cause: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """Nothing can be said of a subject now, or of any (`EVERYTHING`)."""

    subject_id: str = EVERYTHING


Verdict = Finding | Doubt
Judge = Callable[[Facts, float], Iterable[Verdict]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of alarm. `usual` is the default threshold in `unit`, from `least` to `most`; a kind without unit has none."""

    name: str
    label: str
    help: str
    advice: str
    judge: Judge
    unit: str = ""
    usual: float = 0.0
    least: float = 0.0
    most: float = 0.0
    of_integrations: bool = True
    """Whether a rule may be about one integration alone."""

    def threshold_fault(self, value: float) -> str:
        """Say what is wrong with a threshold; "" when nothing is."""
        if not self.unit:
            return gettext("This kind has no threshold: leave it empty.")
        if not self.least <= value <= self.most:
            return gettext("Give %(least)s to %(most)s %(unit)s.") % {
                "least": f"{self.least:g}",
                "most": f"{self.most:g}",
                "unit": gettext(self.unit),
            }
        return ""


def _lines(facts: Facts) -> Iterator[tuple[SourceFacts, Status]]:
    """Yield the integrations that are switched on and of which something is known."""
    for source in facts.sources:
        if source.enabled and source.status is not None and source.status.state is not ConnectionState.DISABLED:
            yield source, source.status


def _now_ms(facts: Facts) -> int:
    return int(facts.now.timestamp() * 1000)


def _disconnected(facts: Facts, minutes: float) -> Iterator[Verdict]:
    if not facts.reachable:
        yield Doubt()
        return
    for source, status in _lines(facts):
        if status.state not in DOWN:
            continue
        since = max(status.disconnected_ms, status.proof_ms, 0) or status.since_ms
        down = (_now_ms(facts) - since) / 60_000 if since else 0.0
        if down >= minutes:
            said = gettext("It has been %(state)s for %(span)s. %(cause)s")
            told = {"state": gettext(status.state.value), "span": _span(down), "cause": gettext(status.latest_cause)}
            yield Finding(source.subject, (said % told).strip())
        elif not since:
            yield Doubt(source.subject.id)


def _refused(facts: Facts, _: float) -> Iterator[Verdict]:
    if not facts.reachable:
        yield Doubt()
    for source, status in _lines(facts):
        if status.state in REFUSED:
            yield Finding(source.subject, status.latest_cause or gettext("It is %(value)s.") % {"value": status.state.value})
        elif status.state is ConnectionState.UNKNOWN:
            yield Doubt(source.subject.id)


def _degraded(facts: Facts, _: float) -> Iterator[Verdict]:
    if not facts.reachable:
        yield Doubt()
    for source, status in _lines(facts):
        if status.state is ConnectionState.DEGRADED:
            yield Finding(source.subject, status.latest_cause)
        elif status.flapping:
            yield Finding(
                source.subject,
                gettext("The connection was lost %(flapping)s times in ten minutes. %(latest_cause)s")
                % {"flapping": status.flapping, "latest_cause": status.latest_cause},
            )


def _silent(facts: Facts, times: float) -> Iterator[Verdict]:
    if not facts.reachable:
        yield Doubt()
    for source, status in _lines(facts):
        if not status.live or not status.usual_gap_ms or not status.last_message_ms:
            continue
        quiet = _now_ms(facts) - max(status.last_message_ms, status.connected_ms)
        if quiet > max(times * status.usual_gap_ms, SILENT_LEAST_MS):
            usual = _span(status.usual_gap_ms / 60_000)
            yield Finding(
                source.subject,
                gettext("Nothing has come for %(span)s; its usual pauses are up to %(usual)s.")
                % {"span": _span(quiet / 60000), "usual": usual},
            )


def _rate_fell(facts: Facts, percent: float) -> Iterator[Verdict]:
    for source in facts.sources:
        if not source.enabled or source.hourly is None:
            continue
        last, usual = source.hourly
        if usual and last <= usual * (1 - percent / 100):
            yield Finding(
                source.subject,
                gettext("In the last full hour %(last)s messages came; about %(usual)s are usual (%(value)s fewer).")
                % {"last": f"{last:,}", "usual": f"{usual:,.0f}", "value": f"{1 - last / usual:.0%}"},
            )


def _parked_grows(facts: Facts, most: float) -> Iterator[Verdict]:
    for source in facts.sources:
        if source.parked_lately >= most:
            yield Finding(
                source.subject,
                gettext("%(parked_lately)s runs were parked within an hour; %(parked)s are parked now.")
                % {"parked_lately": f"{source.parked_lately:,}", "parked": f"{source.parked:,}"},
            )


def _ledger_off(facts: Facts, _: float) -> Iterator[Verdict]:
    for source in facts.sources:
        if source.imbalances is None:
            yield Doubt(source.subject.id)
        elif source.imbalances:
            more = (
                gettext(" And %(count)s hours more.") % {"count": len(source.imbalances) - 1}
                if len(source.imbalances) > 1
                else ""
            )
            yield Finding(source.subject, f"{source.imbalances[0]}.{more}")


def _inbox_full(facts: Facts, percent: float) -> Iterator[Verdict]:
    for source in facts.sources:
        if source.fill is None:
            yield Doubt(source.subject.id)
        elif source.fill * 100 >= percent:
            yield Finding(
                source.subject,
                gettext("%(waiting)s events wait: its inbox is %(fill)s full.")
                % {"waiting": f"{source.waiting:,}", "fill": f"{min(source.fill, 1):.0%}"},
            )


def _expiring(facts: Facts, days: float) -> Iterator[Verdict]:
    first: dict[str, Finding] = {}
    for ending in sorted(facts.endings, key=lambda one: one.not_after):
        left = (ending.not_after - facts.now).total_seconds() / DAY_SECONDS
        if left <= days and ending.subject.id not in first:
            when = f"{ending.not_after:%d %B %Y %H:%M} UTC"
            said = (
                gettext("%(what)s ended on %(when)s.") % {"what": ending.what, "when": when}
                if left <= 0
                else gettext("%(what)s ends on %(when)s, in %(span)s.")
                % {"what": ending.what, "when": when, "span": _span(left * 1440)}
            )
            first[ending.subject.id] = Finding(ending.subject, said)
    yield from first.values()


def _payload_limit(facts: Facts, percent: float) -> Iterator[Verdict]:
    if facts.limit is not None and facts.used * 100 >= facts.limit * percent:
        share = f" ({facts.used / facts.limit:.0%})" if facts.limit else ""
        yield Finding(
            facts.subject,
            gettext("%(used)s of %(limit)s payloads of this month are used%(share)s.")
            % {"used": f"{facts.used:,}", "limit": f"{facts.limit:,}", "share": share},
        )


def _not_running(facts: Facts, seconds: float) -> Iterator[Verdict]:
    if facts.halted is not None and facts.halted[1] >= seconds:
        yield Finding(facts.subject, facts.halted[0])


def _span(minutes: float) -> str:
    """Say how long, in words that do not change every moment."""
    for size, word in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            count = int(minutes // size)
            return f"{count:,} {word}{'' if count == 1 else 's'}"
    return gettext("less than a minute")


_ALL = (
    Kind(
        "disconnected",
        gettext_noop("Disconnected"),
        gettext_noop("An integration has had no connection for this long, or nobody knows whether it has one."),
        gettext_noop("Open the integration: its status names the cause, and “Check the connection” tries each step."),
        _disconnected,
        unit="minutes",
        usual=5,
        least=0,
        most=10_080,
    ),
    Kind(
        "refused",
        gettext_noop("Refused"),
        gettext_noop("A server refuses the login or the settings are not complete: trying again will not help."),
        gettext_noop("Correct the settings, the globals or the service credential that the cause names."),
        _refused,
    ),
    Kind(
        "degraded",
        gettext_noop("Degraded or flapping"),
        gettext_noop("A connection works, but not well: sends fail, more and more waits, or it is lost again and again."),
        gettext_noop("Open the integration and follow what its status says is wrong."),
        _degraded,
    ),
    Kind(
        "silent",
        gettext_noop("Silent"),
        gettext_noop("Nothing has come for this many times the usual pause, although the connection is up."),
        gettext_noop("See whether the devices still send; if they do, look at the topics of the integration and reconnect it."),
        _silent,
        unit=gettext_noop("times the usual pause"),
        usual=3,
        least=1,
        most=1_000,
    ),
    Kind(
        "rateFell",
        gettext_noop("Fewer messages"),
        gettext_noop("In the last full hour so many percent fewer messages came than usual at that hour and lately."),
        gettext_noop("Compare with the ledger of the integration: which devices or topics have stopped?"),
        _rate_fell,
        unit=gettext_noop("percent fewer"),
        usual=50,
        least=5,
        most=100,
    ),
    Kind(
        "parkedGrows",
        gettext_noop("Parked runs"),
        gettext_noop("So many runs of one source failed and were parked within an hour."),
        gettext_noop("Open the parked runs: correct the workflow, then replay them."),
        _parked_grows,
        unit=gettext_noop("runs within an hour"),
        usual=10,
        least=1,
        most=10_000,
    ),
    Kind(
        "ledgerOff",
        gettext_noop("Ledger off"),
        gettext_noop("The ledger of an hour does not add up: a message was lost or counted twice."),
        gettext_noop("Please report this with the numbers of that hour; nobody can cause it by settings."),
        _ledger_off,
    ),
    Kind(
        "inboxFull",
        gettext_noop("Inbox nearly full"),
        gettext_noop(
            "An inbox is this full. When it is full, sources that can wait do; what others send is dropped and counted."
        ),
        gettext_noop(
            "Workflows are slower than messages come: see the limit and the slowest nodes, or raise what an operator may raise."
        ),
        _inbox_full,
        unit=gettext_noop("percent full"),
        usual=80,
        least=1,
        most=100,
    ),
    Kind(
        "expiring",
        gettext_noop("Expiring"),
        gettext_noop("A certificate, key or signature of an integration or a service credential ends within so many days."),
        gettext_noop("Get a new one and enter it in the integration or the service credential."),
        _expiring,
        unit=gettext_noop("days left"),
        usual=14,
        least=0,
        most=730,
    ),
    Kind(
        "payloadLimit",
        gettext_noop("Payload limit near"),
        gettext_noop("So much of the application's payloads of this month are used."),
        gettext_noop("Raise the limit in the application's settings, or send less."),
        _payload_limit,
        unit=gettext_noop("percent used"),
        usual=80,
        least=1,
        most=1_000,
        of_integrations=False,
    ),
    Kind(
        "notRunning",
        gettext_noop("Nobody runs workflows"),
        gettext_noop("Nothing is received or run: no listener or worker lives, events wait for a worker, or Redis is away."),
        gettext_noop("Operators: see the status page and the log of the processes, and start those that are missing."),
        _not_running,
        unit="seconds",
        usual=60,
        least=15,
        most=3_600,
        of_integrations=False,
    ),
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ALL}


def kind_choices() -> list[tuple[str, Said]]:
    """Return names and labels."""
    return [(kind.name, gettext_lazy(kind.label)) for kind in KINDS.values()]
