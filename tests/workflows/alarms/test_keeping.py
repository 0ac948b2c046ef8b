"""How alarms open, repeat and end, with a clock that is handed in."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests import factories
from wegnology.applications.audit import Actor
from wegnology.applications.models import Application
from wegnology.applications.records import AuditEntry
from workflows.alarms.facts import Subject
from workflows.alarms.keeping import Keeper, acknowledge, open_alarms
from workflows.alarms.kinds import KINDS, Doubt, Finding, Verdict
from workflows.models import Alarm, AlarmNotice, AlarmRule

pytestmark = pytest.mark.django_db

START = datetime(2026, 5, 4, 12, tzinfo=UTC)
BROKER = Subject("integration", "b" * 24, "Broker")
DOWN = Finding(BROKER, "It is down.")


@pytest.fixture
def plant() -> Application:
    """An application with its default rules."""
    return factories.application()


class Story:
    """Looks at one rule, every 30 seconds."""

    def __init__(self, plant: Application, **fields: object) -> None:
        self.rule = AlarmRule.objects.get(application=plant, kind="refused")
        for name, value in {"emails": ["ops@example.com"], **fields}.items():
            setattr(self.rule, name, value)
        self.rule.save()
        self.keeper, self.now = Keeper(), START

    def look(self, *verdicts: Verdict, times: int = 1) -> "Story":
        for _ in range(times):
            self.keeper.keep([(self.rule, verdicts)], self.now)
            self.now += timedelta(seconds=30)
        return self

    def told(self, channel: str = "mail") -> list[str]:
        """Take what is due, as if it was told."""
        due = AlarmNotice.objects.filter(channel=channel, due_at__lte=self.now).order_by("due_at", "pk")
        found = list(due.values_list("occasion", flat=True))
        due.delete()
        return found


def test_a_new_application_has_a_rule_of_each_kind_that_tells_nobody(plant: Application) -> None:
    rules = list(plant.alarm_rules.all())
    assert {rule.kind for rule in rules} == set(KINDS)
    assert not any(rule.emails or rule.calls for rule in rules)


def test_what_was_seen_once_is_no_alarm(plant: Application) -> None:
    Story(plant).look(DOWN).look().look(DOWN).look()
    assert not Alarm.objects.exists()


def test_what_was_seen_twice_is_one_alarm_and_told_once(plant: Application) -> None:
    story = Story(plant).look(DOWN, times=10)
    alarm = Alarm.objects.get()
    assert (alarm.subject_name, alarm.cause, alarm.opened_at) == ("Broker", "It is down.", START + timedelta(seconds=30))
    assert story.told() == ["opened"]
    assert story.told("workflows") == ["opened"]
    assert list(open_alarms([plant])) == [alarm]


def test_it_is_over_when_it_was_away_for_two_minutes(plant: Application) -> None:
    story = Story(plant).look(DOWN, times=2).look(times=4)
    assert Alarm.objects.get().cleared_at is None
    story.told()
    story.look()
    assert Alarm.objects.get().cleared_at
    assert story.told() == ["over"]


def test_what_is_doubtful_neither_opens_nor_ends(plant: Application) -> None:
    story = Story(plant).look(Doubt(), times=5)
    assert not Alarm.objects.exists()
    story.look(DOWN, times=2).look(Doubt(BROKER.id), times=10)
    assert Alarm.objects.get().cleared_at is None
    story.look().look(Doubt(), times=10).look(times=4)
    assert Alarm.objects.get().cleared_at is None  # two minutes without a doubt


def test_what_flaps_is_one_alarm_and_told_every_ten_minutes_at_most(plant: Application) -> None:
    story = Story(plant, tell_over=False)
    told = []
    for _ in range(8):  # 32 minutes
        story.look(DOWN, times=3).look(times=5)
        told += story.told()
    alarm = Alarm.objects.get()
    assert alarm.times == 8
    assert told.count("opened") <= 4


def test_it_is_repeated_until_somebody_acknowledges(plant: Application) -> None:
    story = Story(plant, repeat_minutes=5).look(DOWN, times=2)
    assert story.told() == ["opened"]
    story.look(DOWN, times=10)
    assert story.told() == ["repeated"]
    story.look(DOWN, times=11)
    assert acknowledge(open_alarms([plant]), Actor("user", "1", "ann")) == 1
    assert story.told() == []  # what was on its way is taken back
    story.look(DOWN, times=30)
    assert story.told() == []
    assert Alarm.objects.get().acknowledged_by == "ann"
    assert AuditEntry.objects.get(action="acknowledged").actor_name == "ann"
    assert acknowledge(open_alarms([plant])) == 0
    story.look(times=6)
    assert story.told() == ["over"]


def test_repeats_wait_for_what_could_not_be_told(plant: Application) -> None:
    story = Story(plant, repeat_minutes=1).look(DOWN, times=20)
    assert story.told() == ["opened"]


def test_a_rule_that_is_switched_off_ends_its_alarms_without_a_word(plant: Application) -> None:
    story = Story(plant).look(DOWN, times=2)
    story.keeper.keep([], story.now)
    assert Alarm.objects.get().cleared_at
    assert story.told() == []


def test_a_look_costs_the_same_for_a_thousand(plant: Application) -> None:
    def cost(count: int, rule: AlarmRule) -> int:
        found = [Finding(Subject("integration", f"{at:024}", f"B{at}"), "Down.") for at in range(count)]
        keeper = Keeper()
        keeper.keep([(rule, found)], START)
        with CaptureQueriesContext(connection) as queries:
            keeper.keep([(rule, found)], START)
        return len(queries)

    one, many = plant.alarm_rules.get(kind="silent"), plant.alarm_rules.get(kind="degraded")
    assert cost(100, many) <= cost(1, one) + 1
    assert Alarm.objects.count() == 101
