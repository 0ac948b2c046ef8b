"""Payloads counted once, by day and source; the monthly limit and what it stops."""

from datetime import UTC, date, datetime

import pytest

from integrations.models import LedgerHour
from integrations.runtime.hours import store
from integrations.runtime.snapshot import Snapshot
from tests import factories
from wegnology.applications import usage
from wegnology.applications.models import Application
from wegnology.applications.records import AuditEntry, UsageDay
from wegnology.applications.usage import Amount, Bucket

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TODAY = NOON.date()


@pytest.fixture
def plant() -> Application:
    """An application."""
    return factories.application("Plant")


def hour(integration_id: str, at: datetime = NOON, **counts: int) -> LedgerHour:
    """Return an hour as the ledger gives it; `dropped_limit` stands for the field of that reason."""
    named = {name.replace("_", ":"): number for name, number in counts.items()}
    return LedgerHour(integration_id=integration_id, hour=at, counts=named)


def use(application: Application, payloads: int, day: date = TODAY) -> None:
    bucket = Bucket(application.pk, day)
    usage.lock([bucket])
    usage.add({bucket: Amount(payloads, 0)})


def days() -> list[tuple[str, int, int]]:
    rows = UsageDay.objects.order_by("day", "source")
    return [(f"{row.day:%d} {row.source}", row.payloads, row.dropped) for row in rows]


class TestCounting:
    def test_hours_are_counted_once_however_often_they_are_written(self, plant: Application) -> None:
        first, second = factories.integration(plant), factories.integration(plant, name="Second")
        for messages in (5, 5, 8):
            store([hour(first.pk, messages=messages, signals=3), hour(second.pk, messages=2)])
        assert days() == [("23 integration", 10, 0)]

    def test_days_are_those_of_utc(self, plant: Application) -> None:
        row = factories.integration(plant)
        store([hour(row.pk, NOON.replace(hour=23), messages=1), hour(row.pk, NOON.replace(day=24, hour=0), messages=2)])
        assert days() == [("23 integration", 1, 0), ("24 integration", 2, 0)]

    def test_what_a_limit_turned_away_is_not_used(self, plant: Application) -> None:
        store([hour(factories.integration(plant).pk, messages=10, dropped_limit=4, dropped_full=1)])
        assert days() == [("23 integration", 6, 4)]

    def test_a_deleted_integration_keeps_what_it_used(self, plant: Application) -> None:
        row = factories.integration(plant)
        pk = row.pk
        store([hour(pk, messages=5)])
        row.delete()
        store([hour(pk, messages=7), hour("f" * 24, messages=9)])
        assert days() == [("23 integration", 7, 0)]
        assert LedgerHour.objects.get(integration_id=pk).application_id == plant.pk

    def test_the_cost_does_not_grow_with_messages_or_integrations(
        self, plant: Application, django_assert_max_num_queries: object
    ) -> None:
        rows = [factories.integration(plant, name=f"I{at}") for at in range(20)]
        with django_assert_max_num_queries(10):  # type: ignore[operator]
            store([hour(row.pk, messages=1_000) for row in rows])
        assert days() == [("23 integration", 20_000, 0)]


class TestMonth:
    def test_a_month_has_all_its_days(self, plant: Application) -> None:
        plant.payload_limit = 100
        use(plant, 30, date(2026, 2, 1))
        use(plant, 90, date(2026, 2, 28))
        use(plant, 7, date(2026, 3, 1))
        month = usage.month_of(plant, date(2026, 2, 14))
        assert (len(month.days), month.total, month.over) == (28, 120, 20)
        assert month.share == pytest.approx(1.2)
        assert month.days[date(2026, 2, 1)] == {"integration": 30}

    def test_without_a_limit_nothing_is_over(self, plant: Application) -> None:
        use(plant, 1_000_000)
        month = usage.month_of(plant, NOON.date())
        assert (month.over, month.share) == (0, None)
        assert usage.over_limit([plant], NOON.date()) == {}


class TestLimit:
    def test_a_limit_alone_stops_nothing(self, plant: Application) -> None:
        plant.payload_limit = 10
        plant.save()
        use(plant, 11)
        usage.judge_limits(NOON)
        plant.refresh_from_db()
        assert plant.stopped_until is None
        assert usage.over_limit([plant], NOON.date()) == {plant.pk: (11, 10)}

    def test_a_limit_that_stops_does_until_the_month_ends(self, plant: Application) -> None:
        Application.objects.filter(pk=plant.pk).update(payload_limit=10, stop_at_limit=True)
        use(plant, 9)
        usage.judge_limits(NOON)
        plant.refresh_from_db()
        assert plant.stopped_until is None
        use(plant, 1)
        usage.judge_limits(NOON)
        plant.refresh_from_db()
        assert plant.stopped_until == datetime(2026, 12, 1, tzinfo=UTC)
        usage.judge_limits(NOON)
        usage.judge_limits(datetime(2026, 12, 1, 0, 0, 1, tzinfo=UTC))
        plant.refresh_from_db()
        assert plant.stopped_until is None
        stops = AuditEntry.objects.filter(action__in=("stopped", "resumed")).order_by("pk").values_list("action", "actor_kind")
        assert list(stops) == [("stopped", "system"), ("resumed", "system")]

    @pytest.mark.parametrize("change", [{"payload_limit": 11}, {"payload_limit": None}, {"stop_at_limit": False}])
    def test_who_raises_the_limit_goes_on(self, plant: Application, change: dict[str, object]) -> None:
        Application.objects.filter(pk=plant.pk).update(payload_limit=10, stop_at_limit=True)
        use(plant, 10)
        usage.judge_limits(NOON)
        plant.refresh_from_db()
        for name, value in change.items():
            setattr(plant, name, value)
        plant.save()
        usage.judge_limits(NOON)
        plant.refresh_from_db()
        assert plant.stopped_until is None

    def test_an_old_copy_does_not_take_the_stop_back(self, plant: Application) -> None:
        Application.objects.filter(pk=plant.pk).update(payload_limit=0, stop_at_limit=True)
        usage.judge_limits(NOON)
        plant.save()
        plant.refresh_from_db()
        assert plant.stopped_until is not None

    @pytest.mark.django_db(transaction=True)
    def test_listeners_hear_of_it_without_a_new_revision(self, plant: Application) -> None:
        snapshot = Snapshot()
        snapshot.refresh()
        assert snapshot.stopped == frozenset()
        Application.objects.filter(pk=plant.pk).update(payload_limit=0, stop_at_limit=True)
        usage.judge_limits()
        assert not snapshot.refresh()
        assert snapshot.stopped == {plant.pk}
