"""Where this installation may connect to, judged at the moment of connecting.

A name is resolved once, every address it has is judged, and the connection goes to exactly an address that was judged: a
name that changes between the two (DNS rebinding) gains nothing.
"""

import asyncio
import ipaddress
import socket

from wegnology.lib.threads import in_thread

_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd20:ce::254")
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_allow_private = True

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class EgressRefused(Exception):
    """The address is not one this installation connects to; the text names it and why."""


def configure(*, allow_private: bool) -> None:
    """Say whether private and loopback addresses may be connected to (they may until this is called)."""
    global _allow_private
    _allow_private = allow_private


def judge(address: str) -> None:
    """Raise `EgressRefused` when no connection to this IP address may be made."""
    judged = _embedded(ipaddress.ip_address(address))
    if judged in _METADATA:
        raise EgressRefused(f"{address} is a cloud metadata address, which is never connected to")
    if judged.is_unspecified or judged.is_multicast or judged.is_link_local or judged == ipaddress.ip_address("255.255.255.255"):
        raise EgressRefused(f"{address} is an unspecified, multicast or link-local address, which is never connected to")
    if not _allow_private and not judged.is_global:
        raise EgressRefused(f"{address} is not a public address, and private networks are not allowed here")


def _embedded(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one carries, where it carries one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)


async def resolve(host: str, *, timeout: float) -> list[str]:
    """Return the judged IP addresses of `host`, in the order of the resolver. One refused address refuses the name."""
    host = host.removeprefix("[").removesuffix("]")
    try:
        addresses = [str(ipaddress.ip_address(host))]
    except ValueError:
        addresses = await in_thread(lambda: _look_up(host), seconds=timeout, what=f"Looking up {host}")
    for address in addresses:
        judge(address)
    return addresses


def _look_up(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, f"{host} cannot be the name of a host") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def open_tcp(host: str, port: int, *, timeout: float) -> socket.socket:
    """Connect and return a non-blocking socket.

    Looking up and connecting may take `timeout` seconds each. Raises `EgressRefused`, `TimeoutError` (naming the phase), or
    the `OSError` of the last address tried.
    """
    addresses = await resolve(host, timeout=timeout)
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
