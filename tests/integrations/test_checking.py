"""Checks that people ask for: they end in time whatever a connector does, and the secrets of what is not saved stay sealed."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest

from integrations import check_records
from integrations.check_records import AskGone, CheckRecord, TooManyChecks
from integrations.checking import SETTINGS, check_in_thread, run_check
from integrations.connectors.base import AnyConnector, CheckStep, Finding, Phase, Source, run_phases
from integrations.exceptions import Refused
from integrations.runtime.keys import key
from integrations.runtime.snapshot import Desired
from integrations.tasks import perform
from tests import factories
from tests.fakes import CONFIG, FakeConfig, FakeConnector, fake_types
from tests.servers.redis import RedisServer
from wegnology.applications.models import Application, Global
from wegnology.lib.types import JSONObject

SECONDS = 2.0
"""Limit of a whole check in these tests."""
FAR = FakeConfig(host="far.example")
released = threading.Event()
"""Ends what blocks."""


class Checked(FakeConnector):
    """A connector whose phases the test gives."""

    phases: ClassVar[list[Phase]] = []
    ends: ClassVar[list[bool]] = []

    @classmethod
    async def check(cls, config: FakeConfig, source: Source) -> AsyncIterator[CheckStep]:
        try:
            async for step in run_phases(cls.phases, cls(config, source)):
                yield step
        finally:
            cls.ends.append(True)

    def explain(self, error: BaseException) -> str:
        return f"explained: {error}"

    def advise(self, error: BaseException) -> str:
        return "Do better."


async def fine() -> Finding:
    return Finding("found")


async def failing() -> Finding:
    raise Refused("no")


async def hanging() -> Finding:
    await asyncio.Event().wait()
    return Finding()


async def clinging() -> Finding:
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            continue


async def blocking() -> Finding:
    released.wait(30)
    return Finding()


def desired(connector: type[AnyConnector] | None, **errors: str) -> Desired:
    return Desired("a" * 24, "b" * 24, "Hall", connector, None if errors else FAR, Source("a" * 24), "", True, errors)


def checked(phases: list[Phase], seconds: float = SECONDS) -> list[CheckStep]:
    """Run a check of these phases; return how each step ended."""
    Checked.phases, Checked.ends = phases, []

    async def story() -> list[CheckStep]:
        return [step async for step in run_check(desired(Checked), seconds)]

    return final(asyncio.run(story()))


def final(steps: list[CheckStep]) -> list[CheckStep]:
    return list({step.name: step for step in steps}.values())


def states(steps: list[CheckStep]) -> list[tuple[str, str]]:
    return [(step.name, step.state) for step in steps]


class TestRunning:
    def test_all_is_well(self) -> None:
        steps = checked([Phase("one", fine), Phase("two", fine)])
        assert states(steps) == [(SETTINGS, "ok"), ("one", "ok"), ("two", "ok")]
        assert steps[1].detail == "found"

    def test_a_failed_step_is_explained_and_the_rest_skipped(self) -> None:
        steps = checked([Phase("one", failing), Phase("two", fine)])
        assert states(steps) == [(SETTINGS, "ok"), ("one", "failed"), ("two", "skipped")]
        assert (steps[1].detail, steps[1].advice) == ("explained: no", "Do better.")

    def test_what_is_not_needed_may_fail(self) -> None:
        assert states(checked([Phase("one", failing, needed=False), Phase("two", fine)]))[1:] == [
            ("one", "failed"),
            ("two", "ok"),
        ]

    def test_advice_makes_a_warning(self) -> None:
        async def soon() -> Finding:
            return Finding("ends", "Renew it.")

        assert states(checked([Phase("one", soon)]))[1:] == [("one", "warning")]

    def test_a_phase_has_its_own_limit(self) -> None:
        steps = checked([Phase("one", hanging, seconds=0.1), Phase("two", fine)], seconds=30)
        assert states(steps)[1:] == [("one", "failed"), ("two", "skipped")]
        assert steps[1].detail == "It took longer than 0.1 s."

    def test_settings_that_cannot_be_used_end_it(self) -> None:
        async def story() -> list[CheckStep]:
            return [step async for step in run_check(desired(Checked, host="globals.site has no value"))]

        [step] = asyncio.run(story())
        assert (step.name, step.state, step.detail) == (SETTINGS, "failed", "host: globals.site has no value")

    @pytest.mark.parametrize("work", [hanging, clinging], ids=["hanging", "clinging"])
    def test_the_whole_ends_in_time(self, work: Any) -> None:
        Checked.phases, Checked.ends = [Phase("one", work), Phase("two", fine)], []
        steps: list[CheckStep] = []
        assert check_in_thread(desired(Checked), steps.append, SECONDS)
        assert states(final(steps)) == [(SETTINGS, "ok"), ("one", "failed"), ("two", "skipped")]
        assert "2 s" in final(steps)[1].detail

    def test_a_connector_that_blocks_is_left_behind(self) -> None:
        Checked.phases = [Phase("one", blocking)]
        steps: list[CheckStep] = []
        try:
            assert not check_in_thread(desired(Checked), steps.append, 0.5, spare=0.2)
        finally:
            released.set()
        assert states(final(steps)) == [(SETTINGS, "ok"), ("one", "running")]

    def test_a_bug_is_a_failed_step(self, caplog: pytest.LogCaptureFixture) -> None:
        class Buggy(FakeConnector):
            @classmethod
            async def check(cls, config: FakeConfig, source: Source) -> AsyncIterator[CheckStep]:
                yield CheckStep("one", "running")
                raise ZeroDivisionError

        async def story() -> list[CheckStep]:
            return [step async for step in run_check(desired(Buggy))]

        steps = final(asyncio.run(story()))
        assert states(steps) == [(SETTINGS, "ok"), ("one", "failed"), ("Check", "failed")]
        assert "unexpected ZeroDivisionError" in caplog.text

    def test_who_stops_listening_closes_it(self) -> None:
        Checked.phases, Checked.ends = [Phase("one", hanging)], []

        async def story() -> None:
            steps = run_check(desired(Checked), 30)
            async for step in steps:
                if step.state == "running":
                    break
            await steps.aclose()

        asyncio.run(story())
        assert Checked.ends == [True]


@pytest.fixture
def plant(db: None) -> Application:
    return factories.application("Plant")


def a_record(plant: Application, **changes: Any) -> CheckRecord:
    known = {"integration_id": "a" * 24, "name": "Hall", "type_label": "Fake", "asker_id": "1", "asker": "anna"}
    return CheckRecord(application_id=plant.pk, **{**known, **changes})


def wanted(plant: Application, **config: Any) -> JSONObject:
    row: JSONObject = {"id": "a" * 24, "application_id": plant.pk, "integration_type": "fake", "topics": [], "name": "Hall"}
    return {**row, "config": {**CONFIG, **config}}


class TestRecords:
    def test_what_is_asked_is_sealed_and_taken_once(self, redis_here: RedisServer, plant: Application) -> None:
        record = a_record(plant)
        check_records.ask(record, wanted(plant, password="hunter2"))
        with redis_here.client() as client:
            assert b"hunter2" not in client.get(key("check", record.id))
            assert 0 < client.ttl(key("check", record.id)) <= 60
            taken, what = check_records.take(client, record.id)
            assert what["config"]["password"] == "hunter2"  # type: ignore[call-overload,index]
            assert taken.state == "running"
            with pytest.raises(AskGone):
                check_records.take(client, record.id)

    def test_few_at_once_for_an_application(self, redis_here: RedisServer, plant: Application) -> None:
        records = [a_record(plant) for _ in range(check_records.AT_ONCE)]
        for record in records:
            check_records.ask(record, wanted(plant))
        with pytest.raises(TooManyChecks):
            check_records.ask(a_record(plant), wanted(plant))
        with redis_here.client() as client:
            check_records.write(client, records[0].ended())
        check_records.ask(a_record(plant), wanted(plant))

    def test_the_last_one_is_found_again(self, redis_here: RedisServer, plant: Application) -> None:
        check_records.ask(a_record(plant, saved=False, integration_id="c" * 24), wanted(plant))
        record = a_record(plant)
        check_records.ask(record, wanted(plant))
        with redis_here.client() as client:
            assert check_records.read_last(client, "a" * 24) == record
            assert check_records.read_last(client, "c" * 24) is None

    def test_what_nobody_takes_or_ends_is_lost(self, redis_here: RedisServer, plant: Application) -> None:
        long_ago = check_records.now_ms() - 100_000
        forgotten = a_record(plant, asked_ms=long_ago, steps=(CheckStep("one", "waiting"),))
        died = a_record(
            plant, state="running", began_ms=long_ago, steps=(CheckStep("one", "running"), CheckStep("two", "waiting"))
        )
        with redis_here.client() as client:
            for record in (forgotten, died):
                check_records.write(client, record)
            lost = [check_records.read(client, record.id) for record in (forgotten, died)]
        assert [(one.state, [step.state for step in one.steps]) for one in lost if one] == [
            ("lost", ["skipped"]),
            ("lost", ["failed", "skipped"]),
        ]


class TestTask:
    def test_it_runs_what_was_asked(self, redis_here: RedisServer, plant: Application) -> None:
        record = a_record(plant)
        with fake_types(), redis_here.client() as client:
            check_records.ask(record, wanted(plant, host="{{globals.site}}"))
            perform(client, record.id, check_in_thread)
            found = check_records.read(client, record.id)
            assert found is not None
            assert found.state == "done"
            assert "site" in found.steps[0].detail
            assert not found.worked

    def test_templates_read_the_globals(self, redis_here: RedisServer, plant: Application) -> None:
        record = a_record(plant)
        Global.objects.create(application=plant, key="site", value="far.example")
        with fake_types(), redis_here.client() as client:
            check_records.ask(record, wanted(plant, host="{{globals.site}}"))
            perform(client, record.id, check_in_thread)
            found = check_records.read(client, record.id)
            assert found is not None
            assert found.worked
            assert states(list(found.steps)) == [(SETTINGS, "ok"), ("connect", "ok")]

    def test_what_does_not_end_is_written_down(self, redis_here: RedisServer, plant: Application) -> None:
        record = a_record(plant)

        def run(desired: Desired, report: Any) -> bool:
            report(CheckStep("one", "running"))
            report(CheckStep("two", "waiting"))
            return False

        with fake_types(), redis_here.client() as client:
            check_records.ask(record, wanted(plant))
            perform(client, record.id, run)
            found = check_records.read(client, record.id)
            assert found is not None
            assert states(list(found.steps)) == [("one", "failed"), ("two", "skipped")]

    def test_a_check_taken_by_another_is_left_alone(self, redis_here: RedisServer, plant: Application) -> None:
        with redis_here.client() as client:
            perform(client, "d" * 24, lambda desired, report: pytest.fail("nothing to run"))
