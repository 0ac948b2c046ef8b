"""A connection's state in words, an icon and a tone, the same on every page."""

from integrations.runtime.status import ConnectionState, Status
from wegnology.lib.badges import Badge
from wegnology.lib.types import JSONObject

_LOOKS: dict[ConnectionState, tuple[str, str, str]] = {
    ConnectionState.CONNECTING: ("sync", "Connecting", "info"),
    ConnectionState.CONNECTED: ("check_circle", "Connected", "success"),
    ConnectionState.DEGRADED: ("warning", "Degraded", "warning"),
    ConnectionState.SILENT: ("volume_off", "Silent", "warning"),
    ConnectionState.DISCONNECTED: ("error", "Disconnected", "danger"),
    ConnectionState.REFUSED: ("block", "Refused", "danger"),
    ConnectionState.UNKNOWN: ("help", "Unknown", "warning"),
    ConnectionState.NOT_CONFIGURED: ("build_circle", "Not configured", "warning"),
    ConnectionState.DISABLED: ("pause_circle", "Disabled", "muted"),
}


def badge(status: Status, *, enabled: bool, now_ms: int) -> Badge:
    """Say what `status` means. A row that is switched off and of which nothing is known is disabled."""
    state = status.state
    if not enabled and state is ConnectionState.UNKNOWN:
        state = ConnectionState.DISABLED
    icon, words, tone = _LOOKS[state]
    if state is ConnectionState.DISABLED:
        return Badge(icon, words, tone, "Switched off: nothing is received or sent.")
    if status.flapping:
        text = f"Lost {status.flapping} times in ten minutes. {_trouble(status, now_ms)}".strip()
        return Badge("swap_vert", f"{words}, flapping", "danger" if tone == "danger" else "warning", text)
    if state is ConnectionState.CONNECTED:
        return _connected(status, icon, tone, now_ms)
    return Badge(icon, words, tone, _trouble(status, now_ms))


def subscription_badge(row: JSONObject, now_ms: int) -> Badge:
    """Say what a row of `Status.subscription_states` means."""
    icon, words, tone = _LOOKS[ConnectionState(str(row["state"]))]
    last = int(str(row["last_message_ms"]))
    told = [str(row["cause"]), f"last message {ago(last, now_ms)}" if last else ""]
    return Badge(icon, words, tone, "; ".join(text.rstrip(".") for text in told if text))


def remembered(state: str, enabled: bool) -> Badge:
    """Say what the database knew last, for when Redis is away: never more than "unknown"."""
    if not enabled:
        return Badge("pause_circle", "Disabled", "muted", "")
    return Badge("help", "Unknown", "warning", f"Last known: {state}." if state else "")


def _connected(status: Status, icon: str, tone: str, now_ms: int) -> Badge:
    if status.notices:
        return Badge("warning", "Connected, with a notice", "warning", status.notices[0])
    return Badge(icon, "Connected", tone, f"Proof of life {ago(status.proof_ms, now_ms)}.")


def _trouble(status: Status, now_ms: int) -> str:
    cause = status.latest_cause or next(iter(status.errors.values()), "")
    if status.next_attempt_ms > now_ms:
        cause = f"{cause} Next attempt in {span(status.next_attempt_ms - now_ms)}.".strip()
    return cause


def ago(time_ms: int, now_ms: int) -> str:
    """Say how long ago a time was: "3 s ago"; 0 is "never"."""
    return f"{span(max(now_ms - time_ms, 0))} ago" if time_ms else "never"


def span(milliseconds: int) -> str:
    """Say how long something lasts in its largest sensible unit: "45 s", "12 min", "3 h", "9 days"."""
    seconds = milliseconds // 1000
    if seconds < 100:
        return f"{seconds} s"
    if seconds < 100 * 60:
        return f"{seconds // 60} min"
    if seconds < 48 * 3600:
        return f"{seconds // 3600} h"
    return f"{seconds // 86400} days"
