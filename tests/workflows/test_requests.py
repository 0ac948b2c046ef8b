"""Messages that runs send by request: which login they use, what the ledger says, and that nobody waits for a slow service."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar

import pytest

from integrations.connectors.base import Connector, Delivery, Sender, Source, connectors
from integrations.events import EventKind
from integrations.exceptions import SendFailed
from integrations.models import Integration
from tests.factories import application, credential, integration, workflow
from tests.integrations.runtime.hub import Hub
from tests.servers.processes import wait_until
from tests.workflows.harness import Worker, World, noting, put, source
from wegnology.applications.models import Application, Global
from wegnology.lib.credential_types import Credential
from wegnology.lib.outgoing import Setting
from wegnology.lib.schema import Field, Schema, SecretStr, Templated
from wegnology.lib.types import JSONObject
from workflows.models import ParkedRun
from workflows.nodes.base import nodes
from workflows.nodes.send import send_node

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("far_ends", "world")]


class CounterConfig(Schema):
    """Settings of `CounterConnector`."""

    place: Templated[str] = Field(min_length=1)
    token: Templated[SecretStr | None] = None


class CounterOutgoing(Schema):
    """A message to send."""

    body: Templated[str] = Field(max_length=20)


class CounterDirect(Schema):
    """A login of the node's own."""

    credential_name: Templated[str | None] = None
    token: Templated[str | None] = None
    place: Annotated[Templated[str | None], Setting("place")] = None


class Counter(Sender[CounterOutgoing]):
    """Notes what it sends."""

    def __init__(self, config: CounterConfig, source: Source) -> None:
        self.config, self.source = config, source
        self.token = config.token.get_secret_value() if config.token else ""

    async def send(self, message: CounterOutgoing, identity: str) -> JSONObject:
        if message.body.startswith("refuse"):
            raise SendFailed("closed on Sundays")
        CounterConnector.sent.append((self.config.place, self.token, self.source.credential, message.body, identity))
        return {"success": True}

    async def close(self) -> None: ...


class CounterConnector(Connector[CounterConfig, CounterOutgoing]):
    """Sends by request."""

    name = "counter"
    label = "Counter"
    Config = CounterConfig
    Outgoing = CounterOutgoing
    Direct = CounterDirect
    direct_ways = (("credentialName", "place"), ("token", "place"))
    credential_types = ("http",)
    send_node = "CounterSendNode"
    payloads = dict.fromkeys(EventKind, dict)
    sent: ClassVar[list[tuple[str, str, Credential | None, str, str]]] = []

    @classmethod
    def check_access(cls, raw: JSONObject, credential: Credential | None) -> dict[str, str]:
        return {} if credential or raw.get("token") else {"token": "A token is needed."}

    @classmethod
    def sender(cls, config: CounterConfig, source: Source) -> Counter:
        return Counter(config, source)

    async def connect(self) -> JSONObject:
        return {}

    async def receive(self) -> Sequence[Delivery]:
        return []

    async def probe(self) -> None: ...

    async def close(self) -> None: ...


@pytest.fixture(autouse=True)
def counters() -> Iterator[None]:
    connectors.autodiscover()
    nodes.autodiscover()
    kinds: dict[str, Any] = connectors._classes
    known: dict[str, Any] = nodes._classes
    kinds["counter"] = CounterConnector
    known["CounterSendNode"] = send_node(CounterConnector)
    CounterConnector.sent.clear()
    yield
    del kinds["counter"], known["CounterSendNode"]


def counter(of: Application, place: str = "main", **fields: Any) -> Integration:
    """Create an integration that sends by request."""
    config: JSONObject = {"place": place, "token": "hunter2"}
    return integration(of, name="Counter", integration_type="counter", config=config, topics=(), **fields)


def sending(of: Integration, **config: Any) -> None:
    """Create a workflow of one step that sends by request."""
    node: JSONObject = {"id": "s", "type": "CounterSendNode", "config": config, "meta": {}, "outputIds": [[]]}
    workflow(of, nodes=[node])


def run(hub: Hub, row: Integration, numbers: Sequence[int] = (1,)) -> None:
    put(hub, row, numbers)
    with Worker() as worker:
        worker.take(row)
        wait_until(lambda: hub.line(row.pk).waiting == 0)


def failure() -> str:
    parked = ParkedRun.objects.get()
    return str(parked.error_message)


