"""HTTP requests of nodes: whose login goes with them, and how their answers are told."""

import time
from collections.abc import Callable

from wegnology.lib.credential_types import HttpCredential
from wegnology.lib.http_address import AddressInvalid, parse_address
from wegnology.lib.http_fetch import Access, Fetch, Fetched, Fetcher, FetchFailed
from wegnology.lib.http_line import Pairs
from wegnology.lib.http_logins import basic_authorization
from wegnology.lib.known_globals import MASK
from wegnology.lib.schema import ConfigInvalid
from wegnology.lib.types import JSONObject
from workflows.catalog import Catalog
from workflows.http_call import HttpAnswer, HttpCall
from workflows.nodes.base import NodeFailed

_SHOWN_MASKED = ("authorization", "proxy-authorization")


class HttpRequests:
    """Requests of the HTTP nodes of a worker. Raises `NodeFailed`."""

    def __init__(self, catalog: Catalog, fetcher: Fetcher) -> None:
        self._catalog = catalog
        self.fetcher = fetcher

    async def ask(self, application_id: str, call: HttpCall) -> HttpAnswer:
        """Make a request for an application; ends within the time of the call."""
        begun = time.monotonic()
        try:
            url, access = self._login(application_id, call)
            call = call._replace(url=url)
            if call.body_url:
                call = await self._with_body(application_id, call)
            left = max(0.1, call.seconds - (time.monotonic() - begun))
            answer = await self.fetcher.fetch(application_id, _fetch(call, access, left))
        except AddressInvalid as error:
            raise NodeFailed(str(error), "RequestInvalid") from None
        except FetchFailed as error:
            raise NodeFailed(str(error), error.name) from None
        duration = round((time.monotonic() - begun) * 1000)
        return HttpAnswer(answer.status, _joined(answer.headers), answer.body, _shown(call), duration)

    def _login(self, application_id: str, call: HttpCall) -> tuple[str, Callable[[str], Access | None]]:
        """Return the address to ask, and which login an address gets."""
        if not call.credential_name:
            url = parse_address(call.url)
            own = _own_access(call)
            return call.url, lambda other: own if own and parse_address(other).place == url.place else None
        try:
            credential = self._catalog.credential(application_id, call.credential_name, [HttpCredential.name])
        except ConfigInvalid as error:
            raise NodeFailed("; ".join(error.errors.values()), "CredentialInvalid") from None
        if not isinstance(credential, HttpCredential):
            raise TypeError(f"{credential!r} is not what was asked for")
        whole = call.url if "://" in call.url else f"{credential.uri_match.rstrip('/')}/{call.url.lstrip('/')}"
        url = parse_address(whole)
        if not credential.matches(url.url):
            text = f"the service credential “{call.credential_name}” is not for this address: its URI Match does not fit it"
            raise NodeFailed(text, "CredentialInvalid")
        return whole, lambda other: _credential_access(credential, other)

    async def _with_body(self, application_id: str, call: HttpCall) -> HttpCall:
        """Fetch what is to be sent: without a login, which is for somebody else."""
        found = await self.fetcher.fetch(application_id, Fetch("GET", call.body_url, seconds=call.seconds))
        if not 200 <= found.status < 300:
            raise NodeFailed(f"what should be sent could not be fetched: its server answered {found.status}", "BodyMissing")
        return call._replace(body=found.body, headers={**_content_type(found), **call.headers})


def _fetch(call: HttpCall, access: Callable[[str], Access | None], seconds: float) -> Fetch:
    return Fetch(call.method, call.url, call.headers, call.body, call.tls, access, call.follow, seconds)


def _own_access(call: HttpCall) -> Access | None:
    if call.basic:
        return Access({"Authorization": basic_authorization(*call.basic)})
    return Access(pair=call.pair) if call.pair else None


def _credential_access(credential: HttpCredential, url: str) -> Access | None:
    if not credential.matches(url):
        return None
    return Access(dict(credential.header_lines()), credential.address(url), credential.pair)


def _content_type(found: Fetched) -> dict[str, str]:
    kind = dict(found.headers).get("content-type", "")
    return {"Content-Type": kind} if kind.isascii() and kind else {}


def _joined(pairs: Pairs) -> JSONObject:
    """Return headers by name: cookies as a list, others that came more than once joined by commas."""
    headers: JSONObject = {}
    cookies = [value for name, value in pairs if name == "set-cookie"]
    for name, value in pairs:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return {**headers, "set-cookie": [*cookies]} if cookies else headers


def _shown(call: HttpCall) -> JSONObject:
    """Return a request as a workflow sees it: without its login."""
    headers: JSONObject = {name: MASK if name.lower() in _SHOWN_MASKED else value for name, value in call.headers.items()}
    return {"method": call.method, "uri": parse_address(call.url).url, "headers": headers}
