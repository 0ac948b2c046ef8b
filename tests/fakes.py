"""An integration type in memory, with the full contract of a connector and a far end that the test steers."""

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, TypedDict

from integrations.connectors.base import AnyConnector, CheckStep, Connector, Delivery, Source, connectors
from integrations.events import EventKind
from integrations.exceptions import Disconnected, Refused, SendLater, Unreachable
from integrations.runtime.book import now_ms
from wegnology.lib.schema import Field, Schema, SecretStr, Templated
from wegnology.lib.types import JSONObject

CONFIG: JSONObject = {"host": "far.example", "port": 7}
"""The least that the fake type needs."""


class FakeConfig(Schema):
    """How to reach the far end."""

    host: Templated[str] = Field(description="Name of the far end.", min_length=1)
    port: Templated[int] = Field(7, ge=1, le=65535, description="Port of the far end.")
    password: Templated[SecretStr | None] = Field(None, description="Asked for by nobody.")


class FakeMessage(Schema):
    """A message to send."""

    body: str = ""


class FakeData(TypedDict):
    """Data of every event."""

    number: int


class LoginRefused(Exception):
    """What the fake client library raises when it is not let in."""


class FarEnd:
    """What the connections of one integration talk to. All methods may be called from any thread.

    A message that was not acknowledged when its connection closed is delivered again by the next one, as a broker does.
    """

    def __init__(self) -> None:
        self.connects = 0
        self.closes = 0
        self.probes = 0
        self.configs: list[FakeConfig] = []
        self.acked: list[int] = []
        self.on_acknowledge: Callable[[Sequence[int]], None] = lambda numbers: None
        self.paused: list[bool] = []
        self.sent: list[str] = []
        self.error_on_connect: Exception | None = None
        self.error_on_probe: Exception | None = None
        self.error_on_send: Callable[[str], Exception | None] = lambda body: None
        self.bug_on_send: Exception | None = None
        self.hold_sends: asyncio.Event | None = None
        self.hang_on_connect = False
        self.hang_on_probe = False
        self.hang_on_close = False
        self.line: FakeConnector | None = None
        self._numbers = itertools.count(1)
        self._unacked: dict[int, Delivery] = {}
        self._waiting: deque[Delivery] = deque()

    def publish(self, waits: bool = True, **data: Any) -> int:
        """Send a message to whoever is connected; return its number. Without `waits` it is not sent again."""
        number = next(self._numbers)
        delivery = Delivery({"number": number, **data}, now_ms(), number if waits else None)
        if waits:
            self._unacked[number] = delivery
        self._waiting.append(delivery)
        self._stir()
        return number

    def drop(self, text: str = "the far end went away") -> None:
        """Break the connection."""
        line = self.line
        if line is not None and line.loop is not None:
            line.loop.call_soon_threadsafe(line.fail, ConnectionResetError(text))

    def _stir(self) -> None:
        line = self.line
        if line is not None and line.loop is not None:
            line.loop.call_soon_threadsafe(line.arrived.set)

    def joined(self, line: "FakeConnector") -> None:
        """Take a connection; what the last one did not acknowledge comes again."""
        self.line = line
        self._waiting = deque(self._unacked.values())
        line.arrived.set()

    def take(self) -> list[Delivery]:
        """Hand out what waits."""
        taken = list(self._waiting)
        self._waiting.clear()
        return taken

    def acknowledged(self, numbers: Sequence[int]) -> None:
        """Take acknowledgements."""
        self.on_acknowledge(numbers)
        self.acked += numbers
        for number in numbers:
            self._unacked.pop(number, None)


