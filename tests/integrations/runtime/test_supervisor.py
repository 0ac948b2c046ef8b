"""Whole listener processes, each on a loop of its own beside the test: they hold what is configured, shared among them."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import OperationalError

from integrations.events import EventKind
from integrations.models import Integration
from integrations.runtime import chores, listener, supervisor
from integrations.runtime.keys import key, partition_of
from integrations.runtime.limits import Limits
from integrations.runtime.reading import read_statuses
from integrations.runtime.snapshot import Snapshot
from integrations.runtime.status import ConnectionState, Status
from integrations.runtime.supervisor import Supervisor
from tests.factories import application, integration
from tests.fakes import CONFIG, FakeConnector, FarEnd
from tests.integrations.runtime.hub import Hub, Inside, ids_apart, quick
from tests.servers.processes import wait_until
from tests.servers.redis import RedisServer
from wegnology.applications.models import Application, Global
from wegnology.lib.known_globals import MASK
from wegnology.lib.redis import async_client

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("drains")]

Drains = Callable[[], list[int]]


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "TICK_SECONDS", 0.1)


class SometimesAway(Snapshot):
    """A snapshot whose database may be away."""

    away = False

    def refresh(self) -> bool:
        """Load what changed, unless the database is away."""
        if self.away:
            raise OperationalError("the database is away")
        return super().refresh()


def told(hub: Hub, row: Integration) -> str:
    """Return all that was told of an integration: its status, its history and its events."""
    stored = [entry.stored for entry in hub.inbox(row.pk)]
    return str([hub.client.get(key("status", row.pk)), hub.client.lrange(key("history"), 0, -1), stored])


class Listener(Inside):
    """One listener process."""

    def __init__(self, limits: Limits, process: str = "l1") -> None:
        super().__init__(self._work)
        self.process = process
        self.snapshot = SometimesAway()
        self._limits = limits

    async def _work(self, stop: asyncio.Event) -> None:
        client = async_client()
        try:
            self.supervisor = Supervisor(client, self.process, self._limits, self.snapshot)
            await self.supervisor.run(stop)
        finally:
            await client.aclose()


@contextmanager
def listeners(*processes: str, **limits: float) -> Iterator[list[Listener]]:
    """Run listener processes of these names; ends them one after the other."""
    started = [Listener(quick(**limits), process) for process in processes]
    for each in started:
        each.__enter__()
    try:
        yield started
    finally:
        for each in started:
            each.__exit__()


def far(row: Integration) -> FarEnd:
    """Return the far end of an integration, also before it was first talked to."""
    return FakeConnector.far_ends.setdefault(row.pk, FarEnd())


def fake(of: Application | None = None, **fields: object) -> Integration:
    return integration(of or application(), integration_type="fake", **{"config": CONFIG, **fields})  # type: ignore[arg-type]


def connected(*rows: Integration) -> None:
    """Wait until these integrations are connected."""
    for row in rows:
        wait_until(lambda row=row: far(row).line is not None, what=f"a connection of {row}")  # type: ignore[misc]


def status(hub: Hub, row: Integration) -> Status:
    return read_statuses(hub.client, [row.pk])[row.pk]


def in_state(hub: Hub, row: Integration, state: ConnectionState) -> Status:
    wait_until(lambda: status(hub, row).state is state, what=f"{row} {state}")
    return status(hub, row)


def holder(hub: Hub, row: Integration) -> str:
    token = hub.client.get(key("listen", partition_of(row.pk)))
    return token.decode().partition("/")[0] if token else ""


def spread(count: int) -> list[Integration]:
    """Create integrations, each in a partition of its own."""
    of = application()
    return [fake(of, id=identifier) for identifier in ids_apart(count)]


@pytest.mark.usefixtures("far_ends")
class TestOneListener:
    """What a single process does as the configuration changes."""

    def test_what_is_configured_is_connected_and_its_messages_accepted(self, hub: Hub, drains: Drains) -> None:
        row = fake()
        with listeners("l1"):
            connected(row)
            number = far(row).publish()
            wait_until(lambda: far(row).acked == [number])
            assert hub.numbers(row.pk) == [number]
            found = in_state(hub, row, ConnectionState.CONNECTED)
            assert found.listener == "l1"
            assert found.proof_ms > 0
            wait_until(lambda: status(hub, row).last_message_ms > 0)
            wait_until(lambda: drains() == [partition_of(row.pk)])
        assert far(row).line is None

    def test_an_edit_reconnects_exactly_what_it_touches(self, hub: Hub) -> None:
        of = application(host="old.example")
        edited, templated, neighbour = fake(of), fake(of, config={"host": "{{globals.host}}", "port": 7}), fake(of)
        with listeners("l1"):
            connected(edited, templated, neighbour)
            edited.set_config({"host": "new.example", "port": 7})
            edited.save()
            wait_until(lambda: far(edited).connects == 2)
            assert far(edited).configs[-1].host == "new.example"
            Global.objects.get(application=of).delete()
            Global.objects.create(application=of, key="host", value="changed.example")
            wait_until(lambda: far(templated).configs[-1].host == "changed.example")
            fresh = fake(of)  # comes after all that was changed before
            connected(fresh, edited, templated)
            assert (far(edited).connects, far(neighbour).connects) == (2, 1)
            wait_until(lambda: len(hub.kinds(edited.pk)) == 1)  # its connect event; the edit announced nothing

    def test_a_reached_payload_limit_stops_its_application_and_no_other(self, hub: Hub) -> None:
        row, neighbour = fake(), fake()
        Application.objects.filter(pk=row.application_id).update(payload_limit=2, stop_at_limit=True)
        with listeners("l1"):
            connected(row, neighbour)
            sent = [far(row).publish(), far(row).publish()]
            wait_until(lambda: far(row).acked == sent)
            chores.write_ledger(hub.client)
            chores.judge_limits(hub.client)
            wait_until(lambda: far(row).publish(waits=False) > 0 and "limit" in hub.line(row.pk).dropped)
            number = far(row).publish()
            other = far(neighbour).publish()
            wait_until(lambda: other in far(neighbour).acked)
            assert number not in far(row).acked
            assert far(row).acked == sent
            assert far(row).connects == 1  # it is stopped, not connected anew
            Application.objects.filter(pk=row.application_id).update(payload_limit=1_000)
            chores.judge_limits(hub.client)
            wait_until(lambda: number in far(row).acked)
        assert hub.line(row.pk).balanced

    def test_an_edit_of_a_secret_reconnects(self, hub: Hub) -> None:
        row = fake()
        with listeners("l1"):
            connected(row)
            row.set_config({**CONFIG, "password": "s3cret"})
            row.save()
            wait_until(lambda: far(row).connects == 2)
            secret = far(row).configs[-1].password
            assert secret is not None
            assert secret.get_secret_value() == "s3cret"
            in_state(hub, row, ConnectionState.CONNECTED)
            assert b"s3cret" not in hub.client.get(key("status", row.pk))

    def test_a_secret_global_reconnects_what_names_it_and_shows_nowhere(self, hub: Hub) -> None:
        of = application()
        token = Global(application=of, key="token")
        token.set_value("CANARY-1", secret=True)
        token.save()
        user, neighbour = fake(of, config={"host": "{{globals.token}}.example", "password": "{{globals.token}}"}), fake(of)
        far(user).error_on_connect = ConnectionRefusedError("CANARY-1.example does not answer to CANARY-1")
        with listeners("l1"):
            cause = in_state(hub, user, ConnectionState.DISCONNECTED).latest_cause
            assert cause == f"{MASK} does not answer to {MASK}"
            far(user).error_on_connect = None
            token.set_value("CANARY-2", secret=True)
            token.save()
            wait_until(lambda: far(user).configs[-1].host == "CANARY-2.example")
            connected(user, neighbour)
            call_command("rotate_secrets", stdout=StringIO())
            before = far(user).connects
            fresh = fake(of)  # comes after all that was changed before
            connected(fresh)
            assert (far(user).connects, far(neighbour).connects) == (before, 1)
            wait_until(lambda: EventKind.FAILURE in hub.kinds(user.pk))
            assert "CANARY" not in told(hub, user)

    def test_a_missing_global_is_named_until_it_is_there(self, hub: Hub) -> None:
        of = application()
        row = fake(of, config={"host": "{{globals.broker}}"})
        with listeners("l1"):
            assert in_state(hub, row, ConnectionState.NOT_CONFIGURED).latest_cause == "host: there is no global `broker`"
            Global.objects.create(application=of, key="broker", value="far.example")
            connected(row)
            assert far(row).connects == 1

    def test_disabling_disconnects_and_enabling_connects(self, hub: Hub) -> None:
        row = fake()
        with listeners("l1"):
            connected(row)
            row.enabled = False
            row.save()
            assert in_state(hub, row, ConnectionState.DISABLED).latest_cause == "Switched off."
            assert far(row).line is None
            row.enabled = True
            row.save()
            connected(row)
            in_state(hub, row, ConnectionState.CONNECTED)

    def test_deleting_disconnects_and_drops_what_waits(self, hub: Hub) -> None:
        row, neighbour = spread(2)
        with listeners("l1"):
            connected(row, neighbour)
            far(row).publish()
            wait_until(lambda: far(row).acked == [1])
            identifier, end = row.pk, far(row)
            row.delete()
            wait_until(lambda: end.line is None)
            wait_until(lambda: hub.inbox(identifier) == [])
            assert hub.line(identifier).dropped["deleted"] >= 1
            assert far(neighbour).connects == 1

    @pytest.mark.parametrize("enabled", [True, False])
    def test_what_a_deleted_one_left_at_its_source_is_removed(
        self, hub: Hub, monkeypatch: pytest.MonkeyPatch, enabled: bool
    ) -> None:
        purged: list[tuple[str, str]] = []

        async def purge(self: FakeConnector) -> None:
            purged.append((self.source.integration_id, self.config.host))

        monkeypatch.setattr(FakeConnector, "purge", purge)
        row, other = fake(), fake(enabled=False)
        name = row.pk
        with listeners("l1"):
            connected(row)
            row.enabled = enabled
            row.save()
            in_state(hub, other, ConnectionState.DISABLED)
            in_state(hub, row, ConnectionState.CONNECTED if enabled else ConnectionState.DISABLED)
            row.delete()
            wait_until(lambda: bool(purged), what="tidying up")
            assert purged == [(name, CONFIG["host"])]

    def test_an_unusable_setting_is_named_and_nothing_is_connected_until_it_is_right(self, hub: Hub) -> None:
        of = application(port="many")
        row = fake(of, config={"host": "far.example", "port": "{{globals.port}}"})
        with listeners("l1"):
            found = in_state(hub, row, ConnectionState.NOT_CONFIGURED)
            assert list(found.errors) == ["port"]
            assert found.latest_cause.startswith("port: ")
            assert far(row).connects == 0
            entry = Global.objects.get(application=of)
            entry.value = 7
            entry.save()
            connected(row)
            assert in_state(hub, row, ConnectionState.CONNECTED).errors == {}

    def test_a_failing_connection_is_shown_with_its_cause_and_in_the_history(self, hub: Hub) -> None:
        row = fake()
        far(row).error_on_connect = ConnectionRefusedError("nobody listens")
        with listeners("l1"):
            assert in_state(hub, row, ConnectionState.DISCONNECTED).latest_cause == "nobody listens"
            wait_until(lambda: hub.client.llen(key("history")) == 1)

    def test_a_quiet_line_is_asked_for_proof_and_a_dead_one_replaced(self, hub: Hub) -> None:
        row = fake()
        with listeners("l1"):
            connected(row)
            wait_until(lambda: far(row).probes >= 2)
            far(row).error_on_probe = ConnectionResetError("dead")
            wait_until(lambda: far(row).closes == 1)
            far(row).error_on_probe = None
            wait_until(lambda: far(row).connects == 2)

    def test_a_connection_that_hangs_while_closing_costs_nobody_a_lease(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(listener, "CONNECT_PHASE_SECONDS", 3.0)
        hanging, neighbour = spread(2)
        with listeners("l1", lease_seconds=0.9):
            connected(hanging, neighbour)
            before = hub.client.get(key("listen", partition_of(neighbour.pk)))
            far(hanging).hang_on_close = True
            hanging.set_config({"host": "new.example", "port": 7})
            hanging.save()
            wait_until(lambda: far(hanging).closes == 1)
            fresh = fake()
            connected(fresh)  # others start meanwhile
            far(hanging).hang_on_close = False
            wait_until(lambda: far(hanging).connects == 2)
            assert hub.client.get(key("listen", partition_of(neighbour.pk))) == before
            assert far(neighbour).connects == 1

    def test_while_the_database_is_away_the_last_configuration_stays_in_force(self, hub: Hub) -> None:
        row = fake()
        with listeners("l1") as (only,):
            connected(row)
            only.snapshot.away = True
            row.enabled = False
            row.save()
            number = far(row).publish()
            wait_until(lambda: far(row).acked == [number])
            assert far(row).connects == 1
            only.snapshot.away = False
            in_state(hub, row, ConnectionState.DISABLED)

    def test_a_graceful_end_gives_everything_back(self, hub: Hub) -> None:
        row = fake()
        with listeners("l1"):
            connected(row)
            number = far(row).publish()
            wait_until(lambda: far(row).line is not None and not far(row).line.arrived.is_set())  # type: ignore[union-attr]
        assert holder(hub, row) == ""
        assert hub.client.zcard(key("listeners")) == 0
        assert far(row).line is None
        assert far(row).acked == [number]
        assert status(hub, row).state is ConnectionState.UNKNOWN


@pytest.mark.usefixtures("far_ends")
class TestSeveralListeners:
    """Shares, takeover, fencing."""

    def test_they_share_the_partitions_and_each_integration_has_one_connection(self, hub: Hub) -> None:
        rows = spread(4)
        with listeners("l1") as (first,):
            connected(*rows)
            with listeners("l2"):
                wait_until(lambda: sorted(holder(hub, row) for row in rows) == ["l1", "l1", "l2", "l2"])
                connected(*rows)
                for row in rows:
                    in_state(hub, row, ConnectionState.CONNECTED)
                    assert far(row).connects == far(row).closes + 1
                    assert far(row).connects == (1 if holder(hub, row) == first.process else 2)
            wait_until(lambda: {holder(hub, row) for row in rows} == {"l1"})
            connected(*rows)
        for row in rows:  # handing over announced nothing
            assert len(hub.kinds(row.pk)) == 1

    def test_a_process_that_stands_still_is_replaced_and_its_late_appends_are_refused(self, hub: Hub) -> None:
        rows = spread(4)
        with listeners("l1", "l2") as (first, _):
            wait_until(lambda: sorted(holder(hub, row) for row in rows) == ["l1", "l1", "l2", "l2"])
            connected(*rows)
            stuck = next(row for row in rows if holder(hub, row) == "l1")
            stale = far(stuck).line
            assert stale is not None
            first.freeze()
            wait_until(lambda: {holder(hub, row) for row in rows} == {"l2"})
            wait_until(lambda: far(stuck).connects >= 2)
            number = far(stuck).publish()
            wait_until(lambda: far(stuck).acked == [number])
            at = far(stuck).line
            first.thaw()
            wait_until(lambda: stale.closed, what="the stale connection closed")
            wait_until(lambda: sorted(holder(hub, row) for row in rows) == ["l1", "l1", "l2", "l2"])
            assert at is not stale
            connected(*rows)
            assert hub.numbers(stuck.pk) == [number]

    def test_a_source_that_resumes_is_told_where_to_go_on(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(FakeConnector, "resumes", True)
        row, other = spread(2)
        hub.client.hset(key("position", row.pk), "hub/0", "17:x")
        with listeners("l1"):
            connected(row, other)
            lines = [far(one).line for one in (row, other)]
            assert [dict(line.source.positions) for line in lines if line is not None] == [{"hub/0": "17:x"}, {}]

    def test_what_a_lost_lease_still_holds_is_not_acknowledged_but_sent_again(self, hub: Hub) -> None:
        row = fake()
        with listeners("l1"):
            connected(row)
            name = key("listen", partition_of(row.pk))
            hub.client.set(name, "elsewhere/token")
            number = far(row).publish()
            wait_until(lambda: far(row).line is None)
            assert (far(row).acked, hub.numbers(row.pk)) == ([], [])
            hub.client.delete(name)  # the other one is gone
            wait_until(lambda: far(row).acked == [number])
            assert hub.numbers(row.pk) == [number]


@pytest.mark.usefixtures("far_ends", "hub")
def test_lines_begin_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "TOGETHER", 4)
    monkeypatch.setattr(supervisor, "LET_CONNECT_SECONDS", 3600.0)
    of = application()
    rows = [fake(of) for _ in range(12)]
    for row in rows:
        far(row).hang_on_connect = True
    with listeners("l1") as (one,):
        wait_until(lambda: sum(far(row).connects for row in rows) >= 4, what="the first attempts")
        quiet = len(one.supervisor.lines)
    assert quiet == 4
    assert sum(far(row).connects for row in rows) == 4, "the others waited for these, and the stop did not"


@pytest.mark.usefixtures("far_ends", "hub")
def test_black_holes_do_not_hold_up_what_begins_after_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "TOGETHER", 4)
    monkeypatch.setattr(supervisor, "LET_CONNECT_SECONDS", 0.4)
    of = application()
    rows = [fake(of) for _ in range(12)]
    for row in rows[:8]:
        far(row).hang_on_connect = True
    with listeners("l1"):
        connected(*rows[8:])


@pytest.mark.usefixtures("far_ends")
def test_connections_survive_a_restart_of_redis(own_redis: RedisServer) -> None:
    rows = spread(2)
    with own_redis.client() as client:
        hub = Hub(client)
        with listeners("l1"):
            connected(*rows)
            first = far(rows[0]).publish()
            wait_until(lambda: far(rows[0]).acked == [first])
            own_redis.kill()
            began = time.monotonic()
            second = far(rows[0]).publish()
            wait_until(lambda: time.monotonic() - began > 1.0)  # longer than a lease lives
            assert far(rows[0]).acked == [first]
            own_redis.start()
            wait_until(lambda: far(rows[0]).acked == [first, second])
            assert hub.numbers(rows[0].pk) == [first, second]
            assert [far(row).connects for row in rows] == [1, 1]
