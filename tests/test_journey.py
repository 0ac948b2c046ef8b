"""A message's whole way, in at a real broker or server, through a workflow and out; and what people do to it meanwhile."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from integrations.models import Integration
from integrations.runtime.keys import key
from integrations.runtime.status import ConnectionState
from tests import factories
from tests.relays import mqtt, publish, relay
from tests.servers.mosquitto import Mosquitto
from tests.servers.processes import LOOPBACK
from tests.servers.websocket import WebsocketServer
from tests.stack import SPEED, Stack, running
from tests.traffic import Collector, Publisher
from tests.workflows.fakes import node
from wegnology.applications.models import Application, Global
from wegnology.lib.types import JSONObject
from workflows.alarms import telling, watching
from workflows.alarms.gathering import Gatherer
from workflows.alarms.keeping import Keeper
from workflows.insight.reading import last_runs
from workflows.models import AlarmWatch, Workflow, WorkflowVersion
from workflows.replay import replay


@pytest.fixture(scope="module")
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One hub for all journeys, supervised."""
    with running(Stack(tmp_path_factory.mktemp("hub"), supervised=True, environment=SPEED), request) as hub:
        yield hub


@pytest.fixture
def application(hub: Stack) -> Iterator[Application]:
    """An application of the test's own, deleted afterwards."""
    row = factories.application(threshold=30)
    yield row
    row.delete()


@pytest.fixture
def collector(hub: Stack) -> Iterator[Collector]:
    """Everything that leaves through the broker."""
    with Collector(hub.port) as collector:
        yield collector


@pytest.fixture
def publisher(hub: Stack) -> Iterator[Publisher]:
    """Somebody who has something to say."""
    with Publisher(hub.port) as publisher:
        yield publisher


@transaction.atomic
def alert(of: Application, port: int) -> Integration:
    """Create the demo: readings above the global `threshold` become alerts."""
    integration = mqtt(of, "alert", port, f"in/{of.pk}")
    nodes = [
        node("decode", "JsonDecodeNode", ["compare"], source="data.message", destination="working.reading"),
        node("compare", "ConditionalNode", [], ["publish"], expression="{{working.reading.temperature}} > {{globals.threshold}}"),
        publish(integration, f"out/{of.pk}", '{"n": {{working.reading.n}}, "threshold": {{globals.threshold}}}'),
    ]
    factories.workflow(integration, nodes=nodes)
    return integration


def reading(number: int, temperature: float) -> str:
    return json.dumps({"n": number, "temperature": temperature})


def until(hub: Stack, say: Callable[[], None], heard: Callable[[], bool], seconds: float, what: str) -> None:
    """Say something again and again until it is heard."""

    def met() -> bool:
        say()
        return heard()

    hub.wait(met, seconds, what)


EDIT_SECONDS = 5.0
"""An edit takes effect within 2 s; the rest is for a busy machine."""


def test_a_reading_above_the_threshold_becomes_an_alert(
    hub: Stack, application: Application, collector: Collector, publisher: Publisher
) -> None:
    integration = alert(application, hub.port)
    hub.wait_connected(integration.pk)
    for number, temperature in enumerate((29.5, 35, 30, 30.5, -4), 1):
        publisher.publish(f"in/{application.pk}", reading(number, temperature))
    hub.wait(lambda: sum(line.messages for line in hub.ledger(integration.pk)) == 5, what="all readings received")
    hub.wait_quiet(integration.pk)
    hub.wait(lambda: collector.has(f"out/{application.pk}", 4, without=(1, 3)), what="the alerts")
    assert [json.loads(text) for text in collector.messages(f"out/{application.pk}")] == [
        {"n": 2, "threshold": 30},
        {"n": 4, "threshold": 30},
    ]


