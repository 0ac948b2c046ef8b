"""A web server for each module that asks over HTTP. Rows are really stored, and gone with the module."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import losant_rest
import pytest
import wegnologyrest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import override_settings

from integrations.live import outage
from tests import factories
from tests.api.server import WebServer
from tests.api.tokens import a_token, bearer
from tests.queues import celery_at
from tests.servers.redis import RedisServer
from wegnology.applications.models import Application, Role
from wegnology.lib.ids import new_id
from wegnology.lib.rest import limits

CLIENTS: dict[str, Any] = {"wegnology-rest": wegnologyrest.Client, "losant-rest": losant_rest.Client}
REFUSED: Any = (wegnologyrest.WegnologyError, losant_rest.LosantError)
PASSWORD = "tulips in the Rain 7"
_numbers = count()


@dataclass
class Api:
    """The server, and whoever asks it."""

    url: str
    operator: User
    redis: RedisServer
    made: list[Application] = field(default_factory=list)

    def application(self, name: str = "") -> Application:
        """Create an application of the test's own."""
        row = factories.application(name or f"Plant {next(_numbers)}")
        self.made.append(row)
        return row

    def person(self, of: Application | None = None, role: Role = Role.VIEWER) -> User:
        """Create a person who may log in with `PASSWORD`."""
        name = f"ann{next(_numbers)}"
        return factories.person(name, of, role, password=PASSWORD, email=f"{name}@example.com")

    def client(self, kind: str = "losant-rest", of: User | str | None = None) -> Any:
        """Return an official client with a token: of a person, or the given one; of the operator without either."""
        token = of if isinstance(of, str) else bearer(of or self.operator)["Authorization"].removeprefix("Bearer ")
        return CLIENTS[kind](auth_token=token, url=self.url)

    def token_client(self, of: Application, *scope: str, kind: str = "losant-rest") -> Any:
        """Return an official client with a token of an application."""
        return self.client(kind, a_token(of, *scope)[1])


@pytest.fixture
def _django_db_helper(request: pytest.FixtureRequest) -> None:
    """Leave tests that ask the server without a transaction of their own: the server would not see what they make."""
    if "api" not in request.fixturenames:
        request.getfixturevalue("_django_db_helper")


@pytest.fixture(scope="module")
def api(django_db_setup: None, django_db_blocker: Any, redis_server: RedisServer) -> Iterator[Api]:
    """The API over HTTP, in this process."""
    bounds = {"API_PER_MINUTE": 1_000_000, "API_STRANGERS_PER_MINUTE": 1_000_000, "LOGIN_TRIES_PER_ADDRESS": 1_000_000}
    prefix = f"test-{new_id()}"
    hosts = [*settings.ALLOWED_HOSTS, "testserver"]
    with (
        django_db_blocker.unblock(),
        override_settings(REDIS_URL=redis_server.url, REDIS_PREFIX=prefix, ALLOWED_HOSTS=hosts, **bounds),
        celery_at(redis_server.url),
    ):
        outage.over()
        limits._away_until = 0.0
        try:
            with WebServer() as server:
                yield Api(f"{server.url}/api", User.objects.create_superuser("operator"), redis_server)
        finally:
            call_command("flush", verbosity=0, interactive=False)
            redis_server.flush()


@pytest.fixture(params=list(CLIENTS))
def kind(request: pytest.FixtureRequest) -> str:
    """Each of the official clients."""
    return str(request.param)
