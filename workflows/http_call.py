"""An HTTP request as a node asks for it, and its answer."""

from collections.abc import Mapping
from typing import NamedTuple

from wegnology.lib.tls import Tls
from wegnology.lib.types import JSONObject

Login = tuple[str, str]


class HttpCall(NamedTuple):
    """A request, all templates rendered. `body_url`: its body is what this address holds.

    `basic` (user, password), `pair` (certificate, private key in PEM form) or `credential_name` log in.
    """

    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: bytes = b""
    body_url: str = ""
    tls: Tls = Tls()
    basic: Login | None = None
    pair: Login | None = None
    credential_name: str = ""
    follow: bool = True
    seconds: float = 10.0

    def __repr__(self) -> str:
        return f"<HttpCall {self.method}>"


class HttpAnswer(NamedTuple):
    """What came back. `headers` by name in small letters, `request` as it may be shown: {method, uri, headers}."""

    status: int
    headers: JSONObject
    body: bytes
    request: JSONObject
    duration_ms: int
