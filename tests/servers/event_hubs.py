"""An Event Hubs namespace on loopback: hubs, their partitions, policies, and the faults that Azure can have.

It speaks AMQP 1.0 (`event_hubs_line.py`) as Azure does towards the official Python and JavaScript clients, and checks what Azure
checks: signatures of tokens and their end, what a policy may do, consumer groups, owner levels, five readers a partition at most.
Hubs and what is in them survive a restart. All methods may be called from any thread.
"""

import asyncio
import base64
import hmac
import itertools
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar
from urllib.parse import quote, unquote, urlsplit

from tests.servers import amqp
from tests.servers.event_hubs_line import HubLine
from tests.servers.event_hubs_links import Condition
from tests.servers.processes import LOOPBACK

T = TypeVar("T")
DEFAULT_GROUP = "$Default"
MOST_READERS = 5
BOTH = frozenset({"Send", "Listen"})
POLICY = "hub"
KEY = base64.b64encode(b"the key of the policy for tests!").decode()
FAULTS = {
    "unauthorized-access": "links are detached and refused: the policy lost its rights",
    "not-found": "links are detached and refused: the hub is gone",
    "server-busy": "links are detached and refused, and events rejected, as when too much is asked",
    "timeout": "links are detached and refused: the service is busy with itself",
    "detach-forced": "links are detached once, as when a hub moves to another machine",
    "connection-forced": "connections are closed in good order once, as for maintenance",
    "link-stolen": "another reader takes every hub partition with an owner level, until none",
    "token-expired": "what clients showed to log in is good no longer: links are detached once",
    "deaf": "what clients write is read and never answered",
}
_BUSY = "The request was terminated because the namespace is being throttled. Please wait 4 seconds and try again."
_LASTING = {
    "unauthorized-access": Condition("amqp:unauthorized-access", "Unauthorized access. 'Listen' claim(s) are required."),
    "not-found": Condition("amqp:not-found", "The messaging entity could not be found."),
    "server-busy": Condition("com.microsoft:server-busy", _BUSY),
    "timeout": Condition("com.microsoft:timeout", "The operation did not complete within the allotted time."),
}
_ONCE = Condition("amqp:link:detach-forced", "The link was detached by the broker, for it is moving.")
_CLOSED = Condition("amqp:connection:forced", "The connection was closed for maintenance.")
_STOLEN = Condition("amqp:link:stolen", "New receiver with higher epoch was created, hence the current one is disconnected.")


class Event(NamedTuple):
    """An event as stored. `message` is what its sender wrote, in wire form."""

    sequence: int
    offset: str
    enqueued_ms: int
    key: Any
    message: bytes

    def annotations(self) -> dict[Any, Any]:
        """Return what the service says of it."""
        found: dict[Any, Any] = {
            amqp.Symbol("x-opt-sequence-number"): self.sequence,
            amqp.Symbol("x-opt-offset"): self.offset,
            amqp.Symbol("x-opt-enqueued-time"): amqp.Timestamp(self.enqueued_ms),
        }
        return found if self.key is None else {**found, amqp.Symbol("x-opt-partition-key"): self.key}


