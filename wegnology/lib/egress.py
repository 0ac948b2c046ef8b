"""Where this installation may connect to, judged at the moment of connecting.

A name is resolved once, every address it has is judged, and the connection goes to exactly an address that was judged: a
name that changes between the two (DNS rebinding) gains nothing. How a connector or node connects:

- a socket of its own, on the loop: `await open_tcp(host, port, timeout=...)`, then TLS with `server_hostname=host`;
- a socket of its own, in a thread: `guarded_create_connection((host, port), timeout)`, as `socket.create_connection`;
- boto3, requests, urllib3: `wegnology.lib.egress_clients`;
- asyncio streams, so `azure.eventhub.aio` and its like: nothing to do on the loops of listener and worker, which are a
  `wegnology.lib.egress_guard.GuardedLoop`;
- what resolves and connects in C, such as gRPC: `address = await pinned(host, timeout=...)`, connect to
  `f"{address}:{port}"` (an IPv6 one in brackets) and give the name beside it: channel options `grpc.default_authority` and
  `grpc.ssl_target_name_override`, both `host`. Do so anew for each channel.

Everything raises `EgressRefused`, which an integration should list in `refused`. What connects by itself all the same is seen by
the audit hook of `wegnology.lib.egress_guard`, except what connects in C. Connectors use no proxy
named in the environment: it would resolve the name, unjudged.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import Any

from wegnology.lib.egress_policy import EgressRefused, canonical, configure, judge, own_services
from wegnology.lib.threads import in_thread

__all__ = [
    "EgressRefused",
    "Resolver",
    "canonical",
    "configure",
    "connect_to",
    "guarded_create_connection",
    "judge",
    "open_tcp",
    "own_services",
    "pinned",
    "resolve",
    "resolve_now",
    "system_resolver",
]

Resolver = Callable[[str], Sequence[str]]
"""Returns the IP addresses of a name, as text; blocks; raises `socket.gaierror`."""


def system_resolver(host: str) -> list[str]:
    """Ask the system for the addresses of a name."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def resolve_now(host: str, resolver: Resolver = system_resolver) -> list[str]:
    """Return the judged IP addresses of `host`; blocks. One refused address refuses the name. See `resolve`."""
    name = canonical(host)
    addresses = _literal(name) or resolver(host)
    for address in addresses:
        judge(address, name)
    if not addresses:
        raise socket.gaierror(socket.EAI_NONAME, f"{host} has no address")
    return list(addresses)


def _literal(name: str) -> Sequence[str]:
    """Return the address that a canonical name is, or nothing."""
    try:
        return [str(ipaddress.ip_address(name))]
    except ValueError:
        return []


async def resolve(host: str, *, timeout: float, resolver: Resolver = system_resolver) -> list[str]:
    """Return the judged IP addresses of `host`, in the order of the resolver. One refused address refuses the name.

    Raises `EgressRefused`, `TimeoutError` and `socket.gaierror`.
    """
    if _literal(canonical(host)):
        return resolve_now(host)
    return await in_thread(lambda: resolve_now(host, resolver), seconds=timeout, what=f"Looking up {host}")


async def pinned(host: str, *, timeout: float, resolver: Resolver = system_resolver) -> str:
    """Return one judged address of `host`, for libraries that connect by themselves: connect to it and to nothing else."""
    return (await resolve(host, timeout=timeout, resolver=resolver))[0]


async def open_tcp(host: str, port: int, *, timeout: float, resolver: Resolver = system_resolver) -> socket.socket:
    """Connect and return a non-blocking socket.

    Looking up and connecting may take `timeout` seconds each. Raises `EgressRefused`, `TimeoutError` (naming the phase), or
    the `OSError` of the last address tried.
    """
    return await connect_to(await resolve(host, timeout=timeout, resolver=resolver), host, port, timeout=timeout)


async def connect_to(addresses: Sequence[str], host: str, port: int, *, timeout: float) -> socket.socket:
    """Connect to the first that answers of the addresses that `resolve` gave for `host`. As `open_tcp`."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    fault: OSError | None = None
    for at, address in enumerate(addresses):
        share = (deadline - loop.time()) / (len(addresses) - at)
        try:
            return await _connect(address, port, share)
        except TimeoutError:
            fault = TimeoutError(f"Connecting to {host} port {port} took longer than {timeout:g} s")
        except OSError as error:
            fault = error
    raise fault or OSError(f"{host} has no address")


async def _connect(address: str, port: int, seconds: float) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with asyncio.timeout(seconds):
            await asyncio.get_running_loop().sock_connect(sock, (address, port))
    except BaseException:
        sock.close()
        raise
    return sock


def guarded_create_connection(
    address: tuple[str, int],
    timeout: float | None = None,
    source_address: tuple[str, int] | None = None,
    socket_options: Sequence[tuple[int, int, int | bytes]] | None = None,
    *,
    resolver: Resolver = system_resolver,
) -> socket.socket:
    """Connect as `socket.create_connection` does, to a judged address; blocks. `timeout` is for each address."""
    host, port = address
    fault: OSError | None = None
    for found in resolve_now(host, resolver):
        try:
            sock = socket.create_connection((found, port), timeout, source_address)
        except OSError as error:
            fault = error
            continue
        for option in socket_options or ():
            _set_option(sock, option)
        return sock
    raise fault or OSError(f"{host} has no address")


def _set_option(sock: socket.socket, option: Any) -> None:
    sock.setsockopt(*option)
