"""The faults that every counterpart can be given."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator

import pytest

from tests.servers.processes import LOOPBACK, wait_until
from tests.servers.proxy import FAULTS, SLOW_BYTES, Proxy


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            while data := self.request.recv(65536):
                self.request.sendall(data)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with socketserver.ThreadingTCPServer((LOOPBACK, 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        with Proxy(server.server_address[1]) as proxy:
            yield proxy
        server.shutdown()


@pytest.fixture
def there(proxy: Proxy) -> Iterator[socket.socket]:
    """A connection made before the fault."""
    with connection(proxy) as sock:
        assert says(sock, b"before")
        yield sock


def connection(proxy: Proxy) -> socket.socket:
    return socket.create_connection((LOOPBACK, proxy.port), 10)


def says(sock: socket.socket, data: bytes) -> bool:
    """Say whether what is sent comes back whole."""
    sock.settimeout(10)
    sock.sendall(data)
    got = b""
    while len(got) < len(data):
        some = sock.recv(65536)
        if not some:
            return False
        got += some
    return got == data


def silent(sock: socket.socket) -> bool:
    """Say whether the connection is open and answers nothing."""
    sock.sendall(b"anyone?")
    sock.settimeout(0.3)
    with contextlib.suppress(TimeoutError):
        sock.recv(1)
        return False
    return True


def works_again(proxy: Proxy) -> None:
    proxy.fault("none")
    with connection(proxy) as sock:
        assert says(sock, b"again")


def test_refuse(proxy: Proxy, there: socket.socket) -> None:
    proxy.fault("refuse")
    with pytest.raises(ConnectionResetError):
        there.recv(1)
    with pytest.raises(ConnectionRefusedError):
        connection(proxy)
    works_again(proxy)


def test_hang(proxy: Proxy, there: socket.socket) -> None:
    proxy.fault("hang")
    assert says(there, b"still here")
    with connection(proxy) as sock:
        assert silent(sock)
        assert proxy.connections == 2
    wait_until(lambda: proxy.connections == 1, what="the proxy noticing that the client left")
    works_again(proxy)


def test_hanging_clients_are_let_go_at_the_end_of_the_fault(proxy: Proxy) -> None:
    proxy.fault("hang")
    with connection(proxy) as sock:
        wait_until(lambda: proxy.connections == 1, what="the connection")
        proxy.fault("none")
        assert sock.recv(1) == b""


@pytest.mark.parametrize("kind", ["drop", "reset"])
def test_drop_and_reset(proxy: Proxy, there: socket.socket, kind: str) -> None:
    def ended(sock: socket.socket) -> bool:
        try:
            return sock.recv(1) == b"" and kind == "drop"
        except ConnectionResetError:
            return kind == "reset"

    proxy.fault(kind)
    assert ended(there)
    try:
        with connection(proxy) as sock:
            assert ended(sock)
    except ConnectionResetError:
        assert kind == "reset"
    works_again(proxy)


def test_slow(proxy: Proxy, there: socket.socket) -> None:
    proxy.fault("slow")
    there.sendall(b"x" * (SLOW_BYTES * 8))
    pieces: list[int] = []
    while sum(pieces) < SLOW_BYTES * 8:
        pieces.append(len(there.recv(SLOW_BYTES * 8)))
    assert len(pieces) > 1
    works_again(proxy)


def test_half_open(proxy: Proxy, there: socket.socket) -> None:
    proxy.fault("half_open")
    assert silent(there)
    with connection(proxy) as sock:
        assert says(sock, b"new ones work")
    proxy.fault("none")
    there.settimeout(10)
    assert there.recv(65536) == b"anyone?"


def test_a_frozen_proxy_is_silent_to_all(proxy: Proxy, there: socket.socket) -> None:
    proxy.freeze()
    assert silent(there)
    proxy.thaw()
    there.settimeout(10)
    assert there.recv(65536) == b"anyone?"


def test_an_unknown_fault_names_those_there_are(proxy: Proxy) -> None:
    with pytest.raises(ValueError, match="half_open"):
        proxy.fault("fire")
    assert set(FAULTS) == {"none", "refuse", "hang", "drop", "reset", "slow", "half_open"}
