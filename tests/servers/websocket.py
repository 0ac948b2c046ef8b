"""A WebSocket server on loopback, in a thread, which notes what it is sent."""

import asyncio
import contextlib
import http
import ssl
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from websockets.asyncio.server import Server, ServerConnection, basic_auth, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.servers.processes import LOOPBACK, free_port

USERNAME, PASSWORD = "bob", "s3cret-&<>\"'="


class WebsocketServer:
    """A server that keeps its port through restarts. With `password` it wants basic authentication.

    With `status` it answers that instead of an upgrade, with `location` as where to go; `cookie` is what it wants kept.
    """

    def __init__(
        self, *, password: bool = False, tls: ssl.SSLContext | None = None, status: int = 0, location: str = "", cookie: str = ""
    ) -> None:
        self.port = free_port()
        self.received: list[str | bytes] = []
        self.requests: list[Mapping[str, str]] = []
        self.paths: list[str] = []
        self.accepts = PASSWORD
        """The password that it wants."""
        self._password, self._tls, self._status = password, tls, status
        self._extra = {name: value for name, value in (("Location", location), ("Set-Cookie", cookie)) if value}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="websocket-server", daemon=True)
        self._server: Server | None = None

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._server.connections) if self._server else 0

    def start(self) -> None:
        """Start, or start again on the same port."""
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)

    async def _start(self) -> None:
        check = basic_auth(realm="test", check_credentials=self._accepts) if self._password else self._answer
        self._server = await serve(
            self._talk,
            LOOPBACK,
            self.port,
            ssl=self._tls,
            process_request=check,
            process_response=self._add,
            max_size=None,
            ping_interval=None,
            compression=None,
        )

    def _accepts(self, username: str, password: str) -> bool:
        return (username, password) == (USERNAME, self.accepts)

    async def _add(self, connection: ServerConnection, request: Request, response: Response) -> None:
        response.headers.update(self._extra)

    async def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(dict(request.headers.raw_items()))
        self.paths.append(request.path)
        if not self._status:
            return None
        response = connection.respond(http.HTTPStatus(self._status), "no\n")
        response.headers.update(self._extra)
        return response

    async def _talk(self, connection: ServerConnection) -> None:
        async for message in connection:
            self.received.append(message)

    def publish(self, messages: Sequence[str | bytes]) -> None:
        """Send to every client, in order."""
        asyncio.run_coroutine_threadsafe(self._publish(messages), self._loop).result(30)

    async def _publish(self, messages: Sequence[str | bytes]) -> None:
        for connection in list(self._server.connections) if self._server else []:
            with contextlib.suppress(ConnectionClosed):  # who leaves meanwhile hears no more
                for message in messages:
                    await connection.send(message)

    def hang_up(self, code: int = 1000, reason: str = "") -> None:
        """Close every connection in order, with this code."""

        async def close() -> None:
            for connection in list(self._server.connections) if self._server else []:
                await connection.close(code, reason)

        asyncio.run_coroutine_threadsafe(close(), self._loop).result(10)

    def ping(self) -> None:
        """Ping every client and wait for the answers."""

        async def ping() -> None:
            for connection in list(self._server.connections) if self._server else []:
                await asyncio.wait_for(await connection.ping(), 5)

        asyncio.run_coroutine_threadsafe(ping(), self._loop).result(10)

    def stop(self) -> None:
        """Stop; clients are told."""

        async def close() -> None:
            if self._server is not None:
                self._server.close()
                await self._server.wait_closed()

        asyncio.run_coroutine_threadsafe(close(), self._loop).result(15)

    def restart(self) -> None:
        """Stop and start again."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        self._thread.start()
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        asyncio.run_coroutine_threadsafe(_finish(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


async def _finish() -> None:
    """End what is left of connections that never became any."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    for _ in range(5):
        await asyncio.sleep(0)
