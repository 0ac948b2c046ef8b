"""A TCP proxy between a client and a server under test, which can do to a connection what networks and servers do.

The faults are the same for every counterpart, whatever it speaks; `Proxy.fault` switches them at any time.
"""

import contextlib
import selectors
import socket
import struct
import threading
import time
from types import TracebackType
from typing import Self

from tests.servers.processes import LOOPBACK

FAULTS = {
    "none": "everything passes",
    "refuse": "connections are reset and new ones refused, as when no server listens",
    "hang": "new connections are accepted and never answered; those there go on",
    "drop": "connections are closed, new ones too as soon as they are made",
    "reset": "as drop, but with a reset",
    "slow": "bytes trickle in both directions",
    "half_open": "connections there stay open and carry nothing any more, as after a cable was pulled; new ones work",
}
SLOW_BYTES, SLOW_SECONDS = 64, 0.02
"""What passes of one connection and direction in one step of `slow`, and how long a step takes."""
_POLL_SECONDS = 0.02


class Proxy:
    """Forwards a port of its own (`port`, or a free one) to a server on loopback, in one thread."""

    def __init__(self, target: int, port: int = 0) -> None:
        self.target = target
        self._listener: socket.socket | None = socket.create_server((LOOPBACK, port))
        self.port: int = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._peers: dict[socket.socket, socket.socket] = {}
        self._silent: set[socket.socket] = set()
        self._held: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._fault = "none"
        self._frozen = self._stopped = False
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def fault(self, kind: str) -> None:
        """Switch to one of `FAULTS`; what it closed stays closed. "none" lets everything pass, half-open connections too."""
        if kind not in FAULTS:
            raise ValueError(f"There is no fault {kind!r}, but {', '.join(FAULTS)}")
        with self._lock:
            self._fault = kind
            if kind in ("refuse", "drop", "reset"):
                self._drop_all(reset=kind != "drop")
            if kind == "half_open":
                self._silent |= self._peers.keys()
            if kind == "none":
                self._silent.clear()
                for sock in list(self._held):
                    self._drop(sock)
            self._listen(kind != "refuse")
        self._wake.send(b".")

    def cut(self) -> None:
        """Close every connection; new ones are welcome."""
        with self._lock:
            self._drop_all()

    def freeze(self) -> None:
        """Forward nothing more, while every connection stays open: the other side has vanished without a word."""
        with self._lock:
            self._frozen = True

    def thaw(self) -> None:
        """Forward again."""
        with self._lock:
            self._frozen = False
        self._wake.send(b".")

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        with self._lock:
            return len(self._peers) // 2 + len(self._held)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Close every connection and the port. May be called twice."""
        if self._stopped:
            return
        self._stopped = True
        self._wake.send(b".")
        self._thread.join(10)
        self.cut()
        self._listen(False)
        self._selector.close()
        for sock in (self._wake, self._woken):
            sock.close()

    def _listen(self, wanted: bool) -> None:
        if not wanted and self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None
        elif wanted and self._listener is None:
            self._listener = socket.create_server((LOOPBACK, self.port))
            self._selector.register(self._listener, selectors.EVENT_READ)

    def _run(self) -> None:
        while not self._stopped:
            lame = self._frozen or self._silent or self._held
            ready = self._selector.select(_POLL_SECONDS if lame else None)
            for key, _ in ready:
                with self._lock:
                    self._ready(key.fileobj)  # type: ignore[arg-type]
            if self._fault == "slow" and ready:
                time.sleep(SLOW_SECONDS)
            elif lame:
                time.sleep(_POLL_SECONDS)  # what is readable stays so: look again in a while

    def _ready(self, sock: socket.socket) -> None:
        if sock is self._woken:
            self._woken.recv(64)
        elif self._frozen or sock in self._silent:
            return
        elif sock is self._listener:
            self._accept(self._listener)
        elif sock in self._held:
            self._swallow(sock)
        elif sock in self._peers:
            self._forward(sock)

    def _accept(self, listener: socket.socket) -> None:
        client, _ = listener.accept()
        if self._fault in ("drop", "reset"):
            _close(client, reset=self._fault == "reset")
            return
        if self._fault == "hang":
            client.setblocking(False)
            self._held.add(client)
            self._selector.register(client, selectors.EVENT_READ)
            return
        try:
            server = socket.create_connection((LOOPBACK, self.target), 5)
        except OSError:
            client.close()
            return
        for one, other in ((client, server), (server, client)):
            one.settimeout(5)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._peers[one] = other
            self._selector.register(one, selectors.EVENT_READ)

    def _forward(self, sock: socket.socket) -> None:
        try:
            data = sock.recv(SLOW_BYTES if self._fault == "slow" else 65536)
            if data:
                self._peers[sock].sendall(data)
                return
        except OSError:
            pass
        self._drop(sock)

    def _swallow(self, sock: socket.socket) -> None:
        """Notice that a client which is never answered went away."""
        with contextlib.suppress(BlockingIOError):
            try:
                if sock.recv(65536):
                    return
            except ConnectionError:
                pass
            self._drop(sock)

    def _drop_all(self, reset: bool = False) -> None:
        for sock in [*self._peers, *self._held]:
            self._drop(sock, reset)

    def _drop(self, sock: socket.socket, reset: bool = False) -> None:
        other = self._peers.pop(sock, None)
        for end in filter(None, (sock, other)):
            if end.fileno() < 0:
                continue
            self._peers.pop(end, None)
            self._silent.discard(end)
            self._held.discard(end)
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(end)
            _close(end, reset)


def _close(sock: socket.socket, reset: bool) -> None:
    if reset:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
