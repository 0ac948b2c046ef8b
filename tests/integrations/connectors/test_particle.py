"""Particle against a cloud on loopback, plain and secured."""

import asyncio
import json
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from integrations.connectors.base import AnyConnector, CheckStep, Connector, Source
from integrations.connectors.particle import ParticleConfig, ParticleConnector, ParticleOutgoing, ParticleSender
from integrations.exceptions import Disconnected, IntegrationError, Refused, SendFailed, SendUnknown, Unreachable
from tests.integrations.connectors.contract import ConnectorContract, Counterpart, run, until
from tests.servers.certificates import Certificates
from tests.servers.particle import BOILER, LAMP, OVEN, TOKEN, Answer, Call, ParticleCloud
from tests.servers.processes import LOOPBACK
from tests.servers.proxy import Proxy
from wegnology.lib import endpoints
from wegnology.lib.schema import ConfigInvalid
from wegnology.lib.types import JSONObject

NAMES = ("temperature", "temp/*")


class QuickParticle(ParticleConnector):
    """The connector with a shorter patience."""

    phase_seconds: ClassVar[float] = 1.5
    silence_seconds: ClassVar[float] = 1.5
    call_seconds: ClassVar[float] = 1.5


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(Path(tmp_path_factory.mktemp("certificates")))


@pytest.fixture(scope="module")
def shared() -> Iterator[ParticleCloud]:
    with ParticleCloud(keep_alive=0.3) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def shared_secured(certificates: Certificates) -> Iterator[ParticleCloud]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server_file, certificates.server_key_file)
    with ParticleCloud(keep_alive=0.3, tls=context) as cloud:
        yield cloud


@pytest.fixture
def elsewhere() -> Iterator[None]:
    """Let tests say where Particle is."""
    yield
    endpoints.configure([])


@pytest.fixture
def cloud(shared: ParticleCloud, elsewhere: None) -> Iterator[ParticleCloud]:
    """The cloud as it came, straight."""
    endpoints.configure([f"particle=http://{LOOPBACK}:{shared.port}"])
    shared.calls.clear()
    shared.opened.clear()
    shared.requests.clear()
    yield shared
    shared.answer = None
    shared.keep_alive = 0.3


class Peer(Counterpart):
    """The cloud through a proxy."""

    secret = TOKEN

    def __init__(self, cloud: ParticleCloud, proxy: Proxy, scheme: str) -> None:
        super().__init__(proxy)
        self.cloud = cloud
        endpoints.configure([f"particle={scheme}://{LOOPBACK}:{proxy.port}/"])
        cloud.calls.clear()

    def settings(self) -> JSONObject:
        return {"accessToken": TOKEN}

    def wrong_settings(self) -> JSONObject:
        return {"accessToken": "another"}

    def source(self) -> Source:
        return Source("5f10", NAMES)

    def publish(self, messages: Sequence[str]) -> None:
        self.cloud.publish("temperature", messages)

    def text(self, data: JSONObject) -> str:
        return str(data["data"])

    def outgoing(self, text: str) -> ParticleOutgoing:
        return ParticleOutgoing(name="brew", device="lamp", arg=text)

    def watched(self) -> list[str]:
        return [call.argument for call in self.cloud.calls]

    def restart(self) -> None:
        self.cloud.restart()


@pytest.mark.usefixtures("elsewhere")
class TestParticle(ConnectorContract):
    connector: ClassVar[type[AnyConnector]] = QuickParticle

    @pytest.fixture
    def server(self, shared: ParticleCloud) -> Iterator[Peer]:
        with Proxy(shared.port) as proxy:
            yield Peer(shared, proxy, "http")


@pytest.mark.usefixtures("elsewhere")
class TestSecuredParticle(ConnectorContract):
    connector: ClassVar[type[AnyConnector]] = QuickParticle
    rounds: ClassVar[int] = 5

    @pytest.fixture
    def server(
        self, shared_secured: ParticleCloud, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Peer]:
        monkeypatch.setattr(QuickParticle, "authority", certificates.ca)
        with Proxy(shared_secured.port) as proxy:
            yield Peer(shared_secured, proxy, "https")


