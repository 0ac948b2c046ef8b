"""Each type under each fault of its source, through real processes. `make faults` runs it."""

import time
from collections.abc import Iterator

import pytest

from integrations.runtime.status import ConnectionState, Status
from tests.fault_course import CALM
from tests.faults.course import FAULTS, HEARD, Course, undergo
from tests.faults.sources import PLACES, Place, environment
from tests.stack import SPEED, Stack, running

TYPES = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in PLACES]
pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.losses, pytest.mark.timeout(480)]
SLOW_SECONDS = 8.0


@pytest.fixture(scope="module", params=TYPES)
def type_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def place(type_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with PLACES[type_name](tmp_path_factory.mktemp("source")) as place:
        yield place


@pytest.fixture(scope="module")
def hub(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, type_name: str, place: Place
) -> Iterator[Stack]:
    """One hub for all faults of a type: each must leave it whole for the next."""
    settings = {**SPEED, **environment(type_name, place)}
    with running(Stack(tmp_path_factory.mktemp("hub"), supervised=True, environment=settings), request) as hub:
        yield hub


@pytest.fixture(autouse=True)
def _calm(place: Place) -> Iterator[None]:
    yield
    place.thaw()
    place.fault("none")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_in_time_and_loses_nothing_that_can_wait(hub: Stack, place: Place, fault: str) -> None:
    undergo(hub, place.source(), fault)


def test_a_slow_way_is_no_loss_and_no_lie(hub: Stack, place: Place) -> None:
    """Bytes trickle. Whether it stays connected depends on its protocol's patience; what is said of it must be true."""

    def trickle(course: Course) -> None:
        place.fault("slow")
        until = time.monotonic() + SLOW_SECONDS
        while time.monotonic() < until:
            status = course.status()
            assert status.live or status.latest_cause, status
            time.sleep(0.5)
        place.fault("none")
        course.wait_live()

    Course(hub, place.source()).go_through(trickle)


def test_a_listener_that_is_killed_turns_its_rows_to_unknown_by_itself(hub: Stack, place: Place) -> None:
    def kill(course: Course) -> None:
        listener = next(process for process in hub.processes if process.role == "listener")
        listener.wanted = False
        listener.kill()
        hub.wait(lambda: course.status().state == "unknown", HEARD, "its rows being unknown")
        assert course.status().latest_cause == "No listener process holds this integration."
        listener.start()
        course.wait_live()

    Course(hub, place.source()).go_through(kill)


def test_one_that_is_lost_again_and_again_is_shown_as_flapping(hub: Stack, place: Place) -> None:
    def flap(course: Course) -> None:
        for _ in range(3):
            course.wait_live()
            time.sleep(1.0)  # requests under way, where a type has any
            losses = len(course.status().losses)
            place.fault("drop")
            hub.wait(lambda losses=losses: len(course.status().losses) > losses, 40, "the loss")  # type: ignore[misc]
            place.fault("none")
        course.wait_live()
        assert course.status().flapping >= 3

    Course(hub, place.source()).go_through(flap)


def test_redis_without_memory_is_told_and_loses_nothing(hub: Stack, place: Place) -> None:
    def fill(course: Course) -> None:
        before = str(hub.client.config_get("maxmemory")["maxmemory"])
        hub.client.config_set("maxmemory", 1)
        try:
            hub.wait(lambda: tells(course.status(), "no memory left"), HEARD, "the status telling")
            course.load.wait(8 * CALM)
            assert tells(course.status(), "no memory left"), course.status()
        finally:
            hub.client.config_set("maxmemory", before)
        course.wait_live()

    Course(hub, place.source()).go_through(fill)


def test_a_full_disk_is_told_and_loses_nothing(hub: Stack, place: Place) -> None:
    """Of Redis, which then stores nothing, and of the processes, which then cannot write to their database."""

    def fill(course: Course) -> None:
        hub.client.config_set("appendfsync", "everysec")  # else Redis ends itself, which is another test
        for process in hub.processes:
            process.fill_disk(True)
        hub.redis.fill_disk(True)
        try:
            hub.wait(lambda: tells(course.status(), "is its disk full?"), HEARD, "the status telling")
            course.load.wait(8 * CALM)
            assert tells(course.status(), "is its disk full?"), course.status()
        finally:
            hub.redis.fill_disk(False)
            for process in hub.processes:
                process.fill_disk(False)
        hub.wait(lambda: not tells(course.status(), "is its disk full?"), 30, "Redis storing again")
        hub.client.config_set("appendfsync", "always")
        course.wait_live()

    Course(hub, place.source()).go_through(fill)


def test_redis_that_ends_on_a_full_disk_is_told_and_loses_nothing(hub: Stack, place: Place) -> None:
    def fill(course: Course) -> None:
        hub.redis.fill_disk(True)
        hub.wait(lambda: not hub.redis.alive, HEARD, "Redis ending itself")
        course.load.wait(2 * CALM)
        hub.redis.start()
        course.wait_live()

    Course(hub, place.source()).go_through(fill)


def tells(status: Status, text: str) -> bool:
    """Say whether a person who looks at the status is told, and not that all is well."""
    return status.state in (ConnectionState.DEGRADED, ConnectionState.UNKNOWN) and text in " ".join(
        [status.latest_cause, *status.problems]
    )