def test_malformed_json_is_parked_replayed_and_holds_up_nothing(
    hub: Stack, application: Application, collector: Collector, publisher: Publisher
) -> None:
    integration = relay(application, application.pk, hub.port)
    hub.wait_connected(integration.pk)
    publisher.publish(f"in/{application.pk}", '{"n": 1')
    publisher.publish(f"in/{application.pk}", '{"n": 2}')
    hub.wait(lambda: collector.numbers(f"out/{application.pk}") == [2], what="the next message at the output")
    hub.wait(lambda: len(hub.parked(integration.pk)) == 1, what="the malformed one parked")
    (parked,) = hub.parked(integration.pk)
    assert (parked.reason, parked.node_id, parked.error_name) == ("failed", "decode", "SyntaxError")
    assert "data.message is not valid JSON" in parked.error_message
    assert json.loads(parked.payload)["data"]["message"] == '{"n": 1'
    hub.wait_quiet(integration.pk)
    assert [line.parked for line in hub.ledger(integration.pk)] == [{"failed": 1}]

    _replace_nodes(Workflow.objects.get(application=application), [publish(integration, f"out/{application.pk}", '{"n": 1}')])
    until(
        hub,
        lambda: _replay(hub, integration),
        lambda: 1 in collector.numbers(f"out/{application.pk}"),
        EDIT_SECONDS,
        "the replayed message at the output",
    )
    assert hub.parked(integration.pk) == []
    hub.wait_quiet(integration.pk)
    assert all(line.balanced for line in hub.ledger(integration.pk))


def _replay(hub: Stack, integration: Integration) -> None:
    replay([run.pk for run in hub.parked(integration.pk)])


def _replace_nodes(workflow: Workflow, nodes: Sequence[object]) -> None:
    version = WorkflowVersion.objects.get(workflow=workflow)
    version.nodes = list(nodes)
    version.triggers[0]["outputIds"] = [["publish"]]
    version.save()


def test_a_changed_global_changes_the_outcome(
    hub: Stack, application: Application, collector: Collector, publisher: Publisher
) -> None:
    integration = alert(application, hub.port)
    hub.wait_connected(integration.pk)
    shared = Global.objects.get(application=application)
    topic_in, topic_out = f"in/{application.pk}", f"out/{application.pk}"
    publisher.publish(topic_in, reading(1, 35))
    hub.wait(lambda: '{"n": 1, "threshold": 30}' in collector.messages(topic_out), what="an alert at first")
    shared.value = 20
    shared.save()
    until(
        hub,
        lambda: publisher.publish(topic_in, reading(2, 25)),
        lambda: '{"n": 2, "threshold": 20}' in collector.messages(topic_out),
        EDIT_SECONDS,
        "an alert below the threshold of before",
    )


def test_disabling_disconnects_and_enabling_connects_again(hub: Stack, application: Application) -> None:
    integration = mqtt(application, "switched", hub.port, "in/x", clientId=f"switched-{application.pk}")
    hub.wait_connected(integration.pk)
    assert _connected_at(hub.broker, f"switched-{application.pk}")
    integration.enabled = False
    integration.save()
    hub.wait_state(ConnectionState.DISABLED, integration.pk, seconds=EDIT_SECONDS)
    hub.wait(lambda: not _connected_at(hub.broker, f"switched-{application.pk}"), EDIT_SECONDS, "the broker seeing it go")
    integration.enabled = True
    integration.save()
    hub.wait_connected(integration.pk, seconds=EDIT_SECONDS)
    assert _connected_at(hub.broker, f"switched-{application.pk}")


def _connected_at(broker: Mosquitto, client_id: str) -> bool:
    """Say by the broker's log whether a client is connected."""
    lines = [line for line in broker.log.splitlines() if client_id in line]
    last = [line for line in lines if "New client connected" in line or "disconnected" in line or "closed" in line][-1]
    return "New client connected" in last


def test_edited_topics_are_subscribed_and_old_ones_left(
    hub: Stack, application: Application, collector: Collector, publisher: Publisher
) -> None:
    integration = relay(application, application.pk, hub.port)
    hub.wait_connected(integration.pk)
    integration.topics = [f"new/{application.pk}"]
    integration.save()
    until(
        hub,
        lambda: publisher.publish(f"new/{application.pk}", '{"n": 1}'),
        lambda: 1 in collector.numbers(f"out/{application.pk}"),
        EDIT_SECONDS,
        "a message on the new topic",
    )
    publisher.publish(f"in/{application.pk}", '{"n": 2}')
    publisher.publish(f"new/{application.pk}", '{"n": 3}')
    hub.wait(lambda: 3 in collector.numbers(f"out/{application.pk}"), what="a later message on the new topic")
    assert 2 not in collector.numbers(f"out/{application.pk}")


