"""A connection's state in words, an icon and a tone, the same on every page."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from integrations.runtime.status import ConnectionState, Status
from wegnology.lib.badges import Badge
from wegnology.lib.types import JSONObject

_LOOKS: dict[ConnectionState, tuple[str, str, str]] = {
    ConnectionState.CONNECTING: ("sync", gettext_noop("Connecting"), "info"),
    ConnectionState.CONNECTED: ("check_circle", gettext_noop("Connected"), "success"),
    ConnectionState.DEGRADED: ("warning", gettext_noop("Degraded"), "warning"),
    ConnectionState.SILENT: ("volume_off", gettext_noop("Silent"), "warning"),
    ConnectionState.DISCONNECTED: ("error", gettext_noop("Disconnected"), "danger"),
    ConnectionState.REFUSED: ("block", gettext_noop("Refused"), "danger"),
    ConnectionState.UNKNOWN: ("help", gettext_noop("Unknown"), "warning"),
    ConnectionState.NOT_CONFIGURED: ("build_circle", gettext_noop("Not configured"), "warning"),
    ConnectionState.DISABLED: ("pause_circle", gettext_noop("Disabled"), "muted"),
}
_NAMES = (
    *(gettext_noop("connecting"), gettext_noop("connected"), gettext_noop("degraded"), gettext_noop("silent")),
    *(gettext_noop("disconnected"), gettext_noop("refused"), gettext_noop("unknown"), gettext_noop("not configured")),
    *(gettext_noop("disabled"), gettext_noop("received"), gettext_noop("finished"), gettext_noop("unmatched")),
    *(gettext_noop("parked"), gettext_noop("dropped"), gettext_noop("waiting"), gettext_noop("queued"), gettext_noop("sent")),
    *(gettext_noop("failed"), gettext_noop("expired"), gettext_noop("full"), gettext_noop("limit"), gettext_noop("deleted")),
    *(gettext_noop("too large"), gettext_noop("parked too long"), gettext_noop("too many parked"), gettext_noop("unreadable")),
    *(gettext_noop("stops the worker"), gettext_noop("no such version"), gettext_noop("nothing to run")),
)
"""Names of states, and of what the ledger counts, for translators; pages look them up where they show them."""


def _look(state: ConnectionState) -> tuple[str, str, str]:
    icon, words, tone = _LOOKS[state]
    return icon, _(words), tone


def state_words(state: ConnectionState) -> str:
    """Return the name of a state."""
    return _look(state)[1]


def badge(status: Status, *, enabled: bool, now_ms: int) -> Badge:
    """Say what `status` means. A row that is switched off and of which nothing is known is disabled."""
    state = status.state
    if not enabled and state is ConnectionState.UNKNOWN:
        state = ConnectionState.DISABLED
    icon, words, tone = _look(state)
    if state is ConnectionState.DISABLED:
        return Badge(icon, words, tone, _("Switched off: nothing is received or sent."))
    if status.flapping:
        lost = _("Lost %(times)s times in ten minutes.") % {"times": status.flapping}
        text = f"{lost} {_trouble(status, now_ms)}".strip()
        return Badge("swap_vert", _("%(state)s, flapping") % {"state": words}, "danger" if tone == "danger" else "warning", text)
    if state is ConnectionState.CONNECTED:
        return _connected(status, icon, tone, now_ms)
    return Badge(icon, words, tone, _trouble(status, now_ms))


def subscription_badge(row: JSONObject, now_ms: int) -> Badge:
    """Say what a row of `Status.subscription_states` means."""
    icon, words, tone = _look(ConnectionState(str(row["state"])))
    last = int(str(row["last_message_ms"]))
    told = [str(row["cause"]), _("last message %(ago)s") % {"ago": ago(last, now_ms)} if last else ""]
    return Badge(icon, words, tone, "; ".join(text.rstrip(".") for text in told if text))


def recorded(state: str) -> Badge:
    """Say what the history holds; a state that this release does not know keeps its name."""
    try:
        icon, words, tone = _look(ConnectionState(state))
    except ValueError:
        icon, words, tone = "help", state, "muted"
    return Badge(icon, words, tone)


def remembered(state: str, enabled: bool) -> Badge:
    """Say what the database knew last, for when Redis is away: never more than "unknown"."""
    if not enabled:
        return Badge("pause_circle", _("Disabled"), "muted", "")
    return Badge("help", _("Unknown"), "warning", _("Last known: %(state)s.") % {"state": state} if state else "")


def _connected(status: Status, icon: str, tone: str, now_ms: int) -> Badge:
    if status.notices:
        return Badge("warning", _("Connected, with a notice"), "warning", status.notices[0])
    return Badge(icon, _("Connected"), tone, _("Proof of life %(ago)s.") % {"ago": ago(status.proof_ms, now_ms)})


def _trouble(status: Status, now_ms: int) -> str:
    cause = _(status.latest_cause) or next(iter(status.errors.values()), "")
    if status.next_attempt_ms > now_ms:
        next_one = _("Next attempt in %(span)s.") % {"span": span(status.next_attempt_ms - now_ms)}
        cause = f"{cause}{'' if cause.endswith(('.', '!', '?')) else '.'} {next_one}" if cause else next_one
    return cause


def ago(time_ms: int, now_ms: int) -> str:
    """Say how long ago a time was: "3 s ago"; 0 is "never"."""
    return _("%(span)s ago") % {"span": span(max(now_ms - time_ms, 0))} if time_ms else _("never")


def span(milliseconds: int) -> str:
    """Say how long something lasts in its largest sensible unit: "45 s", "12 min", "3 h", "9 days"."""
    seconds = milliseconds // 1000
    if seconds < 100:
        return _("%(count)s s") % {"count": seconds}
    if seconds < 100 * 60:
        return _("%(count)s min") % {"count": seconds // 60}
    if seconds < 48 * 3600:
        return _("%(count)s h") % {"count": seconds // 3600}
    return _("%(count)s days") % {"count": seconds // 86400}
