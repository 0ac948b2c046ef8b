"""A TCP proxy between a client and a server under test, which can cut, freeze and refuse what passes through it."""

import contextlib
import selectors
import socket
import threading
from types import TracebackType
from typing import Self

from tests.servers.processes import LOOPBACK


class Proxy:
    """Forwards a port of its own to a server on loopback, in one thread."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._peers: dict[socket.socket, socket.socket] = {}
        self._lock = threading.Lock()
        self._frozen = self._stopped = False
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def cut(self) -> None:
        """Reset every connection; new ones are welcome."""
        with self._lock:
            for sock in list(self._peers):
                self._drop(sock)

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
            return len(self._peers) // 2

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
        self._selector.close()
        for sock in (self._listener, self._wake, self._woken):
            sock.close()

    def _run(self) -> None:
        while not self._stopped:
            for key, _ in self._selector.select(0.05 if self._frozen else None):
                with self._lock:
                    self._ready(key.fileobj)  # type: ignore[arg-type]
            if self._frozen:
                self._woken.setblocking(False)
                threading.Event().wait(0.02)  # what is readable stays so: look again in a while

    def _ready(self, sock: socket.socket) -> None:
        if sock is self._woken:
            self._woken.recv(64)
        elif self._frozen:
            return
        elif sock is self._listener:
            self._accept()
        elif sock in self._peers:
            self._forward(sock)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
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
            data = sock.recv(65536)
            if data:
                self._peers[sock].sendall(data)
                return
        except OSError:
            pass
        self._drop(sock)

    def _drop(self, sock: socket.socket) -> None:
        other = self._peers.pop(sock, None)
        for end in filter(None, (sock, other)):
            self._peers.pop(end, None)
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(end)
            end.close()
