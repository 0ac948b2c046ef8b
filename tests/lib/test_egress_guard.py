"""Libraries that connect by themselves: sync clients through the guard, everything else seen by the audit hook or the loop."""

import http.server
import json
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import boto3
import pytest
import requests
import urllib3
from botocore.config import Config
from botocore.exceptions import HTTPClientError

from tests.servers.certificates import Certificates
from wegnology.lib import egress, egress_clients
from wegnology.lib.egress import EgressRefused, guarded_create_connection


class _Echo(http.server.BaseHTTPRequestHandler):
    """Answers with the Host header it was sent."""

    def do_GET(self) -> None:
        body = json.dumps({"host": self.headers["Host"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def web() -> Iterator[int]:
    """An HTTP server; its port."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture(scope="module")
def tls_web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str, list[str | None]]]:
    """An HTTPS server: its port, the file of its authority, and the names that clients asked for."""
    certificates = Certificates(tmp_path_factory.mktemp("tls"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server_file, certificates.server_key_file)
    asked: list[str | None] = []
    context.sni_callback = lambda _sock, name, _context: asked.append(name)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], str(certificates.ca_file), asked
        server.shutdown()


@pytest.fixture
def public_only() -> Iterator[None]:
    egress.configure(allow_private=False)
    yield
    egress.configure(allow_private=True)


def _sqs(port: int) -> Any:
    client = boto3.client(
        "sqs",
        region_name="eu-west-1",
        endpoint_url=f"http://localhost:{port}",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(proxies={}, retries={"total_max_attempts": 1}, connect_timeout=2),
    )
    return egress_clients.guard_boto(client)


class TestClients:
    def test_the_host_header_keeps_the_name(self, web: int) -> None:
        url = f"http://localhost:{web}/"
        assert egress_clients.guarded_pool_manager().request("GET", url).json() == {"host": f"localhost:{web}"}
        with egress_clients.guarded_session() as session:
            assert session.get(url, timeout=5).json() == {"host": f"localhost:{web}"}
        assert _sqs(web).list_queues()["ResponseMetadata"]["HTTPStatusCode"] == 200

    def test_tls_keeps_the_name(self, tls_web: tuple[int, str, list[str | None]]) -> None:
        port, authority, asked = tls_web
        pool = egress_clients.guarded_pool_manager(ca_certs=authority)
        assert pool.request("GET", f"https://localhost:{port}/").json() == {"host": f"localhost:{port}"}
        with egress_clients.guarded_session() as session:
            assert session.get(f"https://localhost:{port}/", timeout=5, verify=authority).ok
        assert asked == ["localhost", "localhost"]

    @pytest.mark.usefixtures("public_only")
    def test_all_of_them_are_refused(self, web: int) -> None:
        url = f"http://localhost:{web}/"
        with pytest.raises(EgressRefused):
            egress_clients.guarded_pool_manager().request("GET", url)
        with egress_clients.guarded_session() as session, pytest.raises(EgressRefused):
            session.get(url, timeout=5)
        with pytest.raises(HTTPClientError, match="private networks are not allowed"):
            _sqs(web).list_queues()

    def test_a_redirect_is_judged_like_everything_else(self) -> None:
        class Redirect(_Echo):
            def do_GET(self) -> None:
                self.send_response(302)
                self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
                self.send_header("Content-Length", "0")
                self.end_headers()

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirect) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            with egress_clients.guarded_session() as session, pytest.raises(EgressRefused, match="metadata"):
                session.get(f"http://127.0.0.1:{server.server_address[1]}/", timeout=5)
            server.shutdown()

    @pytest.mark.parametrize("userinfo", ["http://localhost:1@169.254.169.254/", "http://169.254.169.254#@localhost/"])
    def test_a_user_before_the_host_fools_nobody(self, userinfo: str) -> None:
        with egress_clients.guarded_session() as session, pytest.raises(EgressRefused, match="metadata"):
            session.get(userinfo, timeout=5)

    def test_errors_are_the_libraries_own(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        with egress_clients.guarded_session() as session, pytest.raises(requests.ConnectionError):
            session.get(f"http://127.0.0.1:{port}/", timeout=5)
        with pytest.raises(urllib3.exceptions.MaxRetryError):
            egress_clients.guarded_pool_manager().request("GET", "http://a..b/", retries=1)

    def test_the_answer_of_one_look_up_is_judged_and_used(self, web: int) -> None:
        answers = iter([["127.0.0.1"], ["169.254.169.254"], ["169.254.169.254"]])

        def rebinding(_host: str) -> Sequence[str]:
            return next(answers)

        with guarded_create_connection(("rebinding.example", web), 5, resolver=rebinding) as sock:
            assert sock.getpeername() == ("127.0.0.1", web)
        with pytest.raises(EgressRefused):
            guarded_create_connection(("rebinding.example", web), 5, resolver=rebinding)


HOOKED = """
import asyncio, http.client, socket, sys
import uvloop
from wegnology.lib import egress, egress_guard

port, own = int(sys.argv[1]), int(sys.argv[2])
egress.configure(allow_private=False, own=[("localhost", own)])
egress_guard.install()
refused = []

def attempt(name, call):
    try:
        call()
    except egress.EgressRefused:
        refused.append(name)
    except OSError as error:
        print(name, type(error).__name__, error)

def stream(port):
    async def connect():
        _, writer = await asyncio.open_connection("localhost", port)
        writer.close()
    return connect()

attempt("sync", lambda: socket.create_connection(("127.0.0.1", port), 5))
attempt("name", lambda: socket.socket().connect(("localhost", port)))
attempt("http", lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=5).request("GET", "/"))
attempt("asyncio", lambda: asyncio.run(stream(port)))
attempt("loop", lambda: uvloop.run(stream(port), loop_factory=egress_guard.GuardedLoop))
attempt("metadata", lambda: socket.create_connection(("169.254.169.254", 80), 5))
assert refused == ["sync", "name", "http", "asyncio", "loop", "metadata"], refused
socket.create_connection(("127.0.0.1", own), 5).close()
uvloop.run(stream(own), loop_factory=egress_guard.GuardedLoop)
asyncio.run(stream(own))
egress.configure(allow_private=False, allow=["localhost"])
uvloop.run(stream(port), loop_factory=egress_guard.GuardedLoop)
egress.guarded_create_connection(("localhost", port), 5).close()
left, right = socket.socketpair()
print("held")
"""


def test_whoever_connects_by_itself_is_seen() -> None:
    """In a process of its own: an audit hook cannot be taken back."""
    with socket.create_server(("127.0.0.1", 0)) as strange, socket.create_server(("127.0.0.1", 0)) as own:
        ports = [str(server.getsockname()[1]) for server in (strange, own)]
        done = subprocess.run([sys.executable, "-c", HOOKED, *ports], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.returncode) == ("held\n", 0), done.stderr


def test_the_processes_of_the_hub_are_guarded() -> None:
    """Celery's start signal installs the hook; the loops of listener and worker are guarded ones."""
    code = (
        "import sys; from wegnology.celery import app; from celery import signals; from wegnology.lib import egress_guard as g;"
        "signals.worker_init.send(sender=None); print(g._installed)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "True\n"