class Partition:
    """A log of events."""

    def __init__(self, number: str) -> None:
        self.id = number
        self.events: list[Event] = []
        self.readers: dict[Any, tuple[str, int | None]] = {}
        """Who reads: by link, consumer group and owner level."""
        self._bytes = 0

    def append(self, message: bytes, key: Any) -> None:
        """Store, and let readers have it."""
        self.events.append(Event(len(self.events), str(self._bytes), time.time_ns() // 1_000_000, key, message))
        self._bytes += len(message) + 40
        for reader in list(self.readers):
            reader.feed()

    @property
    def last(self) -> Event:
        """The newest event; of an empty log the place before the first."""
        return self.events[-1] if self.events else Event(-1, "-1", 0, None, b"")


class Hub:
    """A hub with its partitions."""

    def __init__(self, name: str, partitions: int, groups: Iterable[str]) -> None:
        self.name = name
        self.created_ms = time.time_ns() // 1_000_000
        self.groups = {DEFAULT_GROUP, *groups}
        self.partitions = {str(n): Partition(str(n)) for n in range(partitions)}
        self._turn = itertools.count()

    def place(self, key: Any) -> Partition:
        """Return where an event belongs: one key goes to one partition, events without a key take turns."""
        number = next(self._turn) if key is None else sum(str(key).encode())
        return self.partitions[str(number % len(self.partitions))]


class EventHubs:
    """A namespace. It keeps its port through restarts."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, idle_seconds: float = 60.0, frame_bytes: int = 65_536) -> None:
        self.port = 0
        self.hubs: dict[str, Hub] = {}
        self.policies: dict[str, tuple[str, frozenset[str]]] = {POLICY: (KEY, BOTH)}
        self.idle_seconds = idle_seconds
        self.frame_bytes = frame_bytes
        self.lasting: Condition | None = None
        self.deaf = False
        self.tokens: list[str] = []
        """Audiences for which a token was accepted, in the order of arrival."""
        self.lines: set[HubLine] = set()
        self._tls = tls
        self._loop: asyncio.AbstractEventLoop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="event hubs", daemon=True)

    # -- for tests

    def hub(self, name: str, partitions: int = 2, groups: Iterable[str] = ()) -> Hub:
        """Make a hub, in place of one of that name."""
        self.hubs[name] = Hub(name, partitions, groups)
        return self.hubs[name]

    def add_partition(self, name: str) -> None:
        """Make a hub larger by one partition."""
        hub = self.hubs[name]
        self._call(lambda: hub.partitions.update({str(len(hub.partitions)): Partition(str(len(hub.partitions)))}))

    def publish(
        self, name: str, bodies: Sequence[str | bytes], key: str | None = None, partition: str = "", **properties: Any
    ) -> None:
        """Let events arrive; returns when they are stored."""
        self._call(lambda: self._store(name, bodies, key, partition, properties))

    def publish_soon(self, name: str, bodies: Sequence[bytes], partition: str) -> None:
        """As `publish`, but not waited for."""
        self._loop.call_soon_threadsafe(self._store, name, bodies, None, partition, {})

    def _store(
        self, name: str, bodies: Sequence[str | bytes], key: str | None, partition: str, properties: dict[str, Any]
    ) -> None:
        hub = self.hubs[name]
        for body in bodies:
            data = body.encode() if isinstance(body, str) else body
            where = hub.partitions[partition] if partition else hub.place(key)
            where.append(amqp.with_data(data, properties), key)

    def bodies(self, name: str) -> list[str]:
        """Return the bodies of all events of a hub, partition after partition."""
        found = (event for one in self.hubs[name].partitions.values() for event in one.events)
        return [part.value.decode() for event in found for part in amqp.sections(event.message) if part.code == 0x75]

    def connection_string(self, port: int = 0, hub: str = "", policy: str = POLICY, signature: str = "") -> str:
        """Return what Azure's portal would show, for another port where one is given."""
        key, _ = self.policies[policy]
        login = f"SharedAccessSignature={signature}" if signature else f"SharedAccessKeyName={policy};SharedAccessKey={key}"
        parts = [f"Endpoint=sb://{LOOPBACK}:{port or self.port}/", login]
        parts += [f"EntityPath={hub}"] if hub else []
        return ";".join([*parts, *([] if self._tls else ["UseDevelopmentEmulator=true"])])

    def signature(self, audience: str, seconds: float, policy: str = POLICY) -> str:
        """Return a token for an audience that ends after so many seconds."""
        key, _ = self.policies[policy]
        quoted, ends = quote(audience, safe=""), int(time.time() + seconds)
        signed = base64.b64encode(hmac.digest(key.encode(), f"{quoted}\n{ends}".encode(), "sha256"))
        return f"SharedAccessSignature sr={quoted}&sig={quote(signed, safe='')}&se={ends}&skn={policy}"

    def fault(self, kind: str) -> None:
        """Switch to one of `FAULTS`, or to "none"."""
        if kind not in FAULTS and kind != "none":
            raise ValueError(f"There is no fault {kind!r}, but {', '.join(FAULTS)}")
        self._call(lambda: self._switch(kind))

    def steal(self, name: str, partition: str, level: int = 1) -> None:
        """Take a hub partition with an owner level, and keep it until `give_back`."""
        self._call(lambda: self._steal(self.hubs[name].partitions[partition], level))

    def give_back(self) -> None:
        """Let go of what was stolen."""
        self._call(self._give_back)

    def _switch(self, kind: str) -> None:
        self._give_back()
        self.lasting, self.deaf = _LASTING.get(kind), kind == "deaf"
        if kind == "connection-forced":
            for line in list(self.lines):
                line.close_in_order(_CLOSED)
        elif kind == "token-expired":
            for line in list(self.lines):
                line.expire_all()
        elif kind == "link-stolen":
            for hub in self.hubs.values():
                for partition in hub.partitions.values():
                    self._steal(partition, 1)
        elif kind == "detach-forced" or self.lasting is not None:
            for line in list(self.lines):
                line.detach_all(self.lasting or _ONCE)

    def _steal(self, partition: Partition, level: int) -> None:
        for reader, (_, held) in list(partition.readers.items()):
            if held is None or held < level:
                reader.detach(_STOLEN)
        partition.readers[_Thief()] = (DEFAULT_GROUP, level)

    def _give_back(self) -> None:
        for hub in self.hubs.values():
            for partition in hub.partitions.values():
                partition.readers = {one: held for one, held in partition.readers.items() if not isinstance(one, _Thief)}

    # -- for lines

    def judge(self, token: str, audience: str) -> tuple[int, str, float, frozenset[str]]:
        """Judge a token: status, what to say, when it ends (seconds since 1970) and what it allows."""
        refused = (401, "InvalidSignature: The token has an invalid signature.", 0.0, frozenset[str]())
        kind, _, rest = token.partition(" ")
        fields = dict(part.split("=", 1) for part in rest.split("&") if "=" in part)
        if kind != "SharedAccessSignature" or not {"sr", "sig", "se", "skn"} <= fields.keys():
            return (401, "MalformedToken: The token is malformed.", 0.0, frozenset())
        key, rights = self.policies.get(unquote(fields["skn"]), ("", frozenset()))
        wanted = base64.b64encode(hmac.digest(key.encode(), f"{fields['sr']}\n{fields['se']}".encode(), "sha256")).decode()
        if not key or not hmac.compare_digest(wanted, unquote(fields["sig"])):
            return refused
        if int(fields["se"]) <= time.time():
            return (401, "ExpiredToken: The token is expired.", 0.0, frozenset())
        if not _path(audience).startswith(_path(unquote(fields["sr"]))):
            return (401, "InvalidAudience: The token is for another resource.", 0.0, frozenset())
        if self.find(audience) is None:
            return (404, f"The messaging entity '{audience}' could not be found.", 0.0, frozenset())
        self.tokens.append(audience)
        return 202, "Accepted", float(fields["se"]), rights

    def find(self, address: str) -> Hub | None:
        """Return the hub of an address, whatever follows its name."""
        return self.hubs.get(_path(address).strip("/").split("/")[0])

    # -- life

    def start(self) -> None:
        """Take connections."""
        if not self._thread.is_alive():
            self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(20)

    async def _open(self) -> int:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port, ssl=self._tls)
        return int(self._server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = HubLine(self, reader, writer)
        self.lines.add(line)
        try:
            await line.run()
        except asyncio.CancelledError:  # the namespace ends; nobody asks what became of this task
            pass
        finally:
            self.lines.discard(line)

    def stop(self) -> None:
        """Drop every connection and take no more; what was stored stays."""
        self._call(self._drop)

    def _drop(self) -> None:
        if self._server is not None:
            self._server.close()
        for line in list(self.lines):
            line.abort()

    def restart(self) -> None:
        """Stop and start again."""
        self.stop()
        self.start()

    def _call(self, work: Callable[[], T]) -> T:
        async def run() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(20)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._drop()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Thief:
    """A reader that takes a partition and reads nothing."""

    def feed(self) -> None:
        """Leave it."""

    def detach(self, condition: Condition) -> None:
        """Stay."""


def _path(address: str) -> str:
    return urlsplit(address).path if "://" in address else address


__all__ = ["DEFAULT_GROUP", "FAULTS", "KEY", "MOST_READERS", "POLICY", "Event", "EventHubs", "Hub", "Partition"]
