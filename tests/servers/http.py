"""A web server on loopback, on the loop of its test: echoes requests, redirects, and misbehaves on request."""

import asyncio
import gzip
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Misbehave = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
MEGABYTE = 1024 * 1024


class HttpServer:
    """What it was asked, and how many connections it had."""

    def __init__(self) -> None:
        self.port = 0
        self.scheme = "http"
        self.requests: list[dict[str, Any]] = []
        self.connections: set[Any] = set()
        self.at_once = self.most_at_once = 0
        self.release = asyncio.Event()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """Return an address here."""
        return f"{self.scheme}://{host}:{self.port}{path}"

    async def note(self, request: web.Request) -> dict[str, Any]:
        """Note a request and return it as it came."""
        self.connections.add(request.transport)
        peer = request.transport.get_extra_info("peercert") if request.transport else None
        fields: dict[str, str] = {}
        if request.content_type.startswith("multipart/"):
            fields = {name: str(value) for name, value in (await request.post()).items()}
        told = {
            "method": request.method,
            "path": request.raw_path,
            "headers": {str(name).lower(): value for name, value in request.headers.items()},
            "body": "" if fields else (await request.read()).decode("latin-1"),
            "fields": fields,
            "certificate": dict(part[0] for part in peer["subject"]) if peer else None,
        }
        self.requests.append(told)
        return told

    async def echo(self, request: web.Request) -> web.Response:
        return web.json_response(await self.note(request))

    async def status(self, request: web.Request) -> web.Response:
        await self.note(request)
        return web.Response(status=int(request.match_info["status"]), text="as you wish")

    async def redirect(self, request: web.Request) -> web.Response:
        """Redirect with a status to the address in the query."""
        await self.note(request)
        return web.Response(status=int(request.match_info["status"]), headers={"Location": request.query["to"]})

    async def circle(self, request: web.Request) -> web.Response:
        await self.note(request)
        return web.Response(status=302, headers={"Location": f"/circle/{int(request.match_info['number']) + 1}"})

    async def sized(self, request: web.Request) -> web.Response:
        """Answer with so many bytes, compressed as asked."""
        body = b"a" * int(request.match_info["bytes"])
        way = request.query.get("as", "")
        packed = _PACKERS[way](body)
        if "cut" in request.query:
            packed = packed[:-9]
        headers = {"Content-Encoding": "deflate" if way == "raw" else way} if way else {}
        return web.Response(body=packed, headers=headers)

    async def slow(self, request: web.Request) -> web.Response:
        """Answer when the test releases it."""
        await self.note(request)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.release.wait()
        finally:
            self.at_once -= 1
        return web.Response(text="at last")

    async def bytes_(self, request: web.Request) -> web.Response:
        return web.Response(body=bytes([0, 255, 128]), headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-A", "1")])


def _raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "raw": _raw_deflate,
}


@asynccontextmanager
async def http_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[HttpServer]:
    """Run a server for as long as the context lasts."""
    server = HttpServer()
    app = web.Application(client_max_size=20 * MEGABYTE)
    app.router.add_route("*", "/status/{status}", server.status)
    app.router.add_route("*", "/redirect/{status}", server.redirect)
    app.router.add_route("*", "/circle/{number}", server.circle)
    app.router.add_route("*", "/sized/{bytes}", server.sized)
    app.router.add_route("*", "/slow", server.slow)
    app.router.add_route("*", "/bytes", server.bytes_)
    app.router.add_route("*", "/{rest:.*}", server.echo)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    server.port = runner.addresses[0][1]
    server.scheme = "https" if tls else "http"
    try:
        yield server
    finally:
        server.release.set()
        await runner.cleanup()


@asynccontextmanager
async def raw_server(behave: Misbehave) -> AsyncIterator[int]:
    """Run a server that does what a test says with each connection; yields its port."""
    tasks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            tasks.add(task)
        try:
            await behave(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
