"""Requests that nobody thought of, made from the API's own description: no failure, every answer as described, nobody gets in."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.generation.modes import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi import checks

from integrations.live import outage
from tests.access_rows import FOREIGN, Scene, scene, snapshot
from tests.api.tokens import bearer
from tests.lamp import lamp  # noqa: F401  (a fixture)
from tests.servers.redis import RedisServer
from wegnology.pages.api import description

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.one_database,
    pytest.mark.usefixtures("lamp"),
]

PARTS = 4
QUICK, LONG = 2, 25
EXPECTED = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
NO_LIMITS = {"API_PER_MINUTE": 10**9, "API_STRANGERS_PER_MINUTE": 10**9, "LOGIN_TRIES": 10**9, "LOGIN_TRIES_PER_ADDRESS": 10**9}


@pytest.fixture
def _one_connection() -> Iterator[None]:
    """Let requests use the test's connection to the database, as Django's own test client does."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture(autouse=True)
def _described_anew(lamp: object) -> Iterator[None]:  # noqa: F811
    """Describe the API with the lamp among the types; a test before this one may have asked without it."""
    description.cache_clear()
    yield
    description.cache_clear()


@pytest.fixture
def people(redis_here: RedisServer, settings: Any, _one_connection: None) -> Scene:
    """Two applications with one of everything."""
    outage.over()
    for name, value in NO_LIMITS.items():
        setattr(settings, name, value)
    return scene()


def operations() -> list[APIOperation[Any, Any, Any, Any]]:
    """Return every operation of the description."""
    schema: Any = schemathesis.openapi.from_wsgi("/api/openapi.json", get_wsgi_application())
    return [found.ok() for found in schema.get_all_operations()]


def ask(operation: Any, words: dict[str, str], headers: dict[str, str], mode: GenerationMode, most: int) -> None:
    """Ask with made-up parameters and bodies about rows that are there; whatever it does is undone."""
    known = {name: value for name, value in words.items() if f"{{{name}}}" in operation.path}

    @given(case=operation.as_strategy(generation_mode=mode, path_parameters=known))
    @settings(
        max_examples=most,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def run(case: Any) -> None:
        with transaction.atomic():
            response = case.call(headers=headers)
            transaction.set_rollback(True)
        case.validate_response(response, checks=EXPECTED, headers=headers)

    run()


def some(part: int) -> list[APIOperation[Any, Any, Any, Any]]:
    """Return a part of the operations."""
    return operations()[part::PARTS]


@pytest.mark.parametrize("part", range(PARTS))
def test_what_fits_the_description(people: Scene, part: int) -> None:
    headers = bearer(people.people["operator"])
    for operation in some(part):
        ask(operation, people.words(people.own, ""), headers, GenerationMode.POSITIVE, QUICK)


@pytest.mark.parametrize("part", range(PARTS))
def test_what_does_not_fit_it(people: Scene, part: int) -> None:
    headers = bearer(people.people["operator"])
    for operation in some(part):
        ask(operation, people.words(people.own, ""), headers, GenerationMode.NEGATIVE, QUICK)


def test_what_belongs_to_others(people: Scene) -> None:
    """Whatever is asked about another application, nothing is told of it and nothing happens there."""
    headers = bearer(people.people["administrator"])
    before = snapshot(people.foreign)
    for operation in operations():
        if "{" not in operation.path:
            continue
        words = people.words(people.foreign, "")
        address = "/api" + operation.path.format(**words)
        answer = Client().generic(operation.method.upper(), address, "{}", content_type="application/json", headers=headers)
        assert answer.status_code == 404, operation.label
        assert FOREIGN not in answer.content.decode().replace(address, ""), operation.label
    assert snapshot(people.foreign) == before


def test_what_stands_below_another_application(people: Scene) -> None:
    """A row of others is not found through an application of one's own either."""
    headers = bearer(people.people["administrator"])
    before = snapshot(people.foreign)
    own = people.words(people.own, "")
    for operation in operations():
        if operation.path.count("{") < 2:
            continue
        words = {**people.words(people.foreign, ""), "applicationId": own["applicationId"], "orgId": own["orgId"]}
        address = "/api" + operation.path.format(**words)
        answer = Client().generic(operation.method.upper(), address, "{}", content_type="application/json", headers=headers)
        assert answer.status_code == 404, operation.label
    assert snapshot(people.foreign) == before


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("part", range(PARTS))
def test_many_requests(people: Scene, part: int, mode: GenerationMode) -> None:
    headers = bearer(people.people["operator"])
    for operation in some(part):
        ask(operation, people.words(people.own, ""), headers, mode, LONG)
