"""A whole look: rules, facts from database and Redis, alarms, and who sees to it that they are told."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from integrations.models import Integration, LedgerHour
from tests import factories
from tests.lamp import CONFIG, lamp  # noqa: F401  (a fixture)
from tests.servers.redis import RedisServer
from wegnology.applications.models import Application
from wegnology.applications.usage import Amount, Bucket, add, lock
from workflows.alarms.facts import Facts
from workflows.alarms.gathering import Gatherer
from workflows.alarms.keeping import Keeper
from workflows.alarms.watching import UNTAKEN, hold, let_go, look, send_out
from workflows.models import Alarm, AlarmNotice

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lamp")]


def twice(now: datetime | None = None) -> list[tuple[str, str]]:
    """Look twice; return kinds and subjects of what is open."""
    now = now or timezone.now()
    gatherer, keeper = Gatherer(), Keeper()
    for at in range(2):
        look(gatherer, keeper, now + timedelta(seconds=30 * at))
    return sorted(Alarm.objects.filter(cleared_at__isnull=True).values_list("kind", "subject_name"))


def a_lamp(of: Application, name: str = "Lamp") -> Integration:
    return factories.integration(of, name=name, integration_type="lamp", config=CONFIG, topics=("one",))


def facts_of(application: Application) -> Facts:
    (found,) = Gatherer().gather([application.pk], timezone.now())
    return found


def test_where_all_is_well_nothing_is_said(redis_here: RedisServer) -> None:
    plant = factories.application()
    a_lamp(plant)
    plant.alarm_rules.filter(kind="notRunning").update(enabled=False)  # no process runs here
    assert twice() == []


def test_a_payload_limit_is_told(redis_here: RedisServer) -> None:
    plant = factories.application()
    plant.payload_limit = 100
    plant.save()
    bucket = Bucket(plant.pk, timezone.now().astimezone(UTC).date())
    lock([bucket])
    add({bucket: Amount(90, 0)})
    assert ("payloadLimit", "Plant") in twice()


def test_messages_that_became_fewer_are_told(redis_here: RedisServer) -> None:
    plant = factories.application()
    row = a_lamp(plant)
    now = timezone.now().replace(minute=30)
    Integration.objects.filter(pk=row.pk).update(created_at=now - timedelta(days=30))
    last = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    LedgerHour.objects.bulk_create(
        LedgerHour(integration_id=row.pk, hour=last - timedelta(hours=at), counts={"messages": 100 if at else 3})
        for at in range(24 * 7 + 1)
    )
    assert ("rateFell", "Lamp") in twice(now)


def test_without_redis_it_is_said_that_nothing_runs(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    plant = factories.application()
    a_lamp(plant)
    plant.alarm_rules.filter(kind="notRunning").update(threshold=0)
    assert twice() == [("notRunning", "Plant")]
    assert "Redis cannot be reached" in Alarm.objects.get().cause


def test_a_rule_about_one_integration_says_nothing_of_others(redis_here: RedisServer) -> None:
    plant = factories.application()
    one, other = a_lamp(plant, "One"), a_lamp(plant, "Other")
    plant.alarm_rules.exclude(kind="rateFell").delete()
    plant.alarm_rules.update(integration=one)
    now = timezone.now().replace(minute=30)
    Integration.objects.update(created_at=now - timedelta(days=30))
    last = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    LedgerHour.objects.bulk_create(
        LedgerHour(integration_id=row.pk, hour=last - timedelta(hours=at), counts={"messages": 50})
        for row in (one, other)
        for at in range(1, 24 * 7 + 1)
    )
    assert twice(now) == [("rateFell", "One")]


def test_a_look_costs_the_same_for_many(redis_here: RedisServer) -> None:
    def cost(count: int) -> int:
        plant = factories.application(f"P{count}")
        for at in range(count):
            a_lamp(plant, f"Lamp {at}")
        with CaptureQueriesContext(connection) as queries:
            facts_of(plant)
        return len(queries)

    assert cost(1) == cost(12)


def test_one_watches_at_a_time() -> None:
    now = timezone.now()
    assert hold("one", now)
    assert hold("one", now)
    assert not hold("two", now)
    assert hold("one", now + timedelta(seconds=50))
    assert not hold("two", now + timedelta(seconds=80))
    assert hold("two", now + timedelta(seconds=120))
    assert not hold("one", now + timedelta(seconds=120))
    let_go("two")
    assert hold("one", timezone.now() + timedelta(milliseconds=1))


def test_it_is_told_here_only_where_asking_does_not_help() -> None:
    plant, now = factories.application(), timezone.now()
    rule = plant.alarm_rules.get(kind="refused")
    about = {"subject_kind": "integration", "subject_id": "b" * 24, "subject_name": "Broker"}
    said = {"first_cause": "Bad.", "cause": "Bad.", "opened_at": now, "updated_at": now}
    alarm = Alarm.objects.create(application=plant, rule=rule, kind=rule.kind, **about, **said)
    AlarmNotice.objects.create(alarm=alarm, rule=rule, channel="mail", occasion="opened", due_at=now)
    asked: list[str] = []
    told: list[str] = []
    send_out(now, asked.append, told.append)
    assert (asked, told) == ([rule.pk], [])
    send_out(now + UNTAKEN, asked.append, told.append)
    assert (asked, told) == ([rule.pk], [rule.pk])

    def away(_rule_id: str) -> None:
        raise ConnectionError("the queue is away")

    send_out(now, away, told.append)
    assert told == [rule.pk, rule.pk]
