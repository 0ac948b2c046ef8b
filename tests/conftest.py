"""Servers and settings that tests share. Whatever is started here is stopped here, by its process id."""

from collections.abc import Iterator

import pytest
from django.db import connections
from django.test import override_settings
from pytest_django import Settings

from tests.queues import celery_at
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer
from wegnology.lib.ids import new_id


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marks."""
    config.addinivalue_line("markers", "one_database: uses the database and runs on SQLite alone")
    config.addinivalue_line(
        "markers", "database: uses the database; `make test` runs it on SQLite and on PostgreSQL (set by itself beside django_db)"
    )


@pytest.hookimpl(tryfirst=True)  # before marks are selected
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever uses the database is a test of both kinds.

    Except whole hubs, which bring an SQLite file of their own, and walks over all pages, which ask who may, not how.
    """
    for item in items:
        on_one = item.get_closest_marker("losses") or item.get_closest_marker("one_database")
        if item.get_closest_marker("django_db") and not on_one:
            item.add_marker("database")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    tmp_path_factory: pytest.TempPathFactory, django_db_modify_db_settings_parallel_suffix: None
) -> None:
    """Give each of the processes that test side by side a database of its own.

    SQLite's is kept in a file: threads beside the test then meet the locks that they meet in operation.
    """
    database = connections["default"].settings_dict
    if database["ENGINE"].endswith("sqlite3"):
        database["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")


@pytest.fixture(autouse=True, scope="session")
def _quick_passwords() -> Iterator[None]:
    """Hash the passwords of test users quickly: the real hash is slow on purpose."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(autouse=True, scope="session")
def _static_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have a folder of static files, which a fresh clone lacks: its absence is a warning, and warnings are errors here."""
    with override_settings(STATIC_ROOT=tmp_path_factory.mktemp("static")):
        yield


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One Redis for the whole session. Tests that stop it start one of their own."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis_here(redis_server: RedisServer, settings: Settings) -> Iterator[RedisServer]:
    """The session's Redis under a prefix of the test's own, named in the settings, with Celery's queues; emptied afterwards."""
    settings.REDIS_URL = redis_server.url
    settings.REDIS_PREFIX = f"test-{new_id()}"
    with celery_at(redis_server.url):
        yield redis_server
    redis_server.flush()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL for the whole session; a test makes a database of its own in it."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.stop()