def make(*names: str, **settings: Any) -> QuickParticle:
    """Return a connector to where Particle was said to be."""
    return QuickParticle(ParticleConfig.resolve({"accessToken": TOKEN, **settings}, {}), Source("5f11", names))


async def failure(connector: Connector[Any, Any]) -> IntegrationError:
    """Return what a connect raises."""
    with pytest.raises(IntegrationError) as caught:
        await connector.connect()
    await connector.close()
    return caught.value


async def take(connector: QuickParticle, count: int) -> list[JSONObject]:
    got: list[JSONObject] = []
    async with asyncio.timeout(20):
        while len(got) < count:
            got += [delivery.data for delivery in await connector.receive()]
    return got


# -- which stream


@pytest.mark.parametrize(
    ("names", "settings", "path"),
    [
        (["*"], {}, "/v1/devices/events"),
        (["*"], {"deviceNameOrId": "Mine"}, "/v1/devices/events"),
        (["*"], {"deviceNameOrId": "my lamp/1"}, "/v1/devices/my%20lamp%2F1/events"),
        (["*"], {"productSlugOrId": "thermo"}, "/v1/products/thermo/events"),
        (["*"], {"productSlugOrId": "thermo", "deviceNameOrId": "mine"}, "/v1/products/thermo/events"),
        (["*"], {"productSlugOrId": "12345", "deviceNameOrId": "oven"}, "/v1/products/12345/devices/oven/events"),
        (["*"], {"orgSlugOrId": "acme"}, "/v1/orgs/acme/events"),
        (["*"], {"orgSlugOrId": "acme", "productSlugOrId": "thermo"}, "/v1/orgs/acme/products/thermo/events"),
        (["*"], {"orgSlugOrId": "acme", "deviceNameOrId": "boiler"}, "/v1/orgs/acme/devices/boiler/events"),
        (["temp"], {}, "/v1/devices/events/temp"),
        (["temp/*", "temperature", "temp*"], {}, "/v1/devices/events/temp"),
        (["a b/c*"], {}, "/v1/devices/events/a%20b%2Fc"),
        (["alarm", "temp"], {}, "/v1/devices/events"),
        (["temp", "temp*", "*"], {}, "/v1/devices/events"),
    ],
)
def test_one_stream_of_what_all_names_share(names: list[str], settings: JSONObject, path: str) -> None:
    assert make(*names, **settings).path == path


@pytest.mark.parametrize(
    ("settings", "device", "others"),
    [
        ({}, LAMP, []),
        ({"deviceNameOrId": "lamp"}, LAMP, [OVEN, BOILER]),
        ({"productSlugOrId": "thermo"}, OVEN, [LAMP]),
        ({"productSlugOrId": "12345", "deviceNameOrId": OVEN.id}, OVEN, [LAMP, BOILER]),
        ({"orgSlugOrId": "acme"}, BOILER, [LAMP, OVEN]),
    ],
)
def test_events_of_the_chosen_devices_arrive(cloud: ParticleCloud, settings: JSONObject, device: Any, others: list[Any]) -> None:
    async def story() -> None:
        connector = make("temp", **settings)
        await connector.connect()
        for number, one in enumerate([*others, device]):
            await asyncio.to_thread(cloud.publish, "temp", [str(number)], one)
        assert [message["coreid"] for message in await take(connector, 1)] == [device.id]
        await connector.close()

    run(story())


def test_names_are_filtered_here(cloud: ParticleCloud) -> None:
    async def story() -> None:
        connector = make("temp", "temp/*", "alarm*")
        assert await connector.connect() == {"eventNames": ["temp", "temp/*", "alarm*"]}
        for name in ("temperature", "Temp", "temp", "temp/1", "alar", "alarm", "alarm/fire", "spark/status", "temp/2"):
            await asyncio.to_thread(cloud.publish, name, [None])
        got = await take(connector, 5)
        assert [message["name"] for message in got] == ["temp", "temp/1", "alarm", "alarm/fire", "temp/2"]
        await connector.close()

    run(story())


# -- what arrives


