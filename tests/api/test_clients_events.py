"""The official clients: alarms, which they call events."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.api.conftest import Api
from tests.api.test_clients_accounts import refused
from tests.api.test_clients_integrations import faults
from wegnology.applications.models import Application, Role
from workflows.models import Alarm, AlarmRule

pytestmark = pytest.mark.django_db


def alarm(of: Application, name: str, **fields: Any) -> Alarm:
    """Create an alarm."""
    rule = AlarmRule.objects.create(application=of, kind="disconnected")
    now = timezone.now()
    about = {"subject_kind": "integration", "subject_id": "a" * 24, "first_cause": "lost", "cause": "refused"}
    times = {"opened_at": now, "updated_at": now}
    return Alarm.objects.create(application=of, rule=rule, kind="disconnected", subject_name=name, **{**about, **times, **fields})


def test_read_and_acknowledge(api: Api, kind: str) -> None:
    row = api.application()
    now = timezone.now()
    one, two = alarm(row, "Broker"), alarm(row, "Queue", cleared_at=now, opened_at=now - timedelta(hours=1))
    client = api.client(kind)
    listed = client.events.get(applicationId=row.pk)
    assert [(item["id"], item["state"], item["message"]) for item in listed["items"]] == [
        (one.pk, "new", "refused"),
        (two.pk, "resolved", "refused"),
    ]
    assert client.events.get(applicationId=row.pk, state="resolved")["totalCount"] == 1
    assert client.events.get(applicationId=row.pk, filterField="subject", filter="brok*")["totalCount"] == 1
    ids = {"applicationId": row.pk, "eventId": one.pk}
    assert client.event.get(**ids)["sourceName"] == "Broker"
    answer = client.event.patch(**ids, event={"state": "acknowledged", "comment": "on it"})
    assert (answer["state"], answer["updates"][-1]["sourceName"]) == ("acknowledged", "operator")
    assert refused(client.event.patch, **ids, event={"state": "resolved"})[0] == 409
    assert faults(refused(client.event.patch, **ids, event={"state": "new"})) == {"state"}
    assert refused(client.event.get, applicationId=row.pk, eventId="f" * 24)[0] == 404


def test_acknowledge_many(api: Api, kind: str) -> None:
    row, other = api.application(), api.application()
    for name in ("Broker", "Bus", "Queue"):
        alarm(row, name)
    theirs = alarm(other, "Broker")
    client = api.client(kind)
    answer = client.events.patch(applicationId=row.pk, filterField="subject", filter="b*", updates={"state": "acknowledged"})
    assert (answer["success"], answer["count"]) == (True, 2)
    assert client.events.get(applicationId=row.pk, state="new")["totalCount"] == 1
    theirs.refresh_from_db()
    assert theirs.acknowledged_at is None


def test_a_viewer_looks(api: Api) -> None:
    row = api.application()
    ids = {"applicationId": row.pk, "eventId": alarm(row, "Broker").pk}
    client = api.client(of=api.person(row, Role.VIEWER))
    assert client.event.get(**ids)["state"] == "new"
    assert refused(client.event.patch, **ids, event={"state": "acknowledged"})[0] == 403
