"""WebSocket against a real server, plain and secured."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from integrations.connectors.base import AnyConnector, CheckStep, Source
from integrations.connectors.websocket import WebsocketConfig, WebsocketConnector, WebsocketOutgoing
from integrations.events import EventKind
from integrations.exceptions import Disconnected, Refused, SendFailed, Unreachable
from tests.integrations.connectors.contract import ConnectorContract, Counterpart, run, until
from tests.servers.certificates import Certificates
from tests.servers.processes import LOOPBACK
from tests.servers.proxy import Proxy
from tests.servers.websocket import PASSWORD, USERNAME, WebsocketServer
from wegnology.lib.schema import ConfigInvalid
from wegnology.lib.types import JSONObject


class QuickWebsocket(WebsocketConnector):
    """The connector with a shorter patience."""

    phase_seconds: ClassVar[float] = 1.5


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(Path(tmp_path_factory.mktemp("certificates")))


class Peer(Counterpart):
    """A server of this test's own."""

    def __init__(self, server: WebsocketServer, proxy: Proxy, scheme: str, wrong: JSONObject, **settings: Any) -> None:
        super().__init__(proxy)
        self.server, self._scheme, self._wrong, self._settings = server, scheme, wrong, settings
        self.secret = PASSWORD if "password" in settings else str(settings["privateKey"]).splitlines()[3]

    def settings(self) -> JSONObject:
        return {"url": f"{self._scheme}://{LOOPBACK}:{self.proxy.port}/feed?x=1", **self._settings}

    def wrong_settings(self) -> JSONObject:
        return self.settings() | self._wrong

    def source(self) -> Source:
        return Source("5f10")

    def publish(self, messages: Sequence[str]) -> None:
        self.server.publish(messages)

    def text(self, data: JSONObject) -> str:
        message = data["message"]
        assert isinstance(message, dict)
        return str(message["data"])

    def outgoing(self, text: str) -> WebsocketOutgoing:
        return WebsocketOutgoing(message=text)

    def watched(self) -> list[str]:
        return [str(message) for message in self.server.received]

    def restart(self) -> None:
        self.server.restart()


class TestWebsocket(ConnectorContract):
    connector: ClassVar[type[AnyConnector]] = QuickWebsocket

    @pytest.fixture
    def server(self) -> Iterator[Peer]:
        with WebsocketServer(password=True) as server, Proxy(server.port) as proxy:
            yield Peer(server, proxy, "ws", {"password": "another"}, username=USERNAME, password=PASSWORD)


class TestSecuredWebsocket(ConnectorContract):
    connector: ClassVar[type[AnyConnector]] = QuickWebsocket
    rounds: ClassVar[int] = 5

    @pytest.fixture
    def server(self, certificates: Certificates) -> Iterator[Peer]:
        login = {"certificate": certificates.client.certificate, "privateKey": certificates.client.private_key}
        wrong: JSONObject = {"caCertificate": certificates.other_ca}
        with WebsocketServer(tls=certificates.server_context(client=True)) as server, Proxy(server.port) as proxy:
            yield Peer(server, proxy, "wss", wrong, caCertificate=certificates.ca, **login)


def make(port: int, scheme: str = "ws", **settings: Any) -> WebsocketConnector:
    """Return a connector straight to a port."""
    return QuickWebsocket(WebsocketConfig.resolve({"url": f"{scheme}://{LOOPBACK}:{port}/", **settings}, {}), Source("5f11"))


def test_the_headers_given_are_sent_and_those_answered_are_said() -> None:
    async def story() -> None:
        with WebsocketServer() as server:
            connector = make(server.port, headers=[{"headerKey": "X-Key", "headerValue": "a: b"}])
            data = await connector.connect()
            assert server.requests[0]["X-Key"] == "a: b"
            assert data["headers"]["upgrade"] == "websocket"  # type: ignore[call-overload,index]
            await connector.close()

    run(story())


