"""The second line of defence: what opens connections by itself is judged too.

`install()` adds an audit hook that judges the address of every `socket.connect` of the process: sync libraries, urllib3, boto3,
asyncio. It sees the address that is connected to, so nothing can change in between. `GuardedLoop` is a uvloop whose
`create_connection` resolves, judges and pins: uvloop connects in C, which an audit hook does not see. Neither sees libraries that
connect in C by themselves (gRPC, libpq).

This installation's own Redis, database and mail are let through. Measured on two cores: 25 µs a connect, of which 7 are judging,
and 0.17 µs for each other audit event of the process (an import, an opened file, a look at a stack frame).
"""

import contextlib
import socket
import sys
import time
from typing import Any

import uvloop

from wegnology.lib import egress

RESOLVE_SECONDS = 10.0
LOOK_AGAIN_SECONDS = 5.0


class _Own:
    """The addresses of our own services. A name is looked up again when an unknown address asks for its port."""

    def __init__(self) -> None:
        self._known: set[tuple[str, int]] = set()
        self._looked_up: dict[tuple[str, int], float] = {}

    def has(self, address: str, port: int) -> bool:
        if (address, port) in self._known:
            return True
        for service in egress.own_services():
            if service[1] == port and self._is_due(service):
                with contextlib.suppress(OSError):
                    self._known |= {(found, port) for found in egress.system_resolver(service[0])}
        return (address, port) in self._known

    def _is_due(self, service: tuple[str, int]) -> bool:
        now = time.monotonic()
        if now < self._looked_up.get(service, 0.0):
            return False
        self._looked_up[service] = now + LOOK_AGAIN_SECONDS
        return True


_own = _Own()
_installed = False


def install() -> None:
    """Judge every connect of this process from now on; it cannot be taken back."""
    global _installed
    if not _installed:
        _installed = True
        sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.connect":
        return
    sock, address = arguments
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    host, port = str(address[0]), int(address[1])
    try:
        egress.judge(host)
    except ValueError:  # a name: connect() would look it up by itself, after this
        raise egress.EgressRefused(f"{host} must be looked up and judged before it is connected to") from None
    except egress.EgressRefused:
        if not _own.has(host, port):
            raise


class GuardedLoop(uvloop.Loop):
    """An event loop that connects to judged addresses only, while TLS and SNI keep the name."""

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        """Resolve `host` once, judge, and connect to what was judged. Raises `EgressRefused` beside the loop's own errors."""
        if host is None or (host, port) in egress.own_services():
            return await super().create_connection(protocol_factory, host, port, **options)
        if options.get("ssl") and options.get("server_hostname") is None:
            options["server_hostname"] = host
        fault: OSError | None = None
        for address in await egress.resolve(str(host), timeout=RESOLVE_SECONDS):
            try:
                return await super().create_connection(protocol_factory, address, port, **options)
            except OSError as error:
                fault = error
        raise fault or OSError(f"{host} has no address")