def test_what_is_sent_and_refused_is_counted_with_the_event(hub: Hub) -> None:
    row = source()
    target = counter(row.application)
    sending(row, integrationId=target.pk, bodyTemplate="{{#if (eq data.number 2)}}refuse{{/if}}{{data.number}}")
    run(hub, row, [1, 2, 3])
    assert hub.sent(target.pk) == {"queued": 3, "sent": 2, "failed": 1}
    assert [(place, token, body) for place, token, _, body, _ in CounterConnector.sent] == [
        ("main", "hunter2", "1"),
        ("main", "hunter2", "3"),
    ]
    assert failure() == "closed on Sundays"
    assert len({identity for *_, identity in CounterConnector.sent}) == 2


def test_an_edit_of_a_global_reaches_the_next_send(hub: Hub) -> None:
    row = source()
    place = Global.objects.create(application=row.application, key="place", value="north")
    target = counter(row.application, "{{globals.place}}")
    sending(row, integrationId=target.pk, bodyTemplate="{{data.number}}")
    put(hub, row, [1])
    with Worker() as worker:
        worker.take(row)
        wait_until(lambda: len(CounterConnector.sent) == 1)
        place.value = "south"
        place.save()
        wait_until(lambda: worker.catalog.integrations[target.pk].desired.config.place == "south")  # type: ignore[union-attr]
        put(hub, row, [2])
        wait_until(lambda: len(CounterConnector.sent) == 2)
    assert [place for place, *_ in CounterConnector.sent] == ["north", "south"]


@pytest.mark.parametrize(
    ("fields", "text"),
    [({"enabled": False}, "is disabled"), ({"place": "{{globals.none}}"}, "cannot be used: place")],
)
def test_an_integration_that_cannot_be_used_fails_the_run(hub: Hub, fields: dict[str, Any], text: str) -> None:
    row = source()
    target = counter(row.application, **fields)
    sending(row, integrationId=target.pk, bodyTemplate="x", resultPath="working.sent")
    run(hub, row)
    assert text in failure()
    assert hub.sent(target.pk) == {}


def test_a_message_that_does_not_fit_fails_the_run_and_is_no_template(hub: Hub) -> None:
    row = source()
    target = counter(row.application)
    sending(row, integrationId=target.pk, bodyTemplate="{{data.number}} {{{globals.text}}}")
    Global.objects.create(application=row.application, key="text", value="{{globals.text}} and much more than fits")
    run(hub, row)
    assert failure().startswith("body: String should have at most 20 characters")


def test_a_node_may_have_a_login_of_its_own(hub: Hub) -> None:
    row = source()
    sending(row, tokenTemplate="t&1", place="{{data.number}}", bodyTemplate="x")
    run(hub, row, [1, 2])
    assert [sent[:4] for sent in CounterConnector.sent] == [("1", "t&1", None, "x"), ("2", "t&1", None, "x")]


def test_a_node_may_name_a_credential_of_its_application(hub: Hub) -> None:
    row = source()
    credential(row.application, name="Ours")
    sending(row, credentialNameTemplate="Ours", place="main", bodyTemplate="x")
    run(hub, row)
    [(_, token, used, *_)] = CounterConnector.sent
    assert token == ""
    assert used is not None


@pytest.mark.parametrize(("name", "text"), [("Theirs", "There is no service credential “Theirs”"), ("Off", "is disabled")])
def test_a_credential_that_cannot_be_used_fails_the_run(hub: Hub, name: str, text: str) -> None:
    row = source()
    credential(application("Other"), name="Theirs")
    credential(row.application, name="Off", enabled=False)
    sending(row, credentialNameTemplate=name, place="main", bodyTemplate="x", resultPath="working.sent")
    run(hub, row)
    assert text in failure()


def test_a_send_that_waits_holds_up_nobody(hub: Hub, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    row, neighbour = source(), source()
    target = counter(row.application)
    sending(row, integrationId=target.pk, bodyTemplate="{{data.number}}")
    noting(neighbour)
    released = world.gate("service")

    async def slow(self: Counter, message: CounterOutgoing, identity: str) -> JSONObject:
        while not released.is_set():
            await asyncio.sleep(0.01)
        CounterConnector.sent.append(("", "", None, message.body, identity))
        return {}

    monkeypatch.setattr(Counter, "send", slow)
    put(hub, row, range(5))
    put(hub, neighbour, range(5))
    with Worker() as worker:
        worker.take(row, neighbour)
        wait_until(lambda: world.numbers() == [0, 1, 2, 3, 4])
        assert hub.line(row.pk).waiting == 5
        released.set()
        wait_until(lambda: hub.line(row.pk).waiting == 0)
    assert hub.sent(target.pk) == {"queued": 5, "sent": 5}
