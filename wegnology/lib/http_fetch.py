"""HTTP requests to anywhere, each over a judged connection: kept lines, redirects, logins that stay where they belong.

Everything is bounded: the whole exchange in time, answers in size, requests at once to one server, by one owner and in all.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import NamedTuple

import h11

from wegnology.lib.connection_faults import explain_socket_error
from wegnology.lib.egress import EgressRefused
from wegnology.lib.http_address import Address, AddressInvalid, parse_address, redirected
from wegnology.lib.http_client import HttpClient, MayHaveArrived, Origin
from wegnology.lib.http_decoding import ACCEPTED, BodyInvalid, BodyTooLarge, decode
from wegnology.lib.http_headers import fit_headers
from wegnology.lib.http_line import Answer, NotHttp, Pairs
from wegnology.lib.http_logins import basic_authorization
from wegnology.lib.tls import CertificateUnusable, Tls

MAX_BODY_BYTES = 5 * 1024 * 1024
MAX_REDIRECTS = 10
IDLE_SECONDS = 4.0
"""Servers keep idle lines for 5 s and more; a request must not meet one that is just being closed."""
_REDIRECTS = (301, 302, 303, 307, 308)
_LOGINS = ("authorization", "cookie", "proxy-authorization")


class FetchFailed(Exception):
    """There is no answer. `name` is the kind of error; the text is for people, without login and with no more than the host."""

    def __init__(self, message: str, name: str) -> None:
        self.name = name
        super().__init__(message)


class Access(NamedTuple):
    """What a login adds to a request: headers, a changed address, certificate and private key."""

    headers: Mapping[str, str] = {}
    url: str | None = None
    pair: tuple[str, str] | None = None

    def __repr__(self) -> str:
        return "Access()"


class Fetch(NamedTuple):
    """A request. `access` gives the login for an address, None where it does not belong; it is asked again at each redirect."""

    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: bytes = b""
    tls: Tls = Tls()
    access: Callable[[str], Access | None] = lambda url: None
    follow: bool = True
    seconds: float = 10.0

    def __repr__(self) -> str:
        return f"<Fetch {self.method}>"


class Fetched(NamedTuple):
    """The last answer. `url` is where it came from."""

    status: int
    headers: Pairs
    body: bytes
    url: str


class FetchLimits(NamedTuple):
    """Requests under way: to one server for one owner, for one owner, in all; and idle lines that are kept."""

    at_once: int = 16
    each_owner: int = 64
    together: int = 256
    kept: int = 128


class _Client:
    """A client with who uses it now."""

    __slots__ = ("client", "users")

    def __init__(self, client: HttpClient) -> None:
        self.client = client
        self.users = 0


_Key = tuple[str, str, str, int, Tls]


class Fetcher:
    """All requests of a process. Called from one loop; `owner` is whose request it is: owners share no lines."""

    def __init__(self, limits: FetchLimits | None = None) -> None:
        self._limits = limits or FetchLimits()
        self._clients: dict[_Key, _Client] = {}
        self._owners: dict[str, tuple[asyncio.Semaphore, int]] = {}
        self._together = asyncio.Semaphore(self._limits.together)

    def __len__(self) -> int:
        return len(self._clients)

    async def fetch(self, owner: str, wanted: Fetch) -> Fetched:
        """Return the answer, whatever its status. Raises `FetchFailed`; always ends within `seconds`."""
        address = _address(wanted.url)
        try:
            async with asyncio.timeout(wanted.seconds) as bound, self._slot(owner):
                return await self._follow(owner, wanted, address)
        except TimeoutError as error:
            text = str(error) if not bound.expired() else f"{address.host} did not answer within {wanted.seconds:g} s"
            raise FetchFailed(text, "TimeoutError") from None

    async def _follow(self, owner: str, wanted: Fetch, address: Address) -> Fetched:
        method, body, headers = wanted.method, wanted.body, _headers(wanted.headers)
        if address.login and not any(name.lower() == "authorization" for name in headers):
            headers["Authorization"] = basic_authorization(*address.login)
        first = address.place
        for _ in range(MAX_REDIRECTS + 1):
            access = wanted.access(address.url) or Access()
            answer = await self._ask(owner, wanted.tls, address, access, method, headers, body)
            location = dict(answer.pairs).get("location", "")
            if not (wanted.follow and answer.status in _REDIRECTS and location):
                return await _read(answer, address)
            if (answer.status == 303 and method != "HEAD") or (answer.status in (301, 302) and method == "POST"):
                method, body = "GET", b""
                headers = {name: value for name, value in headers.items() if not name.lower().startswith("content-")}
            address = _next(address, location)
            if address.place != first:
                headers = {name: value for name, value in headers.items() if name.lower() not in (*_LOGINS, "host")}
        raise FetchFailed(f"{address.host} redirected more than {MAX_REDIRECTS} times", "TooManyRedirects")

    async def _ask(
        self, owner: str, tls: Tls, address: Address, access: Access, method: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """Ask one server. With `access` the address may differ from the one shown, never in its place."""
        target = _address(access.url).target if access.url else address.target
        secure = address.scheme == "https"
        if access.pair:
            tls = tls._replace(certificate=access.pair[0], private_key=access.pair[1])
        key = (owner, *address.place, tls if secure else Tls())
        named = _headers({"Accept-Encoding": ACCEPTED, **headers, **access.headers})
        try:
            async with self._client(key) as client:
                return await client.ask(method, target, named, body, limit=MAX_BODY_BYTES + 1)
        except h11.LocalProtocolError as error:
            raise FetchFailed(f"this request cannot be made: {error}", "RequestInvalid") from None
        except (CertificateUnusable, EgressRefused, OSError) as error:
            raise _explained(error, address) from None

    @contextlib.asynccontextmanager
    async def _client(self, key: _Key) -> AsyncIterator[HttpClient]:
        """Lend the client of a key, the latest used last."""
        entry = self._clients.pop(key, None)
        if entry is None:
            _, scheme, host, port, tls = key
            seconds = 2 * 60.0  # each exchange has its own limit
            entry = _Client(
                HttpClient(
                    Origin(host, port, scheme == "https", tls=tls),
                    most=self._limits.at_once,
                    connect_seconds=seconds,
                    answer_seconds=seconds,
                    idle_seconds=IDLE_SECONDS,
                )
            )
        self._clients[key] = entry
        entry.users += 1
        try:
            yield entry.client
        finally:
            entry.users -= 1
            self._make_room()

    def _make_room(self) -> None:
        """Keep as many idle lines as allowed, those used last."""
        over = sum(entry.client.kept for entry in self._clients.values()) - self._limits.kept
        for entry in list(self._clients.values()) if over > 0 else ():
            over -= entry.client.kept
            entry.client.trim(0)
            if over <= 0:
                return

    @contextlib.asynccontextmanager
    async def _slot(self, owner: str) -> AsyncIterator[None]:
        """Wait for a place among the owner's requests and among all."""
        slots, users = self._owners.get(owner) or (asyncio.Semaphore(self._limits.each_owner), 0)
        self._owners[owner] = (slots, users + 1)
        try:
            async with slots, self._together:
                yield
        finally:
            slots, users = self._owners.pop(owner)
            if users > 1:
                self._owners[owner] = (slots, users - 1)

    async def run(self) -> None:
        """Close what is idle, until cancelled; then close everything."""
        try:
            while True:
                await asyncio.sleep(IDLE_SECONDS / 2)
                for key, entry in list(self._clients.items()):
                    entry.client.trim()
                    if not entry.users and not entry.client.kept:
                        del self._clients[key]
        finally:
            for entry in self._clients.values():
                entry.client.close()
            self._clients.clear()


