"""The stand-in for Particle's cloud, judged by Particle's own JavaScript client."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.servers.npm import installed
from tests.servers.particle import BOILER, LAMP, OVEN, TOKEN, Answer, Call, ParticleCloud
from tests.servers.processes import LOOPBACK, wait_until

pytestmark = pytest.mark.slow

_PROGRAM = """
const Particle = require('particle-api-js');
const [baseUrl, auth] = process.argv.slice(2);
const particle = new Particle({ baseUrl, auth });
const say = (value) => console.log(JSON.stringify(value));
const answer = async (work) => {
  try { const { statusCode, body } = await work; return { status: statusCode, body }; }
  catch (fault) { return { status: fault.statusCode, body: fault.body }; }
};
const work = {
  stream: async (options) => {
    const stream = await particle.getEventStream(options);
    stream.on('event', (event) => say({ stream: options, event }));
    stream.on('reconnect-success', () => say({ stream: options, again: true }));
    return {};
  },
  call: (options) => answer(particle.callFunction(options)),
  publish: (options) => answer(particle.publishEvent(options)),
};
require('readline').createInterface({ input: process.stdin }).on('line', async (line) => {
  const [what, options] = JSON.parse(line);
  try { say({ answer: await work[what](options) }); }
  catch (fault) { say({ answer: { status: fault.statusCode, body: fault.body, text: fault.errorDescription } }); }
});
"""


class Client:
    """Particle's client in a process of its own."""

    def __init__(self, port: int, token: str = TOKEN) -> None:
        folder = installed("particle-api-js", "12.0.3")
        (folder / "client.js").write_text(_PROGRAM)
        command = ["node", str(folder / "client.js"), f"http://{LOOPBACK}:{port}", token]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.seen: list[dict[str, Any]] = []

    def ask(self, what: str, **options: Any) -> dict[str, Any]:
        """Let the client do something; returns what came of it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([what, options]) + "\n")
        self._process.stdin.flush()
        answer = self.next("answer")["answer"]
        assert isinstance(answer, dict)
        return answer

    def next(self, kind: str) -> dict[str, Any]:
        """Return the next thing of this kind that the client says; others are kept in `seen`."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said: dict[str, Any] = json.loads(line)
            if kind in said:
                return said
            self.seen.append(said)
        raise AssertionError("the client ended")

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def cloud() -> Iterator[ParticleCloud]:
    with ParticleCloud(keep_alive=1) as cloud:
        yield cloud


@pytest.fixture
def client(cloud: ParticleCloud) -> Iterator[Client]:
    client = Client(cloud.port)
    yield client
    client.stop()


@pytest.mark.parametrize(
    ("options", "path", "device"),
    [
        ({}, "/v1/events", LAMP),
        ({"name": "tem"}, "/v1/events/tem", LAMP),
        ({"deviceId": "mine"}, "/v1/devices/events", LAMP),
        ({"deviceId": "mine", "name": "temp/"}, "/v1/devices/events/temp%2F", LAMP),
        ({"deviceId": "lamp"}, "/v1/devices/lamp/events", LAMP),
        ({"deviceId": LAMP.id, "name": "temp/a b"}, f"/v1/devices/{LAMP.id}/events/temp%2Fa%20b", LAMP),
        ({"product": "thermo"}, "/v1/products/thermo/events", OVEN),
        ({"product": "12345", "deviceId": "oven"}, "/v1/products/12345/devices/oven/events", OVEN),
        ({"org": "acme"}, "/v1/orgs/acme/events", BOILER),
        ({"org": "acme", "product": "thermo"}, "/v1/orgs/acme/products/thermo/events", BOILER),
    ],
)
def test_every_form_of_stream(cloud: ParticleCloud, client: Client, options: dict[str, str], path: str, device: Any) -> None:
    assert client.ask("stream", **options) == {}
    assert cloud.opened[-1] == path
    cloud.publish("other", ["not asked for"] if "name" in options else [], device)
    cloud.publish("temp/a b", ['{"t": 31}', "grüß"], device)
    events = [client.next("event")["event"] for _ in range(2)]
    assert [(event["name"], event["data"], event["coreid"], event["ttl"]) for event in events] == [
        ("temp/a b", '{"t": 31}', device.id, 60),
        ("temp/a b", "grüß", device.id, 60),
    ]


def test_the_client_survives_silence_and_a_restart(cloud: ParticleCloud, client: Client) -> None:
    client.ask("stream", deviceId="mine")
    cloud.restart()
    assert client.next("again")
    cloud.publish("back", ["1"])
    assert client.next("event")["event"]["data"] == "1"


def test_publishing_and_calling(cloud: ParticleCloud, client: Client) -> None:
    client.ask("stream", deviceId="mine")
    assert client.ask("publish", name="hello", data="you", isPrivate=True) == {"status": 200, "body": {"ok": True}}
    if not any("event" in said for said in client.seen):
        client.next("event")
    called = client.ask("call", deviceId="oven", product="12345", name="brew", argument="four")
    assert called == {
        "status": 200,
        "body": {"id": OVEN.id, "name": "oven", "last_app": "", "connected": True, "return_value": 4},
    }
    assert cloud.calls[-1] == Call(OVEN.id, "brew", "four", "12345")


def test_faults_of_calls(cloud: ParticleCloud, client: Client) -> None:
    assert client.ask("call", deviceId="nobody", name="brew", argument="")["status"] == 403
    assert client.ask("call", deviceId="lamp", name="fly", argument="")["body"]["error"] == "Function fly not found"
    assert client.ask("call", deviceId="lamp", name="sleep", argument="")["status"] == 408
    cloud.answer = Answer(429, {"error": "Too many requests"}, {"Retry-After": "7"})
    assert client.ask("call", deviceId="lamp", name="brew", argument="")["status"] == 429
    cloud.answer = None


def test_a_wrong_token(cloud: ParticleCloud) -> None:
    client = Client(cloud.port, "wrong")
    refused = client.ask("stream", deviceId="mine")
    assert (refused["status"], refused["body"]["error"]) == (401, "invalid_token")
    assert client.ask("publish", name="a", data="b", isPrivate=True)["status"] == 401
    client.stop()
    wait_until(lambda: not cloud.streams, what="streams of clients that left being closed")