def test_bytes_that_are_no_text_arrive_as_base64() -> None:
    async def story() -> None:
        with WebsocketServer() as server:
            connector = make(server.port)
            await connector.connect()
            await asyncio.to_thread(server.publish, [b"\xff\x00a", "grün".encode()])
            got = list(await asyncio.wait_for(connector.receive(), 20))
            while len(got) < 2:
                got += await asyncio.wait_for(connector.receive(), 20)
            assert [delivery.data["message"] for delivery in got] == [
                {"data": "/wBh", "length": 3, "encoding": "base64"},
                {"data": "grün", "length": 5},
            ]
            await connector.close()

    run(story())


def test_large_messages_pass_whole_both_ways() -> None:
    async def story() -> None:
        with WebsocketServer() as server:
            connector = make(server.port)
            await connector.connect()
            text = "0123456789abcdef" * 262_144
            await connector.send(WebsocketOutgoing(message=text))
            await until(lambda: server.received == [text], "the large message")
            await asyncio.to_thread(server.publish, [text])
            [delivery] = await asyncio.wait_for(connector.receive(), 20)
            assert delivery.data["message"] == {"data": text, "length": len(text)}
            await connector.close()

    run(story())


def test_encodings_become_bytes() -> None:
    async def story() -> None:
        with WebsocketServer() as server:
            connector = make(server.port)
            await connector.connect()
            for message, encoding in (("/wBh", "base64"), ("ff0061", "hex"), ("ü", "latin1"), ("ü", "utf8")):
                await connector.send(WebsocketOutgoing(message=message, encoding=encoding))
            await until(lambda: server.received == [b"\xff\0a", b"\xff\0a", b"\xfc", "ü"], "four messages")
            for message, encoding in (("x", "rot13"), ("zz", "hex"), ("€", "latin1")):
                with pytest.raises(SendFailed):
                    await connector.send(WebsocketOutgoing(message=message, encoding=encoding))
            await connector.close()

    run(story())


def test_pings_are_answered() -> None:
    async def story() -> None:
        with WebsocketServer() as server:
            connector = make(server.port)
            await connector.connect()
            await asyncio.to_thread(server.ping)
            await connector.close()

    run(story())


def test_a_close_says_code_and_reason() -> None:
    async def story() -> None:
        with WebsocketServer() as server:
            connector = make(server.port)
            await connector.connect()
            await asyncio.to_thread(server.publish, ["last words"])
            await asyncio.to_thread(server.hang_up, 4001, "enough")
            assert len(await asyncio.wait_for(connector.receive(), 20)) == 1
            with pytest.raises(Disconnected) as caught:
                await asyncio.wait_for(connector.receive(), 20)
            data = connector.event_data(EventKind.DISCONNECT, caught.value)
            assert data == {"message": {"statusCode": 4001, "reason": "enough"}}
            await connector.close()

    run(story())


@pytest.mark.parametrize(("status", "kind"), [(200, Refused), (401, Refused), (404, Refused), (302, Refused), (503, Unreachable)])
def test_another_answer_than_an_upgrade_is_named(status: int, kind: type[Exception]) -> None:
    async def story() -> None:
        with WebsocketServer(status=status) as server:
            connector = make(server.port)
            with pytest.raises(kind) as caught:
                await connector.connect()
            data = connector.event_data(EventKind.FAILURE, caught.value)
            assert data == {"message": {"statusCode": 1006, "reason": f"Unexpected server response: {status}"}}

    run(story())


def test_a_redirect_is_not_followed() -> None:
    async def story() -> None:
        with WebsocketServer() as elsewhere, WebsocketServer(status=302, location=f"ws://{LOOPBACK}:{elsewhere.port}/") as server:
            with pytest.raises(Refused):
                await make(server.port).connect()
            assert elsewhere.requests == []

    run(story())


def test_cookies_of_a_server_are_not_kept() -> None:
    async def story() -> None:
        with WebsocketServer(cookie=f"who=me; Domain={LOOPBACK}") as server:
            for _ in range(2):
                connector = make(server.port)
                await connector.connect()
                await connector.close()
            assert not any("Cookie" in request for request in server.requests)

    run(story())


