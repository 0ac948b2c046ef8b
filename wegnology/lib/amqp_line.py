"""One AMQP 1.0 connection, driven by the loop: nothing polls, and many links share it.

The protocol itself (frames, sessions, links, requests) is the one inside azure-eventhub. Only modules named `amqp_*` and
`event_hub_*` know that package's inner part, and it is pinned to a minor version for that. Its own clients are not used: they
open a connection for each hub partition, look for frames and events 25 times a second each, wait without a bound for a service
that says nothing, and remember every delivery for good. Nothing that is written waits, so that what is done for one frame or one
call is done at once; one task reads frames.
"""

import asyncio
import contextlib
import ssl
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

from azure.eventhub._pyamqp.aio._connection_async import Connection
from azure.eventhub._pyamqp.constants import EMPTY_FRAME, LinkState, ManagementOpenResult
from azure.eventhub._pyamqp.error import AMQPException
from azure.eventhub._pyamqp.message import Message

from wegnology.lib.amqp_transport import FRAME_BYTES, AmqpError, StreamEnd, Transport, speaking, text_of, told, within
from wegnology.lib.egress import connect_to, resolve
from wegnology.lib.opening import HandshakeFailed
from wegnology.lib.threads import in_thread
from wegnology.lib.tls import Tls, tls_context

T = TypeVar("T")
_END = 0x17
BURST = 20
"""Frames read before others get a turn on the loop."""
LINKS_EACH = 100
"""Links in one session."""


class Answer(NamedTuple):
    """The answer to a request."""

    status: int
    text: str
    value: Any


