"""Links and sessions of one connection to the Event Hubs namespace under test, and where a reader begins."""

import itertools
import re
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.servers import amqp
from tests.servers.amqp import Described, Symbol

if TYPE_CHECKING:
    from tests.servers.event_hubs import Hub, Partition
    from tests.servers.event_hubs_line import HubLine

_SELECTOR = re.compile(r"amqp\.annotation\.x-opt-(offset|sequence-number|enqueued-time) (>=?) '([^']*)'")
_RUNTIME = "com.microsoft:enable-receiver-runtime-metric"


class Condition(NamedTuple):
    """Why a link or connection ends."""

    name: str
    text: str

    def described(self) -> Described:
        """Return the form that performatives carry."""
        return Described(amqp.ERROR, [Symbol(self.name), self.text, None])


class Refused(Exception):
    """A link is not attached."""

    def __init__(self, name: str, text: str) -> None:
        self.condition = Condition(name, text)
        super().__init__(text)


class Link:
    """One link. A client sends on it or takes from it."""

    def __init__(self, line: "HubLine", channel: int, attach: list[Any]) -> None:
        self.line, self.channel = line, channel
        self.name, self.handle, self.client_takes = attach[0], attach[1], bool(attach[2])
        self.settled = attach[3] != 0
        end = attach[5] if self.client_takes else attach[6]
        self.address = str(end.value[0]) if end is not None and end.value else ""
        self.reply_to = str(attach[6].value[0]) if self.client_takes and attach[6] is not None and attach[6].value else ""
        self.credit = self.count = 0
        self.parts = bytearray()
        self.partition: Partition | None = None
        self.hub: Hub | None = None
        self.next = 0
        self.metric = _RUNTIME in (attach[12] or [])

    def feed(self) -> None:
        """Send events for which there is credit."""
        partition = self.partition
        while partition is not None and self.credit > 0 and self.next < len(partition.events) and self.line.roomy(self.channel):
            event = partition.events[self.next]
            last = partition.last
            told = {
                "last_enqueued_sequence_number": last.sequence,
                "last_enqueued_offset": last.offset,
                "last_enqueued_time_utc": amqp.Timestamp(last.enqueued_ms),
                "runtime_info_retrieval_time_utc": amqp.Timestamp(int(time.time() * 1000)),
            }
            delivery = {Symbol(name): value for name, value in told.items()} if self.metric else None
            self.next += 1
            self.line.transfer(self, amqp.annotated(event.message, event.annotations(), delivery))

    def detach(self, condition: Condition) -> None:
        """End it, with the reason."""
        self.line.detach(self, condition)


class Session:
    """What is known of one session: transfer frames in and out, and how many more the client takes."""

    def __init__(self, window: int) -> None:
        self.incoming = self.outgoing = 0
        self.deliveries = itertools.count()
        self.window = window
        self.links: dict[int, Link] = {}


def leave(link: Link) -> None:
    """Read its hub partition no more."""
    if link.partition is not None:
        link.partition.readers.pop(link, None)


def start_of(partition: "Partition", filters: dict[Any, Any]) -> int:
    """Return the number of the first event that a selector lets through; raises `Refused`."""
    found = next(iter(filters.values()), None)
    text = str(found.value if isinstance(found, Described) else found or "")
    match = _SELECTOR.search(text)
    if match is None or match[3] == "-1":
        return 0
    if match[3] == "@latest":
        return len(partition.events)
    field, inclusive, wanted = match[1], match[2] == ">=", int(match[3])
    last = {"offset": int(partition.last.offset), "sequence-number": partition.last.sequence, "enqueued-time": wanted}[field]
    if wanted > last:
        text = f"The supplied {field} '{wanted}' is invalid. The last {field} in the system is '{last}'."
        raise Refused("com.microsoft:argument-error", text)
    for number, event in enumerate(partition.events):
        at = {"offset": int(event.offset), "sequence-number": event.sequence, "enqueued-time": event.enqueued_ms}[field]
        if at > wanted or (inclusive and at == wanted):
            return number
    return len(partition.events)