def test_what_cannot_be_used_together_is_named() -> None:
    base: JSONObject = {"url": "wss://example.com/x?y"}
    faults: list[tuple[JSONObject, str]] = [
        ({"url": "http://example.com"}, "url"),
        ({"url": "ws://"}, "url"),
        ({"url": "ws://a b"}, "url"),
        ({"url": "ws://host:99999"}, "url"),
        ({"url": "ws://user:pw@host"}, "url"),
        ({"username": "u"}, "password"),
        ({"certificate": "pem!"}, "privateKey"),
        ({"privateKey": "pem!"}, "certificate"),
        ({"certificate": "pem!", "privateKey": "pem!", "password": "p"}, "certificate"),
        ({"disableSSLVerification": True, "caCertificate": "pem!"}, "caCertificate"),
        ({"password": "p", "headers": [{"headerKey": "authorization", "headerValue": "x"}]}, "headers"),
        ({"headers": [{"headerKey": "a\r\nb", "headerValue": "x"}]}, "headers.0.headerKey"),
    ]
    for settings, field in faults:
        with pytest.raises(ConfigInvalid) as caught:
            WebsocketConfig.check(base | settings)
        assert list(caught.value.errors) == [field]
        assert "pw" not in str(caught.value)
    WebsocketConfig.check(base | {"password": "p", "headers": [{"headerKey": "A", "headerValue": "b"}]})


def test_nothing_of_a_pause_is_lost_over_tls(certificates: Certificates) -> None:
    async def story() -> None:
        with WebsocketServer(tls=certificates.server_context()) as server:
            connector = make(server.port, "wss", caCertificate=certificates.ca)
            await connector.connect()
            texts = [str(number) for number in range(3000)]
            publishing = asyncio.ensure_future(asyncio.to_thread(server.publish, texts))
            got: list[str] = []
            while len(got) < len(texts):
                some = await asyncio.wait_for(connector.receive(), 20)
                got += [str(delivery.data["message"]["data"]) for delivery in some]  # type: ignore[call-overload,index]
                connector.pause(True)
                await asyncio.sleep(0)
                connector.pause(False)
            await publishing
            assert got == texts
            await connector.close()

    run(story())


def checked(connector: WebsocketConnector) -> dict[str, CheckStep]:
    """Run the connector's check; return how each step ended."""

    async def story() -> dict[str, CheckStep]:
        return {step.name: step async for step in connector.check(connector.config, connector.source)}

    return asyncio.run(story())


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "Check the login"),
        (404, "Check the path"),
        (302, "enter the address"),
        (503, "it may later"),
        (200, "not as a WebSocket"),
    ],
)
def test_a_check_advises_on_another_answer_than_an_upgrade(status: int, advice: str) -> None:
    with WebsocketServer(status=status) as server:
        steps = checked(make(server.port))
    assert steps["Open the WebSocket and log in"].state == "failed"
    assert steps["Open the WebSocket and log in"].detail == f"Unexpected server response: {status}"
    assert advice in steps["Open the WebSocket and log in"].advice
    assert steps["Ask for a sign of life"].state == "skipped"


def test_a_check_names_a_client_certificate_that_is_missing(certificates: Certificates) -> None:
    with WebsocketServer(tls=certificates.server_context(client=True)) as server:
        steps = checked(make(server.port, "wss", caCertificate=certificates.ca))
    [step] = [step for step in steps.values() if step.state == "failed"]
    assert "closed the connection instead of answering" in step.detail  # this server says no more
    assert "client certificate" in step.advice


def test_a_check_asks_nothing_of_what_arrives() -> None:
    async def story() -> None:
        with WebsocketServer() as server:
            connector = make(server.port)
            async for step in connector.check(connector.config, connector.source):
                if step.name == "Ask for a sign of life" and step.state == "running":
                    await asyncio.to_thread(server.publish, ["for somebody"])
                assert step.state != "failed"
            await until(lambda: server.connections == 0, "the check having left")

    run(story())