def test_messages_are_given_as_they_were_published(cloud: ParticleCloud) -> None:
    async def story() -> None:
        connector = make("*")
        await connector.connect()
        await asyncio.to_thread(cloud.publish, "a", ['{"t": 31}', None, ""])
        await asyncio.to_thread(cloud.publish, "b", ["grün"], OVEN, "60")
        got = await take(connector, 4)
        assert [message.pop("published_at", "")[-1:] for message in got] == ["Z"] * 4  # type: ignore[index]
        assert got[:3] == [
            {"type": "message", "name": "a", "data": data, "coreid": LAMP.id, "ttl": 60} for data in ('{"t": 31}', None, "")
        ]
        assert got[3] == {"type": "message", "name": "b", "data": "grün", "coreid": OVEN.id, "ttl": "60"}
        await connector.close()

    run(story())


def test_what_is_not_in_particles_form_is_given_as_it_came(cloud: ParticleCloud) -> None:
    async def story() -> None:
        connector = make("*")
        await connector.connect()
        fields = {"data": {"n": 1}, "ttl": True, "published_at": 7, "coreid": None}
        pieces = b": note\r\nevent: x\r\ndata: no JSON\r\n\r\nevent: y\ndata: [1]\n\n\n\nevent: z\ndata: \xff\n\n"
        for at in range(0, len(pieces), 5):
            await asyncio.to_thread(cloud.send_raw, pieces[at : at + 5])
        await asyncio.to_thread(cloud.send_raw, f"data: {json.dumps(fields)}\n\n".encode())
        got = await take(connector, 4)
        assert [(message["name"], message["data"]) for message in got] == [
            ("x", "no JSON"),
            ("y", "[1]"),
            ("z", "\ufffd"),
            ("message", '{"n": 1}'),
        ]
        assert (got[3]["ttl"], got[3]["published_at"], got[3]["coreid"]) == (None, "7", None)
        await connector.close()

    run(story())


# -- the life of a stream


def test_an_orderly_end_is_a_disconnect(cloud: ParticleCloud) -> None:
    async def story() -> None:
        connector = make("*")
        await connector.connect()
        await asyncio.to_thread(cloud.publish, "a", ["last"])
        await asyncio.to_thread(cloud.end_streams)
        assert (await take(connector, 1))[0]["data"] == "last"
        with pytest.raises(Disconnected, match="Particle closed the event stream"):
            await asyncio.wait_for(connector.receive(), 20)
        await connector.close()

    run(story())


async def probe_on(connector: AnyConnector) -> None:
    """Ask for proof of life until there is none: the last keep-alive may still be under way."""
    async with asyncio.timeout(30):
        while True:
            await connector.probe()


def test_a_stream_without_keep_alives_is_dead(cloud: ParticleCloud) -> None:
    async def story() -> None:
        connector = make("*")
        await connector.connect()
        await connector.probe()
        cloud.keep_alive = None
        with pytest.raises(Disconnected, match=r"silent for 1.5 s"):
            await probe_on(connector)
        await connector.close()

    run(story())


def test_without_event_names_the_token_is_what_proves_life(cloud: ParticleCloud) -> None:
    async def story() -> None:
        connector = make()
        assert await connector.connect() == {"eventNames": []}
        await connector.probe()
        assert cloud.opened == []
        cloud.answer = Answer(401, {"error": "invalid_token"})
        with pytest.raises(Refused):
            await connector.probe()
        await connector.close()

    run(story())


@pytest.mark.parametrize(
    ("answer", "kind", "text", "seconds"),
    [
        (
            Answer(401, {"error": "invalid_token", "error_description": f"{TOKEN}!"}),
            Refused,
            r"\(401\): \*\*\*!",
            0,
        ),
        (Answer(403, {"error": "Permission Denied", "info": "I didn't recognize that"}), Refused, "I didn't recognize", 0),
        (Answer(404, {"ok": False, "error": "No such product"}), Refused, r"\(404\): No such product", 0),
        (Answer(302, "", {"Location": "https://example.com"}), Refused, r"\(302\)", 0),
        (Answer(429, {"error": "slow down"}, {"Retry-After": "77"}), Unreachable, "no more requests", 77),
        (Answer(503, "<html>", {"Retry-After": "soon"}), Unreachable, r"\(503\)", 0),
        (Answer(200, "hello"), Refused, "something else than an event stream", 0),
    ],
)
def test_answers_other_than_a_stream_are_told(
    cloud: ParticleCloud, answer: Answer, kind: type[IntegrationError], text: str, seconds: float
) -> None:
    async def story() -> None:
        cloud.answer = answer
        connector = make("*")
        error = await failure(connector)
        assert isinstance(error, kind)
        assert TOKEN not in str(error)
        with pytest.raises(kind, match=text):
            raise error
        assert getattr(error, "retry_after", 0) == seconds
        assert connector.advise(error) or answer.status in (200, 302)

    run(story())


