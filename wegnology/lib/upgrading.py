"""Turning an open line into a WebSocket, by websocket-client, and what it means when that fails. RFC 6455, section 4."""

import socket
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from websocket import WebSocket, WebSocketConnectionClosedException, WebSocketException, _handshake

from wegnology.lib.marking import marked
from wegnology.lib.opening import HandshakeFailed, blocking_phase


class UpgradeRefused(Exception):
    """The server answered something else than an upgrade: `status` is its HTTP status."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"Unexpected server response: {status}")

    @property
    def final(self) -> bool:
        """Say whether asking again will give the same answer."""
        return self.status not in (408, 425, 429) and self.status < 500


class _NoCookies:
    """Takes the place of the library's cookie jar, which one process would share among all tenants."""

    def add(self, set_cookie: str | None) -> None:
        """Forget it."""

    def get(self, host: str | None) -> str:
        """Return no cookies."""
        return ""


_handshake.CookieJar = _NoCookies()  # type: ignore[assignment]


async def upgrade(
    sock: socket.socket, url: str, *, timeout: float, headers: Sequence[str] = (), subprotocols: Sequence[str] = ()
) -> WebSocket:
    """Turn an open connection into a WebSocket. Raises `UpgradeRefused`, `WebSocketException`, `TimeoutError` and `OSError`.

    Redirects are not followed: they would go to an address that nobody judged.
    """
    ws = WebSocket(enable_multithread=False, skip_utf8_validation=True)
    host = urlsplit(url).hostname

    def shake_hands() -> None:
        connect: Any = ws.connect
        connect(url, socket=sock, timeout=timeout, header=list(headers), subprotocols=list(subprotocols), redirect_limit=0)

    try:
        await blocking_phase(sock, shake_hands, timeout=timeout, what=f"The WebSocket upgrade with {host}")
    except WebSocketConnectionClosedException as error:
        raise HandshakeFailed(
            f"The WebSocket upgrade with {host} failed: the other side closed the connection instead of answering"
        ) from error
    except WebSocketException as error:
        status = getattr(error, "status_code", None) or ws.getstatus()
        if status is None or status == HTTPStatus.SWITCHING_PROTOCOLS:
            raise
        raise UpgradeRefused(status) from None  # the library's text holds the whole answer
    return ws


def explain_upgrade(error: BaseException, host: str) -> str:
    """Say in plain words what an error of `upgrade`, or of a frame, means; "" when it is none."""
    if isinstance(error, WebSocketException):
        return f"{host} did not speak WebSocket as expected: {error}"
    return ""


def advise_upgrade(error: BaseException) -> str:
    """Say what to do about an error of `upgrade`, which may be the cause of the given one; "" when it is none."""
    refused = error if isinstance(error, UpgradeRefused) else error.__cause__
    if isinstance(refused, UpgradeRefused):
        return _advise_status(refused)
    if isinstance(error, WebSocketException):
        return marked("Check that the address is that of a WebSocket.")
    return ""


def _advise_status(refused: UpgradeRefused) -> str:
    status = refused.status
    if status in (401, 403):
        return marked(
            "Check the login: username and password, headers, or certificate; the server answered that they do not let you in."
        )
    if status == 404:
        return marked("Check the path of the address: the server knows none like it.")
    if 300 <= status < 400:
        return marked("The server sends callers elsewhere, which is not followed: enter the address where it now is.")
    if not refused.final:
        return marked("The server cannot serve now; it may later. If this lasts, whoever runs it must look.")
    return marked("Check host, port and path: a web server answers there, but not as a WebSocket.")
