"""Which addresses may be connected to. Connectors and nodes use `wegnology.lib.egress`, which connects."""

import ipaddress
import socket
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass

_METADATA = tuple(
    ipaddress.ip_network(text)
    for text in (
        "169.254.169.254/32",
        "fd00:ec2::/32",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "fd20:ce::254/128",
    )
)
_PUBLIC6 = ipaddress.IPv6Network("2000::/3")
_THIS_NETWORK = ipaddress.IPv4Network("0.0.0.0/8")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_NO_NAME = set("@/\\#?%:<>\"'\0")
_GRANT_SECONDS = 300.0
_GRANTS = 10_000

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class EgressRefused(Exception):
    """The address is not one this installation connects to; the text names it and why."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What may be connected to although it is private, and what is our own: `own` are (host, port)."""

    allow_private: bool = True
    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    own: frozenset[tuple[str, int]] = frozenset()


_policy = Policy()
_granted: dict[str, float] = {}


def configure(*, allow_private: bool, allow: Collection[str] = (), own: Collection[tuple[str, int]] = ()) -> None:
    """Say where connections may go (anywhere but the addresses that are never connected to, until this is called).

    `allow` are hosts, addresses and networks in CIDR that may be connected to although they are private; `own` are this
    installation's Redis, database and mail, which the second line of defence lets through. Raises `ValueError` naming a
    bad entry.
    """
    global _policy
    networks: list[Network] = []
    hosts: set[str] = set()
    for entry in filter(None, (text.strip() for text in allow)):
        try:
            networks.append(ipaddress.ip_network(entry.removeprefix("[").removesuffix("]")))
        except ValueError as error:
            if "/" in entry:
                raise ValueError(f"{entry} is not a network: {error}") from None
            try:
                hosts.add(canonical(entry))
            except socket.gaierror:
                raise ValueError(f"{entry} is neither a host, nor an address, nor a network such as 10.0.0.0/8") from None
    _policy = Policy(allow_private, frozenset(hosts), tuple(networks), frozenset(own))
    _granted.clear()


def own_services() -> frozenset[tuple[str, int]]:
    """Return host and port of this installation's Redis, database and mail."""
    return _policy.own


def judge(address: str, host: str = "") -> None:
    """Raise `EgressRefused` when no connection to this IP address may be made; `host` is the name that it was found under."""
    whole = _without_scope(address)
    faces = list(_faces(whole))
    for face in faces:
        if any(face in network for network in _METADATA):
            raise EgressRefused(f"{address} is a cloud metadata address, which is never connected to")
        if _is_never(face):
            raise EgressRefused(f"{address} is an unspecified, multicast or link-local address, which is never connected to")
    if _policy.allow_private or all(_is_allowed(face) for face in faces):
        return
    if host and canonical(host) in _policy.hosts:
        _grant(str(whole))
        return
    if _granted.get(str(whole), 0.0) < time.monotonic():
        raise EgressRefused(
            f"{address} is not a public address, and private networks are not allowed here; "
            "an operator can allow single ones with WEGNOLOGY_EGRESS_ALLOW"
        )


def _is_never(address: Address) -> bool:
    first = isinstance(address, ipaddress.IPv4Address) and (address in _THIS_NETWORK or int(address) == 0xFFFFFFFF)
    return first or address.is_unspecified or address.is_multicast or address.is_link_local


def _is_allowed(address: Address) -> bool:
    public = address.is_global and (address.version == 4 or address in _PUBLIC6)
    return public or any(address in network for network in _policy.networks)


def _grant(address: str) -> None:
    """Let the second line of defence know that this address belongs to a host that is allowed."""
    while len(_granted) >= _GRANTS:
        del _granted[next(iter(_granted))]
    _granted[address] = time.monotonic() + _GRANT_SECONDS


def _without_scope(text: str) -> Address:
    address = ipaddress.ip_address(text)
    return ipaddress.IPv6Address(int(address)) if isinstance(address, ipaddress.IPv6Address) else address


def _faces(address: Address) -> Iterator[Address]:
    """Yield every address that a packet to `address` may end at: itself, or the IPv4 one that it carries."""
    if isinstance(address, ipaddress.IPv4Address):
        yield address
        return
    low = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _NAT64 or (address in _COMPATIBLE and int(low) > 1) or address.ipv4_mapped:
        yield low
        return
    if address.sixtofour:
        yield address.sixtofour
    elif address.teredo:
        yield from address.teredo
    else:
        yield address
        if address in _NAT64_LOCAL or (int(address) >> 32) & 0xFDFFFFFF == 0x5EFE:
            yield low  # RFC 8215 with a prefix of 96 bits; ISATAP


def canonical(host: str) -> str:
    """Return the one spelling of a host: an address, or a name in lower case, in ASCII, without the trailing dot.

    Raises `socket.gaierror` for what cannot be a host: a URL, a user before an @, blanks, a scope.
    """
    bare = host.removeprefix("[").removesuffix("]")
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        pass
    try:
        if not bare or not _NO_NAME.isdisjoint(bare) or any(letter.isspace() for letter in bare):
            raise UnicodeError
        return bare.encode("idna").decode().lower().rstrip(".")
    except UnicodeError:
        raise socket.gaierror(socket.EAI_NONAME, f"{host!r} cannot be the name of a host") from None
