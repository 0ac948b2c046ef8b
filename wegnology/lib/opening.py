"""The way to an open line, in phases: certificates, name, TCP, TLS. A live connection and a check go the same way.

The socket is connected to an address that was judged (`wegnology.lib.egress`); nothing here knows what is spoken over it.
"""

import contextlib
import socket
import ssl
from collections.abc import Callable

from wegnology.lib.check_steps import Finding, Phase
from wegnology.lib.egress import connect_to, resolve
from wegnology.lib.marking import marked
from wegnology.lib.peer_certificates import describe_own, describe_peer, presented, tls_object_of
from wegnology.lib.threads import in_thread
from wegnology.lib.tls import Tls, tls_context


class HandshakeFailed(ConnectionError):
    """The peer closed the connection instead of answering a handshake; the text is for people."""


class Opening:
    """One attempt to open a line to a server. Each phase may take `seconds` and follows the one before it.

    They raise `CertificateUnusable`, `EgressRefused`, `TimeoutError` (naming the phase), `ssl.SSLError` and `OSError`.
    """

    def __init__(self, host: str, port: int, tls: Tls | None, seconds: float) -> None:
        self._host, self._port, self._tls, self._seconds = host, port, tls, seconds
        self._context: ssl.SSLContext | None = None
        self._addresses: list[str] = []
        self._sock: socket.socket | None = None
        self._closed = False
        self._tls_object: object = None

    async def open(self) -> socket.socket:
        """Go all the way; return a non-blocking socket."""
        if self._tls is not None:
            await self._read_certificates()
        await self._resolve()
        await self._connect()
        if self._tls is not None:
            await self._secure()
        return self.take()

    def phases(self) -> list[Phase]:
        """Return the same way as the phases of a check; the socket is then there to `take`."""
        certificates = [Phase(marked("Read the certificates"), self._check_certificates)] if self._tls is not None else []
        tls = [Phase(marked("Secure it with TLS"), self._check_security)] if self._tls is not None else []
        return [
            *certificates,
            Phase(marked("Find the address"), self._check_address),
            Phase(marked("Connect"), self._check_connection),
            *tls,
        ]

    def take(self) -> socket.socket:
        """Hand over the open socket; whoever takes it closes it."""
        sock, self._sock = self._sock, None
        if sock is None:
            raise RuntimeError("nothing is open")
        return sock

    def close(self) -> None:
        """Close what was opened and not taken, also what a phase that is left behind opens later."""
        self._closed = True
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()

    async def _read_certificates(self) -> None:
        tls = self._tls or Tls()
        self._context = await in_thread(lambda: tls_context(tls), seconds=self._seconds, what="Reading certificates")

    async def _resolve(self) -> None:
        self._addresses = await resolve(self._host, timeout=self._seconds)

    async def _connect(self) -> None:
        self._keep(await connect_to(self._addresses, self._host, self._port, timeout=self._seconds))

    def _keep(self, sock: socket.socket) -> None:
        if self._closed:
            sock.close()
            raise ConnectionAbortedError("given up")
        self._sock = sock

    async def _secure(self) -> None:
        if self._context is None:
            raise RuntimeError("certificates are read first")
        sock = self.take()
        try:
            secured = self._context.wrap_socket(sock, server_hostname=self._host, do_handshake_on_connect=False)
        except BaseException:
            sock.close()
            raise
        self._tls_object = tls_object_of(secured)
        what = f"The TLS handshake with {self._host} port {self._port}"
        await blocking_phase(secured, secured.do_handshake, timeout=self._seconds, what=what)
        self._keep(secured)

    # -- as phases of a check

    async def _check_certificates(self) -> Finding:
        await self._read_certificates()
        return describe_own(self._tls or Tls())

    async def _check_address(self) -> Finding:
        await self._resolve()
        if self._addresses == [self._host.strip("[]")]:
            return Finding(f"{self._host} is an address.")
        return Finding(f"{self._host} is {', '.join(self._addresses)}.")

    async def _check_connection(self) -> Finding:
        await self._connect()
        name = self._sock.getpeername() if self._sock is not None else ("", 0)
        return Finding(f"{name[0]} takes connections to port {name[1]}.")

    async def _check_security(self) -> Finding:
        try:
            await self._secure()
        except ssl.SSLCertVerificationError as error:
            error.add_note(presented(self._tls_object))
            raise
        sock = self._sock
        return describe_peer(sock, verified=(self._tls or Tls()).verify) if isinstance(sock, ssl.SSLSocket) else Finding()


async def open_socket(host: str, port: int, *, tls: Tls | None, timeout: float) -> socket.socket:
    """Connect, secured where `tls` is given; return a non-blocking socket. Each phase may take `timeout` seconds."""
    opening = Opening(host, port, tls, timeout)
    try:
        return await opening.open()
    finally:
        opening.close()


async def blocking_phase(sock: socket.socket, work: Callable[[], object], *, timeout: float, what: str) -> None:
    """Let `work` use `sock` in blocking mode in a thread; the socket is non-blocking again after it and closed when it fails."""

    def abandon() -> None:
        with contextlib.suppress(OSError):  # wakes the thread; closing here would free a descriptor that it still uses
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    sock.settimeout(2 * timeout)  # the outer limit comes first: after it the thread still uses the socket
    try:
        await in_thread(work, seconds=timeout, what=what, abandon=abandon, dispose=sock.close)
    except (ConnectionError, ssl.SSLEOFError) as error:
        raise HandshakeFailed(
            f"{what} failed: the other side closed the connection, as one does that speaks another protocol"
        ) from error
    sock.setblocking(False)