class AmqpLine:
    """A connection with sessions and links. `on_end` is called once, when it is lost or the other side ends any link of it."""

    def __init__(self, host: str, port: int, tls: Tls | None, seconds: float, on_end: Callable[[Exception], None]) -> None:
        """`seconds`: how long each phase of opening may take, and each answer."""
        self.host, self.port = host, port
        self.seconds = seconds
        self.ended: Exception | None = None
        self._tls = tls
        self._on_end = on_end
        self._transport: Transport | None = None
        self._connection: Any = None
        self._sessions: list[Any] = []
        self._requests: dict[str, Any] = {}
        self._waiting: set[asyncio.Future[Any]] = set()
        self._pump: asyncio.Task[None] | None = None
        self._closed = False

    # -- opening

    async def open(self) -> None:
        """Connect, secure, greet. Raises `EgressRefused`, `CertificateUnusable`, `TimeoutError`, `ssl.SSLError`, `OSError`."""
        transport = self._transport = await self._connect()
        try:
            async with within(self.seconds, f"Greeting {self.host} port {self.port}"):
                await transport.greet()
                await self._begin(transport)
        except BaseException:
            await transport.close()
            await transport.closed()
            raise

    async def _begin(self, transport: Transport) -> None:
        connection = self._connection = Connection(
            f"amqps://{self.host}", sasl_credential=transport.credential, max_frame_size=FRAME_BYTES, container_id=str(uuid4())
        )
        connection._transport = transport  # type: ignore[assignment]
        await connection.open()
        await self._session()
        self._pump = asyncio.get_running_loop().create_task(self._read(transport), name=f"amqp {self.host}")

    async def _connect(self) -> Transport:
        tls = self._tls
        context = None
        if tls is not None:
            context = await in_thread(lambda: tls_context(tls), seconds=self.seconds, what="Reading certificates")
        addresses = await resolve(self.host, timeout=self.seconds)
        sock = await connect_to(addresses, self.host, self.port, timeout=self.seconds)
        loop = asyncio.get_running_loop()
        protocol = StreamEnd()
        name = self.host if context is not None else None
        what = f"The TLS handshake with {self.host} port {self.port}"
        try:
            async with within(self.seconds, what):
                stream, _ = await loop.create_connection(lambda: protocol, sock=sock, ssl=context, server_hostname=name)
        except (ConnectionError, ssl.SSLEOFError) as error:
            sock.close()
            raise HandshakeFailed(f"{what} failed: the other side closed the connection") from error
        except BaseException:
            sock.close()
            raise
        return Transport(self.host, stream, protocol)

    async def _session(self) -> Any:
        session = self._connection.create_session(incoming_window=FRAME_BYTES, outgoing_window=FRAME_BYTES)
        await session.begin()
        self._sessions.append(session)
        return session

    # -- reading

    async def _read(self, transport: Transport) -> None:
        connection = self._connection
        try:
            while True:
                for _ in range(BURST):
                    channel, frame = await transport.receive_frame()
                    await connection._process_incoming_frame(channel, frame)
                    if frame is not None and frame[0] == _END:
                        raise AmqpError("amqp:session:ended", f"{self.host} ended the session")
                    if connection._error is not None:
                        raise connection._error
                    if not transport.connected:
                        raise ConnectionResetError(f"{self.host} closed the connection")
                await asyncio.sleep(0)
        except asyncio.IncompleteReadError:
            self.end(ConnectionResetError("the line was closed"))
        except AMQPException as error:
            self.end(told(error))
        except (AmqpError, OSError) as error:
            self.end(error)
        except (IndexError, ValueError, TypeError, KeyError, struct.error) as error:
            fault = AmqpError("amqp:decode-error", f"{self.host} sent what cannot be read")
            fault.__cause__ = error
            self.end(fault)

    def end(self, reason: Exception) -> None:
        """Take the line for lost; only the first reason counts."""
        if self.ended is not None:
            return
        self.ended = reason
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(reason)
                waiting.exception()  # whoever waits hears of it
        if not self._closed:
            self._on_end(reason)

    async def wait(self, waiting: "asyncio.Future[T]", what: str) -> T:
        """Wait for what a callback will say; raises when the line ends before, and `TimeoutError` naming `what`."""
        if self.ended is not None:
            raise self.ended
        self._waiting.add(waiting)
        try:
            async with within(self.seconds, what):
                return await waiting
        finally:
            self._waiting.discard(waiting)

    # -- links

    async def attach(self, make: Callable[[Any, Callable[..., Awaitable[None]]], Any], what: str) -> Any:
        """Attach the link that `make` returns for a session and a callback; returns it. Raises `AmqpError`."""
        if self.ended is not None:
            raise self.ended
        attached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        links: list[Any] = []

        async def changed(_: Any, state: Any) -> None:
            if state is LinkState.ATTACHED and not attached.done():
                attached.set_result(None)
            elif state in (LinkState.ERROR, LinkState.DETACHED) and links[0]._error is not None:
                fault = told(links[0]._error)
                if not attached.done():
                    attached.set_exception(fault)
                    attached.exception()
                else:
                    self.end(fault)

        session = self._sessions[-1]
        if len(session.links) >= LINKS_EACH:
            session = await self._session()
        links.append(make(session, changed))
        with speaking():
            await links[0].attach()
        await self.wait(attached, what)
        return links[0]

    async def ask(self, node: str, properties: Mapping[str, Any], value: Any, operation: str, kind: str) -> Answer:
        """Send a request to a node such as `$cbs` and wait for the answer. Raises what ends the line, and `TimeoutError`."""
        link = self._requests.get(node) or await self._request_link(node)
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        async def done(_: Any, status: Any, text: Any, message: Any, error: Any = None) -> None:
            if answered.done():
                return
            if isinstance(error, AMQPException):
                answered.set_exception(told(error))
                answered.exception()
            else:
                answered.set_result(Answer(int(status or 0), text_of(text), getattr(message, "value", None)))

        fields: dict[Any, Any] = dict(properties)
        message = Message(application_properties=fields, value=value)
        with speaking():
            await link.execute_operation(message, done, operation=operation, type=kind)
        return await self.wait(answered, f"The answer of {self.host}")

    async def _request_link(self, node: str) -> Any:
        opened: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        async def complete(result: Any) -> None:
            if not opened.done():
                opened.set_result(result)

        async def failed() -> None:
            fault = link._request_link._error or link._response_link._error
            if fault is not None:  # else the whole connection ends, and whoever reads it says why
                self.end(told(fault))

        link = self._sessions[0].create_request_response_link_pair(
            node,
            on_amqp_management_open_complete=complete,
            on_amqp_management_error=failed,
            status_code_field=b"status-code",
            status_description_field=b"status-description",
        )
        with speaking():
            await link.open()
        if await self.wait(opened, f"Opening {node}") is not ManagementOpenResult.OK:
            fault = link._request_link._error or link._response_link._error
            raise told(fault) if fault is not None else AmqpError("amqp:not-found", f"{self.host} has no {node}")
        self._requests[node] = link
        return link

    # -- keeping and closing

    def heartbeat(self) -> None:
        """Write something when the other side would else think that we are gone; to be called every few seconds."""
        connection, transport = self._connection, self._transport
        if connection is None or transport is None or not transport.connected:
            return
        patience = connection._remote_idle_timeout or 60.0
        if asyncio.get_running_loop().time() - transport.wrote > patience / 3:
            transport.writer.write(EMPTY_FRAME)
            transport.wrote = asyncio.get_running_loop().time()

    @property
    def open_now(self) -> bool:
        """Whether it is up, as far as is known here."""
        return self._transport is not None and self._transport.connected and self.ended is None

    async def drain(self) -> None:
        """Wait until most of what was written has left."""
        if self._transport is not None:
            await self._transport.writer.drain()

    async def close(self) -> None:
        """Close everything; may be called twice."""
        self._closed = True
        self.end(ConnectionResetError("the line was closed here"))
        pump, self._pump = self._pump, None
        if pump is not None:
            pump.cancel()
        if self._connection is not None and self._transport is not None and self._transport.connected:
            with contextlib.suppress(Exception):
                await self._connection.close()
        if self._transport is not None:
            await self._transport.close()
            await self._transport.closed()
        if pump is not None:
            await asyncio.wait([pump])