class FakeConnector(Connector[FakeConfig, FakeMessage]):
    """A connection to a `FarEnd`."""

    name: ClassVar[str] = "fake"
    label: ClassVar[str] = "Fake"
    Config = FakeConfig
    Outgoing = FakeMessage
    send_node: ClassVar[str] = "FakeMessageNode"
    sends_live: ClassVar[bool] = True
    redelivers: ClassVar[bool] = True
    can_wait: ClassVar[bool] = True
    payloads: ClassVar = dict.fromkeys(EventKind, FakeData)
    refused: ClassVar[tuple[type[Exception], ...]] = (LoginRefused,)
    probe_seconds: ClassVar[float] = 0.1
    far_ends: ClassVar[dict[str, FarEnd]] = {}

    def __init__(self, config: FakeConfig, source: Source) -> None:
        super().__init__(config, source)
        self.loop: asyncio.AbstractEventLoop | None = None
        self.far = self.far_ends.setdefault(source.integration_id, FarEnd())
        self.arrived = asyncio.Event()
        self.closed = False
        self._paused = False
        self._error: Exception | None = None

    def fail(self, error: Exception) -> None:
        """Be lost."""
        self._error = error
        self.arrived.set()

    async def connect(self) -> JSONObject:
        """Join the far end, unless it refuses."""
        self.far.connects += 1
        self.far.configs.append(self.config)
        self.loop = asyncio.get_running_loop()
        await asyncio.sleep(0)
        if self.far.hang_on_connect:
            await asyncio.Event().wait()
        if self.far.error_on_connect is not None:
            raise self.far.error_on_connect
        self.far.joined(self)
        return {"number": self.far.connects}

    async def receive(self) -> Sequence[Delivery]:
        """Return what the far end published."""
        while True:
            await self.arrived.wait()
            self.arrived.clear()
            if self._error is not None:
                raise self._error
            taken = [] if self._paused else self.far.take()
            if taken:
                return taken

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Tell the far end; a closed connection cannot."""
        if self.closed or self._error is not None:
            raise Disconnected("the line is closed")
        self.far.acknowledged([int(str(delivery.receipt)) for delivery in deliveries])

    def pause(self, paused: bool) -> None:
        """Leave messages at the far end."""
        self._paused = paused
        self.far.paused.append(paused)
        self.arrived.set()

    async def probe(self) -> None:
        """Prove life as the test wants it."""
        self.far.probes += 1
        if self.far.hang_on_probe:
            await asyncio.Event().wait()
        if self.far.error_on_probe is not None:
            raise self.far.error_on_probe

    async def send(self, message: FakeMessage) -> JSONObject:
        """Hand a message to the far end."""
        if self.far.bug_on_send is not None:
            raise self.far.bug_on_send
        if self.closed or self._error is not None:
            raise SendLater("the line is closed")
        if self.far.hold_sends is not None:
            await self.far.hold_sends.wait()
        error = self.far.error_on_send(message.body)
        if error is not None:
            raise error
        self.far.sent.append(message.body)
        return {}

    async def close(self) -> None:
        """Leave."""
        if self.closed:
            return
        self.closed = True
        self.far.closes += 1
        if self.far.line is self:
            self.far.line = None
        if self.far.hang_on_close:
            await asyncio.Event().wait()

    @classmethod
    async def check(cls, config: FakeConfig, source: Source) -> AsyncIterator[CheckStep]:
        """Find everything well."""
        yield CheckStep("connect", "ok", 0.0)


class FakeWaitingConnector(FakeConnector):
    """As above, but a sending node waits for the outcome."""

    name: ClassVar[str] = "fake-waiting"
    label: ClassVar[str] = "Fake that waits"
    send_node: ClassVar[str] = "FakeWaitingMessageNode"
    send_waits: ClassVar[bool] = True


@contextmanager
def fake_types() -> Iterator[dict[str, FarEnd]]:
    """Make the fake types known; yields the far ends by integration id, which appear as they are first talked to."""
    connectors.autodiscover()
    known: dict[str, type[AnyConnector]] = connectors._classes
    before = dict(known)
    for kind in (FakeConnector, FakeWaitingConnector):
        connectors.register(kind)
    FakeConnector.far_ends.clear()
    try:
        yield FakeConnector.far_ends
    finally:
        known.clear()
        known.update(before)


def refused(text: str = "wrong password") -> Exception:
    """Return a refusal as a client library raises it."""
    return LoginRefused(text)


__all__ = ["CONFIG", "FakeConnector", "FarEnd", "Refused", "Unreachable", "fake_types", "refused"]