def test_unknown_places_are_refused(cloud: ParticleCloud) -> None:
    async def story() -> None:
        for settings in ({"productSlugOrId": "none"}, {"deviceNameOrId": "nobody"}, {"orgSlugOrId": "none"}):
            assert isinstance(await failure(make("*", **settings)), Refused)

    run(story())


def test_something_that_speaks_no_http_says_so(elsewhere: None) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"220 mail.example.com ready\r\n\r\n")
        await writer.drain()
        await reader.read()
        writer.close()

    async def story() -> None:
        async with await asyncio.start_server(talk, LOOPBACK, 0) as server:
            endpoints.configure([f"particle=http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"])
            connector = make("*")
            with pytest.raises(connector.transient) as caught:
                await connector.connect()
            assert "did not speak HTTP" in connector.explain(caught.value)
            await connector.close()

    run(story())


@pytest.mark.parametrize("fault", ["hang", "drop", "reset", "refuse"])
def test_faults_of_the_way_are_transient(cloud: ParticleCloud, fault: str) -> None:
    async def story() -> None:
        with Proxy(cloud.port) as proxy:
            endpoints.configure([f"particle=http://{LOOPBACK}:{proxy.port}"])
            proxy.fault(fault)
            connector = make("*")
            with pytest.raises(connector.transient) as caught:
                await connector.connect()
            assert connector.explain(caught.value)
            await connector.close()

    run(story())


# -- settings


def test_settings_are_judged() -> None:
    for settings, field in (
        ({}, "accessToken"),
        ({"accessToken": "two words"}, "accessToken"),
        ({"accessToken": "line\nbreak"}, "accessToken"),
        ({"accessToken": TOKEN, "deviceNameOrId": ""}, "deviceNameOrId"),
        ({"accessToken": TOKEN, "orgSlugOrId": "x" * 1025}, "orgSlugOrId"),
        ({"accessToken": TOKEN, "topics": []}, "topics"),
    ):
        with pytest.raises(ConfigInvalid) as caught:
            ParticleConfig.check(settings)  # type: ignore[arg-type]
        assert list(caught.value.errors) == [field]
        assert "break" not in str(caught.value)
    assert list(ParticleConnector.check_topics(["a", "*", "a*", "a", "b\n", "c" * 1025])) == [3, 4, 5]


# -- checking


async def checked(connector: QuickParticle) -> dict[str, CheckStep]:
    """Return how each step ended."""
    steps = [step async for step in type(connector).check(connector.config, connector.source)]
    return {step.name: step for step in steps}


def test_a_check_goes_all_the_way(cloud: ParticleCloud) -> None:
    async def story() -> None:
        live = make("temp*")
        await live.connect()
        for _ in range(20):
            steps = await checked(make("temp*"))
            assert [step.state for step in steps.values()] == ["ok"] * 4
        assert steps["Show the access token"].detail.endswith("It is valid until 2099-01-02T03:04:05.678Z.")
        assert steps["Open the event stream"].detail == "Particle opened /v1/devices/events/temp."
        assert list(await checked(make()))[-1] == "Show the access token"
        await asyncio.to_thread(cloud.publish, "temp", ["still here"])
        assert len(await take(live, 1)) == 1
        await live.close()
        await until(lambda: not cloud.streams, "every stream being closed")

    run(story())