def _address(url: str) -> Address:
    try:
        return parse_address(url)
    except AddressInvalid as error:
        raise FetchFailed(str(error), "RequestInvalid") from None


def _headers(given: Mapping[str, str]) -> dict[str, str]:
    try:
        return fit_headers(given)
    except ValueError as error:
        raise FetchFailed(str(error), "RequestInvalid") from None


def _next(address: Address, location: str) -> Address:
    try:
        return redirected(address, location)
    except AddressInvalid as error:
        raise FetchFailed(f"{address.host} redirected to what is no address: {error}", "RedirectInvalid") from None


async def _read(answer: Answer, address: Address) -> Fetched:
    try:
        if len(answer.body) > MAX_BODY_BYTES:
            raise BodyTooLarge
        encoding = ",".join(value for name, value in answer.pairs if name == "content-encoding")
        body = await decode(answer.body, encoding, MAX_BODY_BYTES)
    except BodyTooLarge:
        text = f"the answer of {address.host} is larger than {MAX_BODY_BYTES // 1024 // 1024} MB"
        raise FetchFailed(text, "ResponseTooLarge") from None
    except BodyInvalid as error:
        raise FetchFailed(f"{address.host}: {error}", "ResponseInvalid") from None
    return Fetched(answer.status, answer.pairs, body, address.url)


def _explained(error: Exception, address: Address) -> FetchFailed:
    """Say in plain words what happened, and of which kind it is."""
    cause = error.__cause__ if isinstance(error, MayHaveArrived) and error.__cause__ is not None else error
    text = explain_socket_error(cause, address.host, address.port)
    if isinstance(cause, EgressRefused):
        return FetchFailed(text, "EgressRefused")
    if isinstance(cause, NotHttp):
        return FetchFailed(text, "ResponseInvalid")
    return FetchFailed(text, "TimeoutError" if isinstance(cause, TimeoutError) else "ConnectionError")
