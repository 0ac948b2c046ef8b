"""A worker's engine with real parts: a real Redis, a real catalog, steps that the test steers."""

from typing import Any

import pytest

from integrations.runtime import scripts
from integrations.runtime.keys import partition_of, prefix
from tests.fakes import FarEnd
from tests.integrations.runtime.hub import Hub, quick, stored
from tests.servers.processes import wait_until
from tests.workflows.harness import Worker, World, noting, put, source

pytestmark = pytest.mark.django_db(transaction=True)


def test_each_event_is_run_once_while_more_arrive(hub: Hub, far_ends: dict[str, FarEnd], world: World) -> None:
    row = source()
    noting(row)
    with Worker(quick()) as worker:
        put(hub, row, [0])
        worker.take(row)
        script = hub.client.register_script(scripts.append.text)
        for first in range(1, 3001, 100):
            with hub.client.pipeline(transaction=False) as pipe:
                for number in range(first, first + 100):
                    group: list[Any] = [partition_of(row.pk), "*", row.pk, "W", stored(number)]
                    script(args=[prefix(), "", 0, 10_000, 10_000_000, 0, 1, *group], client=pipe)
                pipe.execute()
        wait_until(lambda: hub.line(row.pk).finished == 3001)
    assert world.numbers() == list(range(3001))