def test_a_check_names_the_step_that_failed(cloud: ParticleCloud) -> None:
    async def story() -> None:
        steps = await checked(make("*", accessToken="another"))
        assert (steps["Show the access token"].state, steps["Open the event stream"].state) == ("failed", "skipped")
        assert "console" in steps["Show the access token"].advice
        steps = await checked(make("*", productSlugOrId="none"))
        assert (steps["Show the access token"].state, steps["Open the event stream"].state) == ("ok", "failed")
        assert steps["Open the event stream"].advice.startswith("Check device, product and organization")
        endpoints.configure(["particle=http://no-such-name.invalid"])
        assert [step.state for step in (await checked(make("*"))).values()] == ["failed", "skipped", "skipped", "skipped"]

    run(story())


# -- calling functions


async def call(sender: ParticleSender, **fields: Any) -> JSONObject:
    return await sender.send(ParticleOutgoing(**{"name": "brew", **fields}), "one")


def sender(**settings: Any) -> ParticleSender:
    made = make(**settings)
    return QuickParticle.sender(made.config, made.source)


def test_a_call_gives_what_the_device_answers(cloud: ParticleCloud) -> None:
    async def story() -> None:
        calls = sender()
        answer = await call(calls, device="lamp", arg="grün & <tea>")
        assert answer == {"id": LAMP.id, "last_app": "", "connected": True, "return_value": 12}
        assert (await call(calls, device="oven", product="thermo"))["return_value"] == 0
        await calls.close()
        mine = sender(deviceNameOrId="oven", productSlugOrId="12345")
        assert (await call(mine))["id"] == OVEN.id
        await mine.close()
        await mine.close()
        assert cloud.calls == [
            Call(LAMP.id, "brew", "grün & <tea>"),
            Call(OVEN.id, "brew", "", "thermo"),
            Call(OVEN.id, "brew", "", "12345"),
        ]

    run(story())


def test_calls_share_a_few_lines(cloud: ParticleCloud) -> None:
    async def story() -> None:
        with Proxy(cloud.port) as proxy:
            endpoints.configure([f"particle=http://{LOOPBACK}:{proxy.port}"])
            calls = sender(deviceNameOrId="lamp")
            answers = await asyncio.gather(*(call(calls, arg="x" * number) for number in range(40)))
            assert [answer["return_value"] for answer in answers] == list(range(40))
            assert 1 <= proxy.connections <= 8
            await asyncio.to_thread(cloud.restart)
            assert (await call(calls, arg="again"))["return_value"] == 5
            await calls.close()
            await until(lambda: proxy.connections == 0, "every line being closed")

    run(story())


@pytest.mark.parametrize(
    ("fields", "kind", "text"),
    [
        ({"device": "nobody"}, SendFailed, r"denies access \(403\): I didn't recognize that device"),
        ({"device": "lamp", "name": "fly"}, SendFailed, r"\(404\): Function fly not found"),
        ({"device": "lamp", "name": "sleep"}, SendUnknown, r"did not answer in time \(408\): Timed out."),
        ({}, SendFailed, "Which device"),
        ({"device": "mine"}, SendFailed, "Which device"),
    ],
)
def test_calls_that_fail_say_why(cloud: ParticleCloud, fields: dict[str, str], kind: type[Exception], text: str) -> None:
    async def story() -> None:
        calls = sender()
        with pytest.raises(SendFailed, match=text) as caught:
            await call(calls, **fields)
        assert type(caught.value) is kind
        assert QuickParticle.failure_answer(caught.value) == {"error": {"message": str(caught.value)}}
        await calls.close()

    run(story())


@pytest.mark.parametrize(("fault", "kind"), [("hang", SendUnknown), ("drop", SendUnknown), ("refuse", SendFailed)])
def test_a_call_without_an_answer_says_whether_it_may_have_arrived(
    cloud: ParticleCloud, fault: str, kind: type[Exception]
) -> None:
    async def story() -> None:
        with Proxy(cloud.port) as proxy:
            endpoints.configure([f"particle=http://{LOOPBACK}:{proxy.port}"])
            proxy.fault(fault)
            calls = sender(deviceNameOrId="lamp")
            with pytest.raises(SendFailed) as caught:
                await call(calls)
            assert type(caught.value) is kind
            assert TOKEN not in str(caught.value)
            await calls.close()

    run(story())
