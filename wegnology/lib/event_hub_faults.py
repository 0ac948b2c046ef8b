"""What goes wrong with Azure Event Hubs, in plain words, and what to do about it."""

import re
from typing import NamedTuple

from wegnology.lib.amqp_transport import AmqpError
from wegnology.lib.connection_faults import advise_socket_error, explain_socket_error
from wegnology.lib.marking import marked

_TRACKING = re.compile(r"\s*(TrackingId|Reference|For more information|To know more)\b.*", re.DOTALL | re.IGNORECASE)
LASTING = frozenset(
    {
        "401",
        "403",
        "404",
        "410",
        "amqp:unauthorized-access",
        "amqp:not-found",
        "amqp:not-allowed",
        "amqp:resource-deleted",
        "com.microsoft:entity-disabled",
        "com.microsoft:argument-error",
        "com.microsoft:argument-out-of-range",
        "com.microsoft:auth-failed",
    }
)
"""Conditions that an edit must end; all others may end by themselves."""
POSITION_FAULTS = frozenset({"com.microsoft:argument-error", "com.microsoft:argument-out-of-range"})
_EXPIRED = "ExpiredToken"


class Where(NamedTuple):
    """What was talked to."""

    host: str
    port: int
    hub: str
    group: str


class _Telling(NamedTuple):
    """What a condition means, and what to do about it. Both are filled from `Where`."""

    said: str
    advice: str = ""


_LOGIN = _Telling(
    "{host} does not accept the login",
    marked(
        "Copy the connection string anew, or name and key of the policy: the key may have been made anew in Azure. A login for "
        "one hub opens no other."
    ),
)
_END = _Telling(
    marked("The shared access signature has ended"),
    marked("Make a new signature, or better: use the policy's name and key, which do not end."),
)
_RIGHTS = _Telling(
    "The policy may not do that with {hub}",
    marked(
        "Give the shared access policy the rights Listen, to receive, and Send, to send. An IP filter of the namespace may be "
        "the reason too."
    ),
)
_NO_HUB = _Telling(
    "There is no hub {hub} at {host}", marked("Check the name of the hub: it stands in the namespace's list of event hubs.")
)
_NOT_FOUND = _Telling(
    "{host} has no hub {hub} with a consumer group {group}",
    marked("Check both names. Consumer groups are listed on the hub's page in Azure; $Default is always there."),
)
_READERS = _Telling(
    marked("Too many readers: a hub partition takes five of one consumer group"),
    "Give this integration a consumer group of its own, or end other readers of {group}.",
)
_STOLEN = _Telling(
    "Another reader with an owner level has taken over consumer group {group}",
    marked("Give this integration a consumer group of its own: readers with an owner level keep others out of theirs."),
)
_BUSY = _Telling(
    "{host} is busy: more is asked of the namespace than it may give",
    marked("Give the namespace more throughput units in Azure, or let it inflate by itself."),
)
_LATER = "Usually that passes by itself; the connection is made again."
_TELLINGS = {
    "401": _LOGIN,
    "404": _NO_HUB,
    "410": _NO_HUB,
    "amqp:unauthorized-access": _RIGHTS,
    "403": _RIGHTS,
    "amqp:not-found": _NOT_FOUND,
    "amqp:link:stolen": _STOLEN,
    "amqp:resource-limit-exceeded": _READERS,
    "com.microsoft:server-busy": _BUSY,
    "amqp:link:detach-forced": _Telling("{host} moved the hub to another machine", _LATER),
    "amqp:connection:forced": _Telling("{host} closed the connection for its own reasons", _LATER),
    "com.microsoft:timeout": _Telling("{host} did not finish in time", _LATER),
    "amqp:internal-error": _Telling("{host} has a fault of its own", _LATER),
    "500": _Telling("{host} has a fault of its own", _LATER),
    "503": _BUSY,
    "amqp:link:message-size-exceeded": _Telling(
        marked("The event is too large"), marked("Send less in one event: a hub takes 1 MiB at most.")
    ),
    "com.microsoft:entity-disabled": _Telling("The hub {hub} is disabled", marked("Enable it in Azure.")),
    "amqp:connection:framing-error": _Telling(
        "{host} port {port} does not speak AMQP", marked("Check the host of the namespace.")
    ),
}


def explain_hub(error: BaseException, where: Where) -> str:
    """Say in plain words what went wrong, with the service's own words where it has some."""
    if not isinstance(error, AmqpError):
        return explain_socket_error(error, where.host, where.port)
    said = _TRACKING.sub("", " ".join(str(error).split())).rstrip(". ")[:300]
    telling = _telling(error)
    if telling is None:
        return f"{where.host} said: {said or 'no reason'} ({error.condition})"
    text = telling.said.format(**where._asdict())
    return f"{text} ({error.condition}): {said}" if said else f"{text} ({error.condition})"


def advise_hub(error: BaseException, where: Where) -> str:
    """Say what a person can do about it."""
    if not isinstance(error, AmqpError):
        return advise_socket_error(error, where.host, where.port)
    telling = _telling(error)
    return telling.advice.format(**where._asdict()) if telling is not None else ""


def _telling(error: AmqpError) -> _Telling | None:
    return _END if _EXPIRED in str(error) else _TELLINGS.get(error.condition)