def test_connection_events_trigger_the_workflows_that_ask_for_them(
    hub: Stack, application: Application, collector: Collector
) -> None:
    out = mqtt(application, "out", hub.port)
    with Mosquitto() as broker:
        with transaction.atomic():
            integration = mqtt(application, "watched", broker.ports["plain"], "in/x")
            for kind in ("connect", "disconnect", "failure"):
                told = publish(out, f"out/{application.pk}/{kind}", "{{jsonEncode data}}")
                trigger = factories.trigger(integration, ["publish"], message=False, **{kind: True})
                factories.workflow(application, name=kind, triggers=[trigger], nodes=[told])

        def heard(kind: str) -> list[dict[str, object]]:
            return [json.loads(text) for text in collector.messages(f"out/{application.pk}/{kind}")]

        hub.wait(lambda: heard("connect") == [{"type": "connect", "topics": ["in/x"]}], what="a connect event")
        broker.stop()
        hub.wait(lambda: bool(heard("failure")), what="a failure event")
        assert heard("disconnect") == [{"type": "disconnect", "disconnectReason": "Connection Lost"}]
        assert "refused connections" in str(heard("failure")[0]["failureReason"])
        broker.start()
        hub.wait(lambda: len(heard("connect")) == 2, 60, "a second connect event")
        hub.wait_quiet(integration.pk, out.pk)
        assert len(heard("failure")) == len(heard("disconnect")) == 1
        integration.delete()


@pytest.fixture
def looks(hub: Stack) -> Iterator[Callable[[], None]]:
    """Look for alarms as the hub's watchers do every 30 s, twice at once, and tell; they leave it to this test meanwhile."""
    AlarmWatch.objects.update_or_create(pk=1, defaults={"holder": "a test", "until": timezone.now() + timedelta(hours=1)})
    gatherer, keeper = Gatherer(), Keeper()

    def look_twice() -> None:
        for ago in (watching.LOOK_SECONDS, 0):
            watching.look(gatherer, keeper, timezone.now() - timedelta(seconds=ago))
        watching.send_out(timezone.now(), ask=telling.tell, tell=telling.tell)

    yield look_twice
    watching.let_go("a test")


def test_an_alarm_starts_the_workflow_that_waits_for_it(
    hub: Stack, application: Application, collector: Collector, looks: Callable[[], None]
) -> None:
    out = mqtt(application, "out", hub.port)
    trigger: JSONObject = {"type": "alarm", "config": {"kinds": ["refused"]}, "outputIds": [["publish"]]}
    told = publish(out, f"out/{application.pk}", "{{jsonEncode data.alarm}}")
    workflow = factories.workflow(application, name="tell", triggers=[trigger], nodes=[told])
    broken = mqtt(application, "broken", hub.port, host="{{globals.nowhere}}")
    hub.wait_connected(out.pk)
    hub.wait_state(ConnectionState.NOT_CONFIGURED, broken.pk)
    looks()
    hub.wait(lambda: bool(collector.messages(f"out/{application.pk}")), what="the alarm at the output")
    (alarm,) = (json.loads(text) for text in collector.messages(f"out/{application.pk}"))
    assert (alarm["kind"], alarm["occasion"], alarm["subject"]["id"]) == ("refused", "opened", broken.pk)
    assert "there is no global `nowhere`" in alarm["cause"]
    hub.wait(lambda: bool(last_runs(workflow.pk)), what="the run on its page")
    (run,) = last_runs(workflow.pk)
    assert (run.trigger, run.failure) == ("alarm", None)


def test_retained_and_unconfirmed_messages_say_so(
    hub: Stack, application: Application, collector: Collector, publisher: Publisher
) -> None:
    publisher.publish(f"in/{application.pk}/kept", "1", retain=True)
    with transaction.atomic():
        integration = mqtt(application, "flags", hub.port, f"in/{application.pk}/+")
        factories.workflow(integration, nodes=[publish(integration, f"out/{application.pk}", "{{jsonEncode data}}")])
    hub.wait_connected(integration.pk)
    publisher.publish(f"in/{application.pk}/live", "2", qos=0)
    hub.wait(lambda: len(collector.messages(f"out/{application.pk}")) == 2, what="both messages")
    kept, live = (json.loads(text) for text in collector.messages(f"out/{application.pk}"))
    common = {"type": "message"}
    assert kept == common | {"message": "1", "topic": f"in/{application.pk}/kept", "qos": 1, "retain": True}
    assert live == common | {"message": "2", "topic": f"in/{application.pk}/live", "qos": 0, "retain": False}
    publisher.publish(f"in/{application.pk}/kept", "", retain=True)


