"""What the sweeper does, and that one process at a time does it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from django.db import OperationalError
from pytest_django import Settings

from integrations.models import LedgerHour, StatusChange
from integrations.runtime import chores, ledger_writing
from integrations.runtime.keys import key, partition_of
from integrations.runtime.sweeper import Chore, Sweeper
from tests.factories import integration
from tests.integrations.runtime.hub import Hub, Out, ids_apart, stored
from tests.servers.processes import wait_until

Drains = Callable[[], list[int]]


class TestWorkers:
    """Work without a worker is asked for and noted."""

    def test_work_without_a_worker_is_asked_for_once_in_a_while(self, hub: Hub, drains: Drains) -> None:
        waiting, held, _idle = ids_apart(3)
        hub.append(waiting, [stored()], "*")
        hub.client.delete(key("asked", partition_of(waiting)))  # the task of the append was lost
        hub.append(held, [stored()], "*")
        hub.hold("run", held)
        chores.ask_for_workers(hub.client)
        chores.ask_for_workers(hub.client)
        assert drains() == [partition_of(waiting)]
        hub.client.delete(key("asked", partition_of(waiting)))
        chores.ask_for_workers(hub.client)
        assert drains() == [partition_of(waiting)] * 2

    def test_since_when_nobody_holds_it_is_noted_until_somebody_does(self, hub: Hub, drains: Drains) -> None:
        (i,) = ids_apart(1)
        field = str(partition_of(i))
        hub.append(i, [stored()], "*")
        chores.ask_for_workers(hub.client)
        since = hub.client.hget(key("unheld"), field)
        assert abs(int(since) - time.time() * 1_000) < 10_000
        chores.ask_for_workers(hub.client)
        assert hub.client.hget(key("unheld"), field) == since
        hub.hold("run", i)
        chores.ask_for_workers(hub.client)
        assert hub.client.hgetall(key("unheld")) == {}


@pytest.mark.django_db
class TestLedger:
    """Hours on their way into the database."""

    def test_changed_hours_are_written_and_writing_again_changes_nothing(self, hub: Hub) -> None:
        i, target = ids_apart(2)
        hub.append(i, [stored(), stored()], "*", policies="Ww")
        run = hub.hold("run", i)
        hub.end(i, hub.inbox(i)[0], run, sends=[Out(target, "a")])
        for _ in range(2):
            chores.write_ledger(hub.client)
            row = LedgerHour.objects.get(integration_id=i)
            assert row.counts == {"messages": 1, "signals": 1, "received": 2, "finished": 1}
            assert LedgerHour.objects.get(integration_id=target).counts["out:queued"] == 1
            assert LedgerHour.objects.count() == 2
            hub.client.sadd(key("dirty"), hub.client.keys(key("ledger", i, "*"))[0].decode().split(":", 1)[1])
        hub.end(i, hub.inbox(i)[0], run, outcome="parked:failed")
        chores.write_ledger(hub.client)
        assert LedgerHour.objects.get(integration_id=i).counts["parked:failed"] == 1

    def test_what_could_not_be_written_is_written_later(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        (i,) = ids_apart(1)
        hub.append(i, [stored()], "*")

        def away(*_: Any, **__: Any) -> None:
            raise OperationalError("the database is away")

        with monkeypatch.context() as patch:
            patch.setattr(LedgerHour.objects, "bulk_create", away)
            with pytest.raises(OperationalError):
                chores.write_ledger(hub.client)
        chores.write_ledger(hub.client)
        assert LedgerHour.objects.get(integration_id=i).counts["received"] == 1

    def test_an_hour_that_a_dying_process_took_along_is_written_by_the_next(
        self, hub: Hub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (i,) = ids_apart(1)
        hub.append(i, [stored()], "*")

        class Killed(BaseException):
            """Stands for the end of the process: after it nothing can be put right any more."""

        def die(*_: Any, **__: Any) -> None:
            for name in ("sadd", "srem", "execute_command"):
                patch.setattr(hub.client, name, die)
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(LedgerHour.objects, "bulk_create", die)
            with pytest.raises(Killed):
                chores.write_ledger(hub.client)
        chores.write_ledger(hub.client)
        assert LedgerHour.objects.get(integration_id=i).counts["received"] == 1

    def test_hours_too_many_for_one_go_are_written_one_go_after_the_other(
        self, hub: Hub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ledger_writing, "LEDGER_ROWS", 2)
        for i in ids_apart(3):
            hub.append(i, [stored()], "*")
        chores.write_ledger(hub.client)
        assert LedgerHour.objects.count() == 2
        chores.write_ledger(hub.client)
        assert LedgerHour.objects.count() == 3


@pytest.mark.django_db
class TestHistoryAndLeftovers:
    """Transitions, old rows, and what waits for nobody."""

    def test_transitions_are_moved_into_the_database(self, hub: Hub) -> None:
        lines = [orjson.dumps({"i": "a" * 24, "t": 1_700_000_000_000 + n, "s": "failing", "c": f"cause {n}"}) for n in range(3)]
        hub.client.rpush(key("history"), *lines)
        chores.write_history(hub.client)
        chores.write_history(hub.client)
        assert [row.cause for row in StatusChange.objects.all()] == ["cause 2", "cause 1", "cause 0"]
        assert hub.client.llen(key("history")) == 0

    def test_old_history_and_hours_are_deleted(self, hub: Hub) -> None:
        old = datetime.now(UTC) - timedelta(days=31)
        for moment in (old, datetime.now(UTC)):
            StatusChange.objects.create(integration_id="a", time=moment, state="failing")
            LedgerHour.objects.create(integration_id="a", hour=moment)
        chores.trim(hub.client)
        assert (StatusChange.objects.count(), LedgerHour.objects.count()) == (1, 1)

    def test_what_waits_for_integrations_that_are_gone_is_dropped(self, hub: Hub) -> None:
        gone, sends_only = ids_apart(2)
        kept = integration()
        for i in (gone, kept.pk):
            hub.append(i, [stored()], "*")
        hub.queue(sends_only, "a")
        chores.drop_orphans(hub.client)
        assert hub.line(gone).dropped == {"deleted": 1}
        assert hub.line(kept.pk).waiting == 1
        assert hub.outbox(sends_only) == []
        assert hub.client.smembers(key("outboxes")) == set()

    def test_messages_expire_in_outboxes_after_the_setting(self, hub: Hub, settings: Settings) -> None:
        (i,) = ids_apart(1)
        settings.OUTBOX_SECONDS = 60
        hub.client.xadd(key("outbox", i), {"m": b'{"m":{"body":"old"}}'}, id=f"{int(time.time() - 61) * 1_000}-0")
        hub.queue(i, "young")
        chores.expire_outboxes(hub.client)
        assert hub.outbox(i) == ["young"]
        assert hub.sent(i) == {"dropped:expired": 1}


@pytest.mark.django_db(transaction=True)
class TestSweeper:
    """The thread around the chores."""

    def test_one_process_at_a_time_sweeps_and_another_takes_over(self, hub: Hub) -> None:
        done: list[str] = []
        first = Sweeper("test", [Chore(0.0, lambda _: done.append("first"))])
        second = Sweeper("test", [Chore(0.0, lambda _: done.append("second"))])
        first.start()
        wait_until(lambda: done == ["first"])
        second.start()
        wait_until(lambda: len(done) >= 3)
        first.stop()
        assert set(done) == {"first"}
        wait_until(lambda: done[-1] == "second")
        second.stop()
        assert hub.client.get(key("sweeper", "test")) is None

    @pytest.mark.parametrize("error", [ValueError("a bug"), OperationalError("the database is away")])
    def test_a_chore_that_fails_does_not_keep_others_from_their_turn(self, hub: Hub, error: Exception) -> None:
        done: list[float] = []

        def fail(_: object) -> None:
            raise error

        sweeper = Sweeper("test", [Chore(1.0, fail), Chore(5.0, lambda _: done.append(1))])
        for now in range(100, 111):
            sweeper.sweep(float(now))
        assert len(done) == 3
