"""The whole way through the hub for types that are not MQTT: in at a counterpart, through a workflow, out to a counterpart."""

import json
from collections.abc import Iterator

import pytest
from django.db import transaction

from integrations.models import Integration
from integrations.runtime.status import ConnectionState
from tests import factories
from tests.servers.particle import LAMP, TOKEN, Call, ParticleCloud
from tests.servers.processes import LOOPBACK
from tests.servers.sqs import ALL, REGION, SEND, AwsUser, SqsServer
from tests.servers.websocket import PASSWORD, USERNAME, WebsocketServer
from tests.stack import SPEED, Stack, running
from tests.workflows.fakes import node
from wegnology.applications.models import Application
from wegnology.lib.types import JSONObject


@pytest.fixture(scope="module")
def cloud() -> Iterator[ParticleCloud]:
    with ParticleCloud() as cloud:
        yield cloud


@pytest.fixture(scope="module")
def queues() -> Iterator[SqsServer]:
    with SqsServer() as server:
        yield server


@pytest.fixture(scope="module")
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, cloud: ParticleCloud) -> Iterator[Stack]:
    """One hub for all journeys, which finds Particle's cloud here."""
    where = {"WEGNOLOGY_SERVICE_URLS": f"particle=http://{LOOPBACK}:{cloud.port}"}
    with running(Stack(tmp_path_factory.mktemp("hub"), environment=SPEED | where), request) as hub:
        yield hub


@pytest.fixture
def application(hub: Stack) -> Iterator[Application]:
    """An application of the test's own, deleted afterwards."""
    row = factories.application()
    yield row
    row.delete()


def login(user: AwsUser) -> JSONObject:
    return {"region": REGION, "accessKeyId": user.access_key_id, "secretAccessKey": user.secret_access_key}


def counted(hub: Stack, integration: Integration) -> dict[str, int]:
    """Return the books of an integration once nothing waits; every hour of them balances."""
    hub.wait_quiet(integration.pk)
    lines = hub.ledger(integration.pk)
    assert all(line.balanced for line in lines)
    outcomes = {"finished": sum(line.finished for line in lines), "parked": sum(sum(line.parked.values()) for line in lines)}
    return {"received": sum(line.messages for line in lines), **outcomes}


def integration(of: Application, kind: str, name: str, *topics: str, **config: object) -> Integration:
    return factories.integration(of, name=name, integration_type=kind, config=dict(config), topics=topics)  # type: ignore[arg-type]


def test_from_queue_to_queue(hub: Stack, application: Application, queues: SqsServer) -> None:
    """Through an integration that only sends, and with a login of the node's own; what AWS refuses is the answer."""
    reader, sender = queues.user(*ALL), queues.user(*SEND)
    first, second, third = queues.queue(fifo=True), queues.queue(fifo=True), queues.queue()
    texts = [str(number) for number in range(25)]
    own = {"accessKeyIdTemplate": sender.access_key_id, "secretAccessKeyTemplate": sender.secret_access_key}
    with transaction.atomic():
        source = integration(application, "sqs", "in", queueUrl=queues.url(first), **login(reader))
        target = integration(application, "sqs", "out", queueUrl=queues.url(second), **login(sender))
        send = node(
            "send",
            "SqsSendNode",
            ["report"],
            integrationId=target.pk,
            dataTemplate="got {{data.message}}",
            attributeFields=[{"keyTemplate": "number", "valueTemplate": "{{data.messageAttributes.number.value}}"}],
            messageGroupIdTemplate="{{data.systemAttributes.MessageGroupId}}",
            resultPath="working.sent",
        )
        report = node(
            "report",
            "SqsSendNode",
            [],
            queueUrl=queues.url(third),
            regionTemplate=REGION,
            dataTemplate="{{jsonEncode working.sent}}",
            **own,
        )
        factories.workflow(source, nodes=[send, report])
    hub.wait_connected(source.pk)
    attributes = {"number": {"DataType": "Number", "StringValue": "7"}}
    queues.publish(first, texts, MessageGroupId="one", MessageAttributes=attributes)
    hub.wait(lambda: queues.left(third) == len(texts), what="a report of each message")
    assert counted(hub, source) == {"received": 25, "finished": 25, "parked": 0}
    assert queues.left(first) == 0
    taken = queues.take_all(second)
    # Runs start in order, and each waits for its own answer: which is sent first is not promised.
    assert sorted(message["Body"] for message in taken) == sorted(f"got {text}" for text in texts)
    assert taken[0]["MessageAttributes"]["number"]["StringValue"] == "7"
    reports = [json.loads(message["Body"]) for message in queues.take_all(third)]
    assert sorted(report["messageId"] for report in reports) == sorted(message["MessageId"] for message in taken)


def test_from_websocket_to_websocket(hub: Stack, application: Application) -> None:
    texts = [str(number) for number in range(50)]
    with WebsocketServer(password=True) as source, WebsocketServer() as target:
        url = f"ws://{LOOPBACK}:{source.port}"
        with transaction.atomic():
            heard = integration(application, "websocket", "in", url=url, username=USERNAME, password=PASSWORD)
            told = integration(application, "websocket", "out", url=f"ws://{LOOPBACK}:{target.port}")
            message = {"messageTemplate": "{{{encodeBase64 data.message.data}}}", "encodingTemplate": "base64"}
            tell = node("tell", "WebsocketMessageNode", [], integrationId=told.pk, **message)
            factories.workflow(heard, nodes=[tell])
        hub.wait_connected(heard.pk, told.pk)
        source.publish(texts)
        hub.wait(lambda: target.received == [text.encode() for text in texts], what="every message, as bytes")
        assert counted(hub, heard) == {"received": 50, "finished": 50, "parked": 0}
        target.stop()
        hub.wait_state(ConnectionState.DISCONNECTED, told.pk)
        source.publish(["nobody hears it"])
        hub.wait(lambda: len(hub.parked(heard.pk)) == 1, what="the run parked whose message could not be sent")
        assert counted(hub, heard) == {"received": 51, "finished": 50, "parked": 1}


def test_from_an_event_of_a_device_to_a_call_of_its_function(hub: Stack, application: Application, cloud: ParticleCloud) -> None:
    with transaction.atomic():
        source = integration(application, "particle", "in", "temp*", accessToken=TOKEN)
        call = {"nameTemplate": "brew", "deviceTemplate": "{{data.coreid}}"}
        once = node(
            "once",
            "ParticleCallNode",
            ["again"],
            integrationId=source.pk,
            argTemplate="{{data.data}}",
            resultPath="working.one",
            **call,
        )
        told = "{{working.one.return_value}}"
        again = node("again", "ParticleCallNode", [], accessToken=TOKEN, argTemplate=told, **call)
        factories.workflow(source, nodes=[once, again])
    hub.wait_connected(source.pk)
    cloud.publish("temperature", ["31 degrees"])
    cloud.publish("humidity", ["nobody asked"])
    hub.wait(lambda: len(cloud.calls) == 2, what="both calls")
    assert cloud.calls == [Call(LAMP.id, "brew", "31 degrees"), Call(LAMP.id, "brew", "10")]
    assert counted(hub, source) == {"received": 1, "finished": 1, "parked": 0}
