"""Test messages: asked for on a page, sent by a tasks process, told about on the page."""

import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import orjson
import pytest
from django.test import Client
from django.urls import reverse

from integrations import trial_records
from integrations.connectors.base import Sender, Source
from integrations.exceptions import SendFailed
from integrations.models import Integration
from integrations.runtime.keys import key, partition_of
from integrations.runtime.snapshot import Desired
from integrations.runtime.status import ConnectionState, Status
from integrations.tasks import stored_desired
from integrations.trial_records import TooManyTrials, Trial
from integrations.trial_sending import perform
from tests import factories
from tests.fakes import CONFIG, FakeConfig, FakeConnector, FakeMessage, fake_types
from tests.servers.redis import RedisServer
from wegnology.applications.models import Role
from wegnology.applications.records import AuditEntry
from wegnology.lib.types import JSONObject

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_here")]

SCRIPT = {"X-Requested-With": "fetch"}


@pytest.fixture
def row() -> Iterator[Integration]:
    with fake_types():
        yield factories.integration(name="Far", integration_type="fake", config=CONFIG)


def page(row: Integration, name: str = "send", *more: str) -> str:
    return reverse(f"admin:integrations_integration_{name}", args=[row.pk, *more])


def sent_counts(server: RedisServer, row: Integration) -> dict[str, int]:
    """Return the counts of messages that went out through an integration."""
    with server.client() as client:
        return {
            name.decode(): int(count)
            for ledger in client.keys(key("sent", row.pk, "*"))
            for name, count in client.hgetall(ledger).items()
        }


def connected(server: RedisServer, row: Integration) -> None:
    """Write a status as a listener does that holds the integration."""
    with server.client() as client:
        client.set(key("status", row.pk), Status(ConnectionState.CONNECTED, since_ms=1, listener="l1").to_json())
        client.hset(key("proof"), row.pk, str(Trial("", "", "").asked_ms))
        client.set(key("listen", partition_of(row.pk)), "l1/abc")


class Listener(threading.Thread):
    """Takes the first message out of an outbox and answers as a listener does."""

    def __init__(self, server: RedisServer, row: Integration, outcome: str) -> None:
        super().__init__(daemon=True)
        self.server, self.row, self.outcome = server, row, outcome
        self.message: JSONObject = {}

    def run(self) -> None:
        with self.server.client() as client:
            [[_, [[_, fields]]]] = client.xread({key("outbox", self.row.pk): "0"}, block=20_000)
            stored = orjson.loads(fields[b"m"])
            self.message = stored["m"]
            channel, _, identifier = stored["r"].rpartition("#")
            client.publish(channel, orjson.dumps({"reply": identifier, "outcome": self.outcome}))


class Hatch(Sender[FakeMessage]):
    """Takes a message, or says why not."""

    async def send(self, message: FakeMessage, identity: str) -> JSONObject:
        if message.body == "no":
            raise SendFailed("The far end does not like this.")
        return {"body": message.body, "id": identity}

    async def close(self) -> None:
        """Nothing is held."""


class RequestConnector(FakeConnector):
    """The fake type as one that sends by request."""

    sends_live: ClassVar[bool] = False

    @classmethod
    def sender(cls, config: Any, source: Source) -> Sender[Any]:
        return Hatch()


def asked(row: Integration, body: str) -> Trial:
    trial = Trial(row.application_id, row.pk, "ann")
    trial_records.ask(trial, {"body": body})
    return trial


@pytest.mark.parametrize(
    ("outcome", "state", "detail"),
    [("", "sent", ""), ("failed:Too large", "failed", "Too large"), ("unknown:Lost", "unknown", "Lost")],
)
def test_through_the_live_connection(row: Integration, redis_here: RedisServer, outcome: str, state: str, detail: str) -> None:
    connected(redis_here, row)
    trial, listener = asked(row, "hello"), Listener(redis_here, row, outcome)
    listener.start()
    with redis_here.client() as client:
        perform(client, trial.id, stored_desired)
    listener.join(20)
    found = trial_records.read(trial.id)
    assert found is not None
    assert (found.state, found.detail, found.over) == (state, detail, True)
    assert listener.message == {"body": "hello"}
    assert sent_counts(redis_here, row) == {"queued": 1}


def test_what_is_not_connected_takes_nothing(row: Integration, redis_here: RedisServer) -> None:
    trial = asked(row, "hello")
    with redis_here.client() as client:
        perform(client, trial.id, stored_desired)
        assert not client.exists(key("outbox", row.pk))
        perform(client, trial.id, stored_desired)  # taken already
    found = trial_records.read(trial.id)
    assert found is not None
    assert found.state == "failed"
    assert found.detail.startswith("It is not connected, so nothing was sent.")


@pytest.mark.parametrize(("body", "state", "detail"), [("yes", "sent", '"body":"yes"'), ("no", "failed", "does not like this")])
def test_by_request(row: Integration, redis_here: RedisServer, body: str, state: str, detail: str) -> None:
    desired = Desired(row.pk, row.application_id, "Far", RequestConnector, FakeConfig(**CONFIG), Source(row.pk), "d")
    trial = asked(row, body)
    with redis_here.client() as client:
        perform(client, trial.id, lambda integration_id: desired)
    found = trial_records.read(trial.id)
    assert found is not None
    assert found.state == state
    assert detail in found.detail
    assert sent_counts(redis_here, row) == {"queued": 1, state: 1}


def test_the_page_asks_and_tells(admin_client: Client, row: Integration, redis_here: RedisServer) -> None:
    assert 'name="message_body"' in admin_client.get(page(row)).content.decode()
    answer = admin_client.post(page(row), {"message_body": "<hello> {{name}}"}, headers=SCRIPT)
    assert answer.status_code == 202
    address = answer.json()["outcome"]
    assert admin_client.get(address).json()["state"] == "waiting"
    entry = AuditEntry.objects.get(action="test message")
    assert (entry.object_id, entry.changes) == (row.pk, {"fields": "body"})
    with redis_here.client() as client:
        taken = trial_records.take(client, address.rpartition("/")[2])
        assert taken is not None
        assert taken[1] == {"body": "<hello> {{name}}"}
        trial_records.write(client, taken[0].ended("failed", "<b>no</b>"))
    told = admin_client.get(address).json()
    assert (told["state"], told["over"]) == ("failed", True)
    assert "&lt;b&gt;no" in told["html"]
    assert "Not sent" in admin_client.get(page(row)).content.decode()
    assert admin_client.post(page(row), {"message_body": "x"})["Location"] == page(row)


def test_who_may(client: Client, row: Integration) -> None:
    client.force_login(factories.person("vera", row.application, Role.VIEWER))
    assert "Editors of the application can send" in client.get(page(row)).content.decode()
    assert client.post(page(row), {"message_body": "x"}).status_code == 403
    client.force_login(factories.person("otto", factories.application("Other"), Role.ADMINISTRATOR))
    assert client.get(page(row)).status_code == 302
    foreign = factories.integration(row.application, name="Other", integration_type="fake", config=CONFIG)
    client.force_login(factories.person("ed", row.application, Role.EDITOR))
    trial = asked(row, "x")
    assert client.get(page(row, "trial", trial.id)).status_code == 200
    assert client.get(page(foreign, "trial", trial.id)).status_code == 404


def test_not_too_many(row: Integration) -> None:
    for _ in range(trial_records.MOST_A_MINUTE):
        asked(row, "x")
    with pytest.raises(TooManyTrials, match="within a minute"):
        asked(row, "x")
