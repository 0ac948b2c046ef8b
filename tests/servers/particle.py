"""A Particle cloud on loopback, in a thread: event streams, publishing, function calls, tokens, and its errors.

No such server is to be had, so this one stands in; the official JavaScript client accepts it (`test_particle_cloud.py`). Forms of
addresses, answers and errors are those of Particle's reference and of recorded answers of the real one.
"""

import asyncio
import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from aiohttp import web

from tests.servers.processes import LOOPBACK, free_port

TOKEN = "0123456789abcdef0123456789abcdef01234567"
KEEP_ALIVE_SECONDS = 9.0
"""Particle sends a newline when nothing else was sent for so long."""
T = TypeVar("T")


class Device(NamedTuple):
    """A device: known by id or name; `product` and `org` are what it belongs to."""

    id: str
    name: str
    product: str = ""
    org: str = ""


class Call(NamedTuple):
    """A function call that reached a device."""

    device: str
    function: str
    argument: str
    product: str = ""


class Answer(NamedTuple):
    """What to answer in place of what was asked for."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = {}


class _Stream(NamedTuple):
    path: str
    wants: Callable[[str, Device], bool]
    queue: asyncio.Queue[bytes | None]


LAMP = Device("e00fce68aaaaaaaaaaaaaaaa", "lamp")
OVEN = Device("e00fce68bbbbbbbbbbbbbbbb", "oven", "12345")
BOILER = Device("e00fce68cccccccccccccccc", "boiler", "12345", "acme")
PRODUCTS = {"12345": "12345", "thermo": "12345"}
_INVALID = {"error": "invalid_token", "error_description": "The access token provided is invalid."}
_DENIED = {
    "error": "Permission Denied",
    "info": "I didn't recognize that device name or ID, try opening https://console.particle.io/devices",
}


class ParticleCloud:
    """A cloud that keeps its port through restarts and knows three devices: `LAMP`, `OVEN` and `BOILER`.

    Their functions are in `functions`, by name: given the argument, they return a whole number; None means that the device does
    not answer. `answer`, when set, is what every request gets. `keep_alive` None: no more keep-alives.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, keep_alive: float = KEEP_ALIVE_SECONDS, token: str = TOKEN) -> None:
        self.port = free_port()
        self.token = token
        self.keep_alive: float | None = keep_alive
        self.devices = [LAMP, OVEN, BOILER]
        self.functions: dict[str, Callable[[str], int | None]] = {"brew": len, "sleep": lambda _: None}
        self.calls: list[Call] = []
        self.opened: list[str] = []
        """Paths of all streams ever opened, still encoded."""
        self.requests: list[str] = []
        """Method and path of every request."""
        self.answer: Answer | None = None
        self._tls = tls
        self._streams: list[_Stream] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="particle-cloud", daemon=True)
        self._runner: web.AppRunner | None = None

    @property
    def streams(self) -> list[str]:
        """Paths of the streams that are open now."""
        return [stream.path for stream in self._streams]

    # -- what tests and people do with it

    def publish(self, name: str, messages: Sequence[str | None], device: Device = LAMP, ttl: int | str = 60) -> None:
        """Let a device publish events of one name, in order."""
        self._do(self._publish(name, messages, device, ttl))

    def send_raw(self, data: bytes) -> None:
        """Write bytes into every open stream."""

        async def write() -> None:
            for stream in self._streams:
                stream.queue.put_nowait(data)

        self._do(write())

    def end_streams(self) -> None:
        """End every stream in good order."""

        async def end() -> None:
            for stream in self._streams:
                stream.queue.put_nowait(None)

        self._do(end())

    # -- life

    def start(self) -> None:
        """Start, or start again on the same port."""
        self._do(self._start())

    def stop(self) -> None:
        """Stop; streams end."""
        self._do(self._stop())

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
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _start(self) -> None:
        app = web.Application(middlewares=[self._guard])
        for where in ("", "/devices", "/devices/{device}", "/products/{product}", "/products/{product}/devices/{device}"):
            for owner in ("", "/orgs/{org}"):
                if owner or where != "":
                    app.router.add_post(f"/v1{owner}{where}/events", self._take_event)
                app.router.add_get(f"/v1{owner}{where}/events", self._open_stream)
                app.router.add_get(f"/v1{owner}{where}/events/{{prefix:.+}}", self._open_stream)
        app.router.add_get("/v1/access_tokens/current", self._tell_token)
        app.router.add_post("/v1/devices/{device}/{function}", self._call)
        app.router.add_post("/v1/products/{product}/devices/{device}/{function}", self._call)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, self.port, ssl_context=self._tls, reuse_address=True).start()

    async def _stop(self) -> None:
        for stream in self._streams:
            stream.queue.put_nowait(None)
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    # -- requests

    @web.middleware
    async def _guard(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.raw_path.partition('?')[0]}")
        if self.answer is not None:
            body = self.answer.body if isinstance(self.answer.body, str) else json.dumps(self.answer.body)
            return web.Response(status=self.answer.status, text=body, headers=self.answer.headers)
        if await self._token(request) != self.token:
            return web.json_response(_INVALID, status=401)
        response: web.StreamResponse = await handler(request)
        return response

    async def _token(self, request: web.Request) -> str:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return token
        if request.method == "GET":
            return request.query.get("access_token", "")
        return str((await _fields(request)).get("access_token", ""))

    async def _tell_token(self, request: web.Request) -> web.Response:
        return web.json_response({"expires_at": "2099-01-02T03:04:05.678Z", "client": "particle", "orgs": [], "scopes": []})

    async def _open_stream(self, request: web.Request) -> web.StreamResponse:
        asked = request.match_info
        product = PRODUCTS.get(asked.get("product", ""), "")
        device = self._device(asked.get("device", ""), product)
        if (asked.get("product") and not product) or (asked.get("device") and device is None):
            return web.json_response(_DENIED, status=403)
        if asked.get("org") and asked["org"] not in {one.org for one in self.devices}:
            return web.json_response({"ok": False, "error": "Organization not found"}, status=404)
        prefix, org = asked.get("prefix", ""), asked.get("org", "")

        def wants(name: str, source: Device) -> bool:
            whole = (not product or source.product == product) and (not org or source.org == org)
            return name.startswith(prefix) and whole and (device is None or source == device)

        stream = _Stream(request.raw_path.partition("?")[0], wants, asyncio.Queue())
        return await self._serve(request, stream)

    async def _serve(self, request: web.Request, stream: _Stream) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        self.opened.append(stream.path)
        self._streams.append(stream)
        try:
            await response.write(b":ok\n\n")
            while True:
                try:
                    data = await asyncio.wait_for(stream.queue.get(), self.keep_alive)
                except TimeoutError:
                    data = b"\n"
                if data is None:
                    break
                await response.write(data)
        except ConnectionError:
            pass
        finally:
            self._streams.remove(stream)
        return response

    async def _take_event(self, request: web.Request) -> web.Response:
        fields = await _fields(request)
        device = self._device(request.match_info.get("device", ""), "") or Device("particle-internal", "")
        await self._publish(str(fields.get("name", "")), [fields.get("data")], device, fields.get("ttl", 60))
        return web.json_response({"ok": True})

    async def _publish(self, name: str, messages: Sequence[str | None], device: Device, ttl: int | str) -> None:
        for message in messages:
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            event = {"data": message, "ttl": ttl, "published_at": now, "coreid": device.id}
            data = f"event: {name}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
            for stream in self._streams:
                if stream.wants(name, device):
                    stream.queue.put_nowait(data)

    async def _call(self, request: web.Request) -> web.Response:
        asked = request.match_info
        product = asked.get("product", "")
        device = self._device(asked["device"], PRODUCTS.get(product, ""))
        if device is None or (product and product not in PRODUCTS):
            return web.json_response(_DENIED, status=403)
        function = self.functions.get(asked["function"])
        if function is None:
            return web.json_response({"ok": False, "error": f"Function {asked['function']} not found"}, status=404)
        fields = await _fields(request)
        argument = str(fields.get("arg", fields.get("args", "")))
        self.calls.append(Call(device.id, asked["function"], argument, product))
        value = function(argument)
        if value is None:
            return web.json_response({"error": "Timed out."}, status=408)
        answer = {"id": device.id, "name": device.name, "last_app": "", "connected": True, "return_value": value}
        return web.json_response(answer)

    def _device(self, text: str, product: str) -> Device | None:
        found = [one for one in self.devices if text in (one.id, one.name) and (not product or one.product == product)]
        return found[0] if found else None


async def _fields(request: web.Request) -> Mapping[str, Any]:
    """Return what was sent, as a form or as JSON."""
    if request.content_type == "application/json":
        with contextlib.suppress(ValueError):
            found = await request.json()
            return found if isinstance(found, dict) else {}
    return await request.post()
