"""WebSocket with a service credential, against a real server, plain and secured."""

from typing import Any

import pytest

from integrations.connectors.base import Source
from integrations.connectors.websocket import WebsocketConfig
from integrations.exceptions import Refused
from tests.integrations.connectors.contract import run
from tests.integrations.connectors.test_websocket import QuickWebsocket, certificates  # noqa: F401  (a fixture)
from tests.servers.certificates import Certificates
from tests.servers.processes import LOOPBACK
from tests.servers.websocket import PASSWORD, USERNAME, WebsocketServer
from wegnology.lib.credential_types import AwsCredential, HttpCredential
from wegnology.lib.types import JSONObject
from wegnology.lib.websocket_logins import LoginElsewhere


def login(method: str, name: str | None, secret: str = "s3cret", match: str = f"ws://{LOOPBACK}") -> HttpCredential:
    """Return an HTTP credential."""
    raw: dict[str, Any] = {"uriMatch": match, "authMethod": method, "publicValue": name, "secretValue": secret}
    return HttpCredential.model_validate(raw)


def connector(port: int, credential: HttpCredential, scheme: str = "ws", **settings: Any) -> QuickWebsocket:
    """Return a connector for the test's server."""
    raw = {"url": f"{scheme}://{LOOPBACK}:{port}/feed?x=1", **settings}
    return QuickWebsocket(WebsocketConfig.resolve(raw, {}), Source("5f10", credential=credential))


def connect(made: QuickWebsocket) -> None:
    """Connect and close."""

    async def story() -> None:
        try:
            await made.connect()
        finally:
            await made.close()

    run(story())


def test_a_header_logs_in_beside_other_headers() -> None:
    with WebsocketServer() as server:
        connect(connector(server.port, login("header", "X-Key"), headers=[{"headerKey": "X-Other", "headerValue": "o"}]))
        (request,) = server.requests
        assert (request["X-Key"], request["X-Other"]) == ("s3cret", "o")
        assert server.paths == ["/feed?x=1"]


def test_a_query_parameter_logs_in() -> None:
    with WebsocketServer() as server:
        connect(connector(server.port, login("queryParam", "token", "s3 cret&")))
        assert server.paths == ["/feed?x=1&token=s3%20cret%26"]
        assert "Authorization" not in server.requests[0]


def test_basic_authentication_logs_in_and_a_wrong_password_is_refused() -> None:
    with WebsocketServer(password=True) as server:
        connect(connector(server.port, login("basicAuth", USERNAME, PASSWORD)))
        made = connector(server.port, login("basicAuth", USERNAME, "hunter2"))
        with pytest.raises(Refused) as caught:
            connect(made)
        assert "401" in made.explain(caught.value)
        assert "hunter2" not in made.explain(caught.value)


def test_a_client_certificate_logs_in(certificates: Certificates) -> None:  # noqa: F811
    ours, theirs = certificates.client, certificates.foreign_client
    with WebsocketServer(tls=certificates.server_context(client=True)) as server:
        match = f"wss://{LOOPBACK}:{server.port}/"
        good = login("clientCertificate", ours.certificate, ours.private_key, match)
        connect(connector(server.port, good, "wss", caCertificate=certificates.ca))
        assert server.paths == ["/feed?x=1"]
        foreign = login("clientCertificate", theirs.certificate, theirs.private_key, match)
        with pytest.raises(Exception) as caught:  # noqa: PT011  (whichever phase notices)
            connect(connector(server.port, foreign, "wss", caCertificate=certificates.ca))
        assert "PRIVATE KEY" not in str(caught.value)
        assert len(server.paths) == 1


def test_a_credential_for_other_addresses_never_leaves() -> None:
    with WebsocketServer() as server:
        with pytest.raises(LoginElsewhere):
            connect(connector(server.port, login("header", "X-Key", match="ws://example.com")))
        assert server.requests == []


def test_nothing_secret_is_in_the_request_as_text() -> None:
    made = connector(1, login("queryParam", "token", "hunter2"))
    assert "hunter2" in made.request.url
    assert "hunter2" not in f"{made.request!r} {made!r} {made.source!r}"


@pytest.mark.parametrize(
    ("raw", "credential", "fields"),
    [
        ({}, login("header", "X-Key"), []),
        ({}, None, []),
        ({"password": "p", "username": "u"}, None, []),
        ({"password": "p", "username": "u"}, login("header", "X-Key"), ["username", "password"]),
        ({"certificate": "c", "privateKey": "k"}, login("header", "X-Key"), ["privateKey", "certificate"]),
        ({"headers": [{"headerKey": "authorization"}]}, login("basicAuth", "bob"), ["headers"]),
        ({"headers": [{"headerKey": "authorization"}]}, login("header", "X-Key"), []),
        ({"headers": [{"headerKey": "x-key"}]}, login("header", "X-Key"), ["headers"]),
        ({}, login("header", "X-Key", match="http://127.0.0.1/"), ["credentialName"]),
        ({}, login("header", "X-Key", match="ws://127.0.0.2/"), ["credentialName"]),
        ({"url": "ws://{{globals.host}}/"}, login("header", "X-Key", match="ws://127.0.0.2/"), []),
        ({"url": "ws://{{globals.host}}/"}, login("header", "X-Key", match="http://127.0.0.2/"), ["credentialName"]),
    ],
)
def test_what_does_not_go_together_is_named(raw: JSONObject, credential: HttpCredential | None, fields: list[str]) -> None:
    faults = QuickWebsocket.check_access({"url": f"ws://{LOOPBACK}/feed", **raw}, credential)
    assert list(faults) == fields
    assert all(text.endswith(".") for text in faults.values())


def test_a_client_certificate_needs_tls(certificates: Certificates) -> None:  # noqa: F811
    pair = certificates.client
    credential = login("clientCertificate", pair.certificate, pair.private_key)
    assert "wss://" in QuickWebsocket.check_access({"url": f"ws://{LOOPBACK}/feed"}, credential)["credentialName"]
    with pytest.raises(LoginElsewhere):
        connect(connector(1, credential))


def test_only_http_credentials_are_for_it() -> None:
    assert QuickWebsocket.credential_types == ("http",)
    assert AwsCredential.name not in QuickWebsocket.credential_types