def test_a_websocket_server_is_heard_and_answered(hub: Stack, application: Application) -> None:
    with WebsocketServer() as server:
        integration = _echo(application, f"ws://{LOOPBACK}:{server.port}/feed")
        hub.wait_connected(integration.pk)
        server.publish(["one", "two"])
        hub.wait(lambda: server.received == ["got one", "got two"], what="answers at the server")
        hub.wait_quiet(integration.pk)
        integration.delete()
        hub.wait(lambda: server.connections == 0, EDIT_SECONDS, "the deleted integration disconnected")


def test_an_edit_of_a_credential_reconnects_who_uses_it_and_nobody_else(hub: Stack, application: Application) -> None:
    credential = factories.credential(application)
    with WebsocketServer() as used, WebsocketServer() as beside:
        rows = [
            factories.integration(
                application,
                integration_type="websocket",
                config={"url": f"ws://{LOOPBACK}:{server.port}/feed"},
                topics=(),
                credential_name=name,
            )
            for server, name in ((used, credential.name), (beside, ""))
        ]
        hub.wait_connected(*[row.pk for row in rows])
        assert [request["X-Key"] for request in used.requests] == ["hunter2"]

        credential.set_config({**factories.HTTP, "secretValue": "new"})
        credential.save()
        hub.wait(lambda: len(used.requests) == 2, EDIT_SECONDS, "a connection with the new login")
        assert used.requests[1]["X-Key"] == "new"
        hub.wait_connected(rows[0].pk)

        credential.enabled = False
        credential.save()
        hub.wait(lambda: used.connections == 0, EDIT_SECONDS, "the connection closed with its credential disabled")
        hub.wait_state(ConnectionState.NOT_CONFIGURED, rows[0].pk)
        assert hub.status(rows[0].pk).errors == {"credentialName": "The service credential “Feed login” is disabled."}

        credential.enabled, credential.name = True, "Other name"
        credential.save()
        hub.wait_connected(rows[0].pk)
        assert (len(used.requests), len(beside.requests)) == (3, 1)
        for row in rows:
            row.delete()
        hub.wait(lambda: used.connections + beside.connections == 0, EDIT_SECONDS, "both disconnected")


@transaction.atomic
def _echo(of: Application, url: str) -> Integration:
    integration = factories.integration(of, integration_type="websocket", config={"url": url}, topics=())
    template = "got {{data.message.data}}"
    answer = node("answer", "WebsocketMessageNode", [], integrationId=integration.pk, messageTemplate=template)
    factories.workflow(integration, nodes=[answer])
    return integration


def test_a_killed_listener_is_healed_by_its_restart(
    hub: Stack, application: Application, collector: Collector, publisher: Publisher
) -> None:
    integration = relay(application, application.pk, hub.port)
    hub.wait_connected(integration.pk)
    (listener,) = [process for process in hub.processes if process.role == "listener"]
    listener.kill()
    publisher.publish(f"in/{application.pk}", '{"n": 1}')
    hub.wait(lambda: collector.numbers(f"out/{application.pk}") == [1], 20, "what was sent meanwhile at the output")
    hub.wait_connected(integration.pk)


def test_two_listeners_share_and_one_takes_over(
    hub: Stack, application: Application, collector: Collector, publisher: Publisher
) -> None:
    names = [f"{application.pk}-{n}" for n in range(8)]
    rows = [relay(application, name, hub.port) for name in names]
    hub.wait_connected(*[row.pk for row in rows])
    second = hub.start_listener()
    try:
        hub.wait(lambda: sorted(_holders(hub).values()) == [32, 32], what="two listeners with half of the partitions each")
        hub.wait_connected(*[row.pk for row in rows])
        publisher.publish_numbers([f"in/{name}" for name in names], 1, 10)
    finally:
        hub.remove(second)
    publisher.publish_numbers([f"in/{name}" for name in names], 11, 20)
    hub.wait(lambda: all(collector.has(f"out/{name}", 20) for name in names), 20, "all numbers at the output")
    hub.wait(lambda: list(_holders(hub).values()) == [64], what="one listener with everything")
    hub.wait_connected(*[row.pk for row in rows])


def _holders(hub: Stack) -> dict[str, int]:
    """Return how many partitions each listener holds."""
    tokens = [str(token, "ascii") for token in hub.client.mget([key("listen", p) for p in range(64)]) if isinstance(token, bytes)]
    holders = [token.partition("/")[0] for token in tokens]
    return {holder: holders.count(holder) for holder in holders}
