"""Random Number."""

from typing import Any

import pytest

from tests.workflows.nodes import run
from workflows.nodes.base import NodeFailed


def drawn(payload: dict[str, Any] | None = None, **config: Any) -> Any:
    return run("RandomNumberNode", {"resultPath": "x", **config}, payload or {}).payload["x"]


def test_every_number_between_the_bounds_comes() -> None:
    assert {drawn(min=1, max=6) for _ in range(500)} == {1, 2, 3, 4, 5, 6}
    assert {drawn(min="-1.5", max="0.5") for _ in range(100)} == {-1, 0}
    assert drawn({"n": 7}, min="{{n}}", max="{{n}}") == 7
    assert 0 <= drawn() <= 100


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"min": "2", "max": "1"}, "no whole number between min 2 and max 1"),
        ({"min": "{{missing}}"}, "min must be a number"),
        ({"max": "lots"}, "max must be a number"),
        ({"max": "1e300"}, "max must be a number"),
    ],
)
def test_failures(config: dict[str, Any], text: str) -> None:
    with pytest.raises(NodeFailed, match=text):
        drawn(**config)
