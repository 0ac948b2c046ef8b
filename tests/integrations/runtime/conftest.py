"""The runtime's parts beside a real Redis, with the fake integration type in place of a protocol."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.fakes import FarEnd, fake_types
from tests.integrations.runtime.hub import Hub
from tests.servers.redis import RedisServer


@pytest.fixture
def far_ends() -> Iterator[dict[str, FarEnd]]:
    """Make the fake type known; far ends by integration id."""
    with fake_types() as ends:
        yield ends


@pytest.fixture
def hub(redis_here: RedisServer, settings: Settings) -> Iterator[Hub]:
    """Redis as the runtime uses it, with few partitions."""
    settings.PARTITIONS = 4
    with redis_here.client() as client:
        yield Hub(client)


@pytest.fixture
def own_redis(settings: Settings) -> Iterator[RedisServer]:
    """A Redis of the test's own, to be stopped and started at will."""
    with RedisServer() as server:
        settings.REDIS_URL = server.url
        settings.REDIS_PREFIX = "own"
        settings.PARTITIONS = 4
        yield server
