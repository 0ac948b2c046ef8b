"""One connection to one hub of Azure Event Hubs: login and its renewal, facts of the hub, readers of hub partitions, sending.

https://learn.microsoft.com/azure/event-hubs/event-hubs-amqp-protocol-guide (links, `$cbs`), the official clients
(`$management`).
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from azure.eventhub._pyamqp.constants import LinkDeliverySettleReason, ReceiverSettleMode, SenderSettleMode
from azure.eventhub._pyamqp.endpoints import ApacheFilters, Source
from azure.eventhub._pyamqp.utils import amqp_string_value, get_message_encoded_size

from wegnology.lib.amqp_line import AmqpLine
from wegnology.lib.amqp_transport import AmqpError, speaking, text_of
from wegnology.lib.eager import start
from wegnology.lib.event_hub_access import TOKEN_SECONDS, Access
from wegnology.lib.tls import Tls

BEGINNING = "-1"
TICK_SECONDS = 5.0
WINDOW_EVENTS, WINDOW_BYTES, WINDOW_LEAST = 100, 1024 * 1024, 2
"""How much of one hub partition may be on its way to us."""
MESSAGE_BYTES = 1024 * 1024
_CBS, _MANAGEMENT = "$cbs", "$management"
_SAS_TOKEN = "servicebus.windows.net:sastoken"  # noqa: S105  (the name of a kind of token)
_READER_OPTIONS = [b"com.microsoft:enable-receiver-runtime-metric"]


class HubFacts(NamedTuple):
    """A hub. `made` tells it from one of the same name that was there before (ms since 1970)."""

    made: int
    partitions: tuple[str, ...]


class PartitionFacts(NamedTuple):
    """A hub partition: the oldest event it still has, and the newest. Without events `last_sequence` is -1."""

    first_sequence: int
    last_sequence: int
    last_offset: str


class PartitionReader:
    """Reads one hub partition, from a position on. What may be on its way is bounded, in events and about in bytes."""

    def __init__(self, partition: str, on_event: Callable[[str, Any], int], on_fault: Callable[[Exception], None]) -> None:
        """`on_event` gets partition and message, and returns the size in bytes."""
        self.partition = partition
        self._on_event, self._on_fault = on_event, on_fault
        self._link: Any = None
        self._size = 0
        self._paused = False

    def link(self, session: Any, source: Source, changed: Any) -> Any:
        """Make the link; nothing comes before `ask`."""
        self._link = session.create_receiver_link(
            source_address=source,
            link_credit=0,
            send_settle_mode=SenderSettleMode.Settled,
            rcv_settle_mode=ReceiverSettleMode.First,
            on_transfer=self._on_transfer,
            on_link_state_change=changed,
            desired_capabilities=_READER_OPTIONS,
        )
        return self._link

    @property
    def window(self) -> int:
        """How many events may be on their way: fewer when they are large."""
        return max(WINDOW_LEAST, min(WINDOW_EVENTS, WINDOW_BYTES // max(1, self._size)))

    def pause(self, paused: bool) -> None:
        """Ask for nothing more, or for events again."""
        if self._paused is not paused:
            self._paused = paused
            self._ask(0 if paused else self.window)

    def ask(self) -> None:
        """Ask for events, the first or again; what was asked for before is part of it."""
        if not self._paused:
            self._ask(self.window)

    def _ask(self, credit: int) -> None:
        try:
            with speaking():
                start(self._link.flow(link_credit=credit), lambda _: None)
        except (AmqpError, OSError) as error:
            self._on_fault(error)

    async def _on_transfer(self, _: Any, message: Any) -> None:
        self._link._received_delivery_tags.clear()  # they are settled; the library would keep each of them for good
        try:
            size = self._on_event(self.partition, message)
        except Exception as error:  # noqa: BLE001  (the library would log it and go on, and the event were lost)
            self._on_fault(error)
            return
        self._size = max(size, self._size * 7 // 8)
        if not self._paused and self._link.current_link_credit <= self.window // 2:
            self._ask(self.window)


class HubLine:
    """A connection to a hub. Every method raises `AmqpError` for what the service says, `OSError` and `TimeoutError`."""

    token_seconds = TOKEN_SECONDS

    def __init__(
        self, access: Access, hub: str, seconds: float, on_end: Callable[[Exception], None], authority: str | None = None
    ) -> None:
        """`seconds` for each phase; `authority`: who signed the service's certificate, None for the usual public ones."""
        self.hub = hub
        self._access = access
        self._line = AmqpLine(access.host, access.port, Tls(ca=authority) if access.secured else None, seconds, on_end)
        self._renew_at = 0.0
        self._renewing: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._sender: Any = None

    @property
    def usable(self) -> bool:
        """Whether it is up, as far as is known here."""
        return self._line.open_now

    async def open(self) -> None:
        """Connect, secure, greet."""
        await self._line.open()
        self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    async def log_in(self) -> None:
        """Show a token for the hub; it is renewed in time from then on."""
        token = self._access.token(self.hub, self.token_seconds)
        fields = {"name": self._access.audience(self.hub)}
        answer = await self._line.ask(_CBS, fields, token.text, "put-token", _SAS_TOKEN)
        if not 200 <= answer.status < 300:
            raise AmqpError(str(answer.status), answer.text)
        left = token.ends - time.time()
        self._renew_at = float("inf") if self._access.signature else asyncio.get_running_loop().time() + left * 0.75

    def _tick(self) -> None:
        if not self._line.open_now:
            return
        loop = asyncio.get_running_loop()
        self._line.heartbeat()
        if self._renew_at and loop.time() >= self._renew_at and self._renewing is None:
            self._renewing = loop.create_task(self._renew())
        pause = min(TICK_SECONDS, max(0.1, self._renew_at - loop.time())) if self._renew_at else TICK_SECONDS
        self._timer = loop.call_later(pause, self._tick)

    async def _renew(self) -> None:
        """Log in again; when that fails the line ends, now rather than when the service notices."""
        try:
            await self.log_in()
        except (AmqpError, OSError) as error:
            self._line.end(error)
        finally:
            self._renewing = None

    # -- facts

    async def look(self) -> HubFacts:
        """Ask what the hub is made of; proves that the service answers for it."""
        found = await self._ask("com.microsoft:eventhub", {})
        return HubFacts(int(found[b"created_at"]), tuple(text_of(name) for name in found[b"partition_ids"]))

    async def look_at(self, partition: str) -> PartitionFacts:
        """Ask what is in a hub partition."""
        found = await self._ask("com.microsoft:partition", {"partition": partition})
        last = -1 if found.get(b"is_partition_empty") else int(found[b"last_enqueued_sequence_number"])
        return PartitionFacts(int(found[b"begin_sequence_number"]), last, text_of(found[b"last_enqueued_offset"]))

    async def _ask(self, kind: str, more: dict[str, str]) -> dict[bytes, Any]:
        fields = {"name": self.hub, "security_token": self._access.token(self.hub, self.token_seconds).text, **more}
        answer = await self._line.ask(_MANAGEMENT, fields, None, "READ", kind)
        if not 200 <= answer.status < 300 or not isinstance(answer.value, dict):
            raise AmqpError(str(answer.status), answer.text)
        return answer.value

    # -- reading

    async def read(self, group: str, partition: str, offset: str, on_event: Callable[[str, Any], int]) -> PartitionReader:
        """Open a reader for what comes after an offset; nothing comes before its `ask`. No owner level: others may read too."""
        selector = f"amqp.annotation.x-opt-offset > '{offset}'"
        name = ApacheFilters.selector_filter
        address = f"amqps://{self._access.host}/{self.hub}/ConsumerGroups/{group}/Partitions/{partition}"
        value = amqp_string_value(selector.encode())  # type: ignore[no-untyped-call]
        source = Source(address=address, filters={name: (name, value)})  # type: ignore[call-arg]
        reader = PartitionReader(partition, on_event, self._line.end)
        await self._line.attach(
            lambda session, changed: reader.link(session, source, changed), f"Opening hub partition {partition}"
        )
        return reader

    # -- sending

    async def open_sender(self) -> None:
        """Open the way for events to the hub."""

        def make(session: Any, changed: Any) -> Any:
            return session.create_sender_link(
                f"amqps://{self._access.host}/{self.hub}",
                send_settle_mode=SenderSettleMode.Unsettled,
                rcv_settle_mode=ReceiverSettleMode.First,
                on_link_state_change=changed,
            )

        self._sender = await self._line.attach(make, f"Opening {self.hub} for sending")

    async def send(self, message: Any) -> None:
        """Send an event; returns when the service has stored it. Several may be under way."""
        largest = self._sender.remote_max_message_size or MESSAGE_BYTES
        size = get_message_encoded_size(message)  # type: ignore[no-untyped-call]
        if size > largest:
            raise AmqpError("amqp:link:message-size-exceeded", f"It has {size:,} bytes, and {largest:,} is the most.")
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def settled(reason: Any, state: Any) -> None:
            if stored.done() or reason is not LinkDeliverySettleReason.DISPOSITION_RECEIVED:
                return
            if "accepted" in (state or {}):
                stored.set_result(None)
            else:
                stored.set_exception(_rejected(state))
                stored.exception()

        with speaking():
            await self._sender.send_transfer(message, on_send_complete=settled)
        await self._line.wait(stored, f"The answer of {self._access.host}")

    async def drain(self) -> None:
        """Wait until what was written has left."""
        await self._line.drain()

    # -- the end

    async def close(self) -> None:
        """Close; may be called twice."""
        if self._timer is not None:
            self._timer.cancel()
        await self._line.close()
        renewing = self._renewing
        if renewing is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await renewing


def _rejected(state: Any) -> AmqpError:
    """Return why an event was not taken."""
    try:
        condition, text = state["rejected"][0][:2]
    except (KeyError, IndexError, TypeError):
        return AmqpError("amqp:unknown-error", "The event was not taken.")
    return AmqpError(text_of(condition), text_of(text))
