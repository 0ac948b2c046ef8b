"""The runtime's parts beside a real Redis, with the fake integration type in place of a protocol."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django import Settings

from integrations.live import outage
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
    outage.over()  # an earlier test may have been without Redis
    settings.PARTITIONS = 4
    with redis_here.client() as client:
        yield Hub(client)


@pytest.fixture
def drains(redis_here: RedisServer, settings: Settings) -> Callable[[], list[int]]:
    """Call it for the partitions for which a worker was asked."""
    prefix = settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"]

    def asked() -> list[int]:
        with redis_here.client() as client:
            found: Any = client.lrange(f"{prefix}drain", 0, -1)
        return [json.loads(base64.b64decode(json.loads(message)["body"]))[0][0] for message in reversed(found)]

    return asked


@pytest.fixture
def own_redis(settings: Settings) -> Iterator[RedisServer]:
    """A Redis of the test's own, to be stopped and started at will."""
    with RedisServer() as server:
        settings.REDIS_URL = server.url
        settings.REDIS_PREFIX = "own"
        settings.PARTITIONS = 4
        yield server
