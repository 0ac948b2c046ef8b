"""Debug."""

from typing import Any

import pytest

from tests.workflows.fakes import FakeRunContext
from tests.workflows.nodes import faults, run

PAYLOAD = {"data": {"a": 1}}


@pytest.mark.parametrize(
    ("config", "shown"),
    [
        ({}, ("", PAYLOAD, "verbose")),
        ({"message": "a is {{data.a}}", "property": "data", "level": "error"}, ("a is 1", {"a": 1}, "error")),
        ({"property": "no.such"}, ("", None, "verbose")),
        ({"property": " "}, ("", PAYLOAD, "verbose")),
    ],
)
def test_shows_and_changes_nothing(config: dict[str, Any], shown: tuple[str, Any, str]) -> None:
    context = FakeRunContext()
    assert run("DebugNode", config, PAYLOAD, context) == (PAYLOAD, 0)
    assert context.debugged == [shown]


def test_faults() -> None:
    assert faults("DebugNode", {"level": "loud"}) == {"level": "Input should be 'verbose', 'info', 'warn' or 'error'."}
