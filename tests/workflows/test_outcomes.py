"""What a worker tells the message inspector: which workflows ran, how each ended, what took how long."""

import time
from typing import Any

import orjson
import pytest

from integrations.runtime.keys import key
from tests.integrations.runtime.hub import Hub, quick, stored
from tests.servers.processes import wait_until
from tests.workflows.harness import Worker, World, noting, source

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("far_ends")]


def outcomes(hub: Hub, source_id: str) -> list[dict[str, Any]]:
    return [orjson.loads(text) for text in hub.client.lrange(key("outcomes", source_id), 0, -1)]


def test_every_end_is_told_with_its_runs_and_times(hub: Hub, world: World) -> None:
    row = source()
    well, ill = noting(row, note="a"), noting(row, note="b", fail="too hot", fail_numbers=[2])
    hub.append(row.pk, [stored(1), stored(2)], "*")
    with Worker() as worker:
        worker.take(row)
        wait_until(lambda: len(outcomes(hub, row.pk)) == 2)
    first, second = sorted(outcomes(hub, row.pk), key=lambda one: str(one["o"]))
    assert (first["o"], second["o"]) == ("finished", "parked:failed")
    assert {run[0]: run[2] for run in second["f"]} == {well.pk: "", ill.pk: "Unwell: too hot"}
    assert {run[2] for run in first["f"]} == {""}
    assert first["b"] <= first["e"] <= time.time() * 1000
    assert first["q"] >= 0
    assert first["w"] == 0


def test_what_the_throttle_held_back_says_so(hub: Hub, world: World) -> None:
    row = source(throttle_per_second=5.0)
    noting(row)
    hub.append(row.pk, [stored(number) for number in range(4)], "*")
    with Worker(quick(throttle_burst=1)) as worker:
        worker.take(row)
        wait_until(lambda: len(outcomes(hub, row.pk)) == 4)
    waits = [one["w"] for one in outcomes(hub, row.pk)]
    assert waits[0] == 0
    assert waits == sorted(waits)
    assert waits[-1] > 0
