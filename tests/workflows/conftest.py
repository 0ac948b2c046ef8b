"""What the tests of the engine's parts share with those of the runtime."""

from collections.abc import Iterator

import pytest

from tests.integrations.runtime.conftest import drains, far_ends, hub, own_redis
from tests.workflows.harness import World, step_nodes

__all__ = ["drains", "far_ends", "hub", "own_redis", "world"]


@pytest.fixture
def world() -> Iterator[World]:
    """Make the step nodes known; yields what they see."""
    with step_nodes() as seen:
        yield seen
