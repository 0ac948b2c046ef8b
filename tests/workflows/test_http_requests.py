"""Requests of HTTP nodes: whose login goes where, and what the answer tells."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import pytest

from tests.servers.http import HttpServer, http_server
from wegnology.lib.credential_types import Credential, HttpCredential
from wegnology.lib.http_fetch import Fetcher
from wegnology.lib.known_globals import MASK
from wegnology.lib.schema import ConfigInvalid
from workflows.catalog import Catalog
from workflows.http_call import HttpAnswer, HttpCall
from workflows.http_requests import HttpRequests
from workflows.nodes.base import NodeFailed

SECRET = "hidden-hidden"


class OneCredential:
    """A catalog that knows one service credential."""

    def __init__(self, credential: Credential | None = None) -> None:
        self.known = credential

    def credential(self, application_id: str, name: str, wanted: Sequence[str]) -> Credential:
        assert (application_id, list(wanted)) == ("a", ["http"])
        if self.known is None or name != "api":
            raise ConfigInvalid({"credentialName": f"There is no service credential “{name}” in this application."})
        return self.known


Ask = Callable[[HttpCall], Awaitable[HttpAnswer]]
Story = Callable[[HttpServer, Ask], Awaitable[None]]


def play(story: Story, credential: dict[str, Any] | None = None) -> None:
    """Run a story with a server. `credential` is one whose `uriMatch` may name the server as `{}`."""

    async def main() -> None:
        async with http_server() as server:
            known = None
            if credential:
                given = {**credential, "uriMatch": credential["uriMatch"].format(server.url(""))}
                known = HttpCredential.model_validate(given)
            requests = HttpRequests(cast(Catalog, OneCredential(known)), Fetcher())
            running = asyncio.create_task(requests.fetcher.run())
            await asyncio.sleep(0)
            try:
                await story(server, lambda call: requests.ask("a", call))
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

    asyncio.run(asyncio.wait_for(main(), 20))


async def failing(ask: Ask, call: HttpCall) -> NodeFailed:
    with pytest.raises(NodeFailed) as caught:
        await ask(call)
    assert SECRET not in str(caught.value)
    return caught.value


def test_what_an_answer_tells() -> None:
    async def story(server: HttpServer, ask: Ask) -> None:
        url = server.url("/bytes?x=1").replace("http://", f"http://bob:{SECRET}@")
        answer = await ask(HttpCall("GET", url, {"authorization": SECRET, "X-B": "2"}))
        assert (answer.status, answer.body, answer.headers["set-cookie"]) == (200, b"\0\xff\x80", ["a=1", "b=2"])
        headers = {"authorization": MASK, "X-B": "2"}
        assert answer.request == {"method": "GET", "uri": server.url("/bytes?x=1"), "headers": headers}
        assert answer.duration_ms >= 0

    play(story)


def test_basic_stays_with_its_server() -> None:
    async def story(server: HttpServer, ask: Ask) -> None:
        there = server.url("/", host="localhost")
        await ask(HttpCall("GET", server.url(f"/redirect/307?to={there}"), basic=("bob", SECRET)))
        first, second = server.requests
        assert first["headers"]["authorization"].startswith("Basic ")
        assert "authorization" not in second["headers"]

    play(story)


@pytest.mark.parametrize(
    ("method", "public", "found"),
    [
        ("header", "X-Key", lambda request: request["headers"].get("x-key")),
        ("queryParam", "key", lambda request: request["path"].partition("key=")[2] or None),
        ("basicAuth", "bob", lambda request: request["headers"].get("authorization")),
    ],
)
def test_credentials_of_every_kind(method: str, public: str, found: Callable[[dict[str, Any]], str | None]) -> None:
    async def story(server: HttpServer, ask: Ask) -> None:
        """A path follows the beginning; a whole address must begin like it."""
        for url in ("things", "/things", server.url("/v1/things")):
            answer = await ask(HttpCall("GET", url, credential_name="api"))
            assert found(server.requests[-1])
            assert server.requests[-1]["path"].startswith("/v1/things")
            assert answer.request["uri"] == server.url("/v1/things")
        error = await failing(ask, HttpCall("GET", server.url("/v2/things"), credential_name="api"))
        assert (error.name, "its URI Match does not fit" in str(error)) == ("CredentialInvalid", True)
        error = await failing(ask, HttpCall("GET", server.url("/v1/../v2"), credential_name="api"))
        assert error.name == "CredentialInvalid"

    play(story, {"uriMatch": "{}/v1/", "authMethod": method, "publicValue": public, "secretValue": SECRET})


def test_a_credential_is_judged_again_at_each_redirect() -> None:
    async def story(server: HttpServer, ask: Ask) -> None:
        for target, gets in (("/redirectors", True), ("/elsewhere", False), (server.url("/redirect", "localhost"), False)):
            server.requests.clear()
            await ask(HttpCall("GET", server.url(f"/redirect/302?to={target}"), credential_name="api"))
            before, after = server.requests
            assert before["headers"]["x-key"] == SECRET
            assert (after["headers"].get("x-key") == SECRET) is gets

    play(story, {"uriMatch": "{}/redirect", "authMethod": "header", "publicValue": "X-Key", "secretValue": SECRET})


def test_there_is_no_such_credential() -> None:
    async def story(server: HttpServer, ask: Ask) -> None:
        error = await failing(ask, HttpCall("GET", "/", credential_name="other"))
        assert (error.name, str(error)) == ("CredentialInvalid", "There is no service credential “other” in this application.")

    play(story)


def test_a_body_from_elsewhere() -> None:
    async def story(server: HttpServer, ask: Ask) -> None:
        call = HttpCall("POST", server.url("/x"), body_url=server.url("/from"), basic=("bob", SECRET))
        told = json.loads((await ask(call)).body)
        assert SECRET not in repr(server.requests[0])
        assert json.loads(told["body"])["path"] == "/from"
        assert told["headers"]["content-type"].startswith("application/json")
        error = await failing(ask, call._replace(body_url=server.url("/status/404")))
        assert (error.name, str(error).endswith("its server answered 404")) == ("BodyMissing", True)

    play(story)


@pytest.mark.parametrize(("url", "name"), [("no address", "RequestInvalid"), ("http://127.0.0.1:1/", "ConnectionError")])
def test_no_answer(url: str, name: str) -> None:
    async def story(server: HttpServer, ask: Ask) -> None:
        assert (await failing(ask, HttpCall("GET", url))).name == name

    play(story)
