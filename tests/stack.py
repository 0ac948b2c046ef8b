"""A whole hub on loopback for one test module: Redis, a broker, a database file, and the Procfile's own processes.

The test process works on the hub's database and Redis through the project's own models and functions, as the web pages do.
"""

import os
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import pytest
from django.conf import settings
from django.db import connections
from django.db.utils import load_backend
from django.test import override_settings

from integrations.runtime.keys import key
from integrations.runtime.ledger import LedgerLine, read_ledger
from integrations.runtime.reading import read_statuses
from integrations.runtime.status import ConnectionState, Status
from tests.installation import Installation
from tests.servers.mosquitto import Mosquitto
from tests.servers.processes import wait_until
from tests.servers.redis import RedisServer
from tests.stack_process import HubProcess
from tests.warm import ROOT
from wegnology.lib.redis import SyncRedis, sync_client
from workflows.models import ParkedRun

PREFIX = "stack"
SPEED = {"WEGNOLOGY_THROTTLE_PER_SECOND": "1000", "WEGNOLOGY_THROTTLE_BURST": "1000"}
"""Settings for tests that are not about the throttle."""


def keeping(folder: Path) -> dict[str, str]:
    """Return the settings of a broker that keeps its sessions, and all that waits in them, through a restart."""
    return {"persistence": "true", "persistence_location": f"{folder}/", "max_queued_messages": "1000000"}


class Stack:
    """A hub. `supervised`: what died is started again a moment later, as the supervisor of an installation does."""

    def __init__(
        self,
        folder: Path,
        *,
        supervised: bool = False,
        broker: Mosquitto | None = None,
        celery: str = "celery",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.redis = RedisServer()
        self.broker = broker or Mosquitto(options=keeping(folder))
        self.processes: list[HubProcess] = []
        self._supervised = supervised
        self._environment = dict(environment or {})
        self._celery = celery
        self._exit = ExitStack()
        self._over = threading.Event()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._exit.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def _start(self) -> None:
        self._exit.enter_context(self.redis)
        self._exit.enter_context(self.broker)
        self._exit.enter_context(override_settings(REDIS_URL=self.redis.url, REDIS_PREFIX=PREFIX))
        self._exit.enter_context(_database(self.folder / "database.sqlite3"))
        self.client: SyncRedis = self._exit.enter_context(sync_client(timeout=5.0))
        self._exit.callback(self._end_processes)
        if self._supervised:
            watching = threading.Thread(target=self._supervise, name="supervise")
            watching.start()
            self._exit.callback(watching.join)
            self._exit.callback(self._over.set)

    def _end_processes(self) -> None:
        for process in self.processes:
            process.end()

    def _supervise(self) -> None:
        while not self._over.wait(0.25):
            for process in self.processes:
                if process.wanted and not process.alive:
                    process.start()

    def _environ(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": str(ROOT),
            "WEGNOLOGY_ENV": "development",
            "WEGNOLOGY_STATE_DIR": str(self.folder),
            "WEGNOLOGY_SECRET_KEYS": ",".join(settings.SECRET_KEYS),
            "DJANGO_SECRET_KEY": settings.SECRET_KEY,
            "DATABASE_URL": f"sqlite:///{self.folder / 'database.sqlite3'}",
            "REDIS_URL": self.redis.url,
            "WEGNOLOGY_REDIS_PREFIX": PREFIX,
            **self._environment,
        }

    @property
    def port(self) -> int:
        """Port of the broker."""
        return self.broker.ports["plain"]

    def start_listener(self) -> HubProcess:
        """Start a listener process."""
        return self._begin("listener")

    def start_worker(self) -> HubProcess:
        """Start a worker process."""
        return self._begin("worker")

    def _begin(self, role: str) -> HubProcess:
        process = HubProcess(role, len(self.processes), self.folder, self._environ(), self._celery)
        process.start()
        self.processes.append(process)
        return process

    def remove(self, process: HubProcess) -> None:
        """Kill a process for good."""
        process.end()
        self.processes.remove(process)

    def wait(self, condition: Callable[[], bool], seconds: float = 30, what: str = "the condition") -> None:
        """Wait for a condition; a process that ended by itself ends the wait, unless it is supervised."""

        def met() -> bool:
            dead = [p for p in self.processes if p.wanted and not p.alive]
            if dead and not self._supervised:
                raise RuntimeError(f"the {dead[0].role} ended by itself:\n{dead[0].tail()}")
            return condition()

        wait_until(met, seconds, what)

    def status(self, integration_id: str) -> Status:
        """Return what people see of an integration."""
        return read_statuses(self.client, [integration_id])[integration_id]

    def wait_state(self, state: ConnectionState, *integration_ids: str, seconds: float = 30) -> None:
        """Wait until all these integrations are in a state."""

        def there() -> bool:
            return all(status.state is state for status in read_statuses(self.client, integration_ids).values())

        self.wait(there, seconds, f"{len(integration_ids)} integrations {state}")

    def wait_connected(self, *integration_ids: str, seconds: float = 30) -> None:
        """Wait until all these integrations are connected, proof included."""
        self.wait_state(ConnectionState.CONNECTED, *integration_ids, seconds=seconds)

    def wait_quiet(self, *integration_ids: str, seconds: float = 60) -> None:
        """Wait until nothing waits in any inbox or outbox of these integrations."""

        def quiet() -> bool:
            return not any(self.client.xlen(key(box, i)) for box in ("inbox", "outbox") for i in integration_ids)

        self.wait(quiet, seconds, "empty inboxes and outboxes")

    def ledger(self, integration_id: str) -> list[LedgerLine]:
        """Return the hours of an integration, as the pages show them."""
        return read_ledger(self.client, [integration_id])[integration_id]

    def parked(self, integration_id: str) -> list[ParkedRun]:
        """Return the parked runs of an integration, oldest first."""
        return list(ParkedRun.objects.filter(integration_id=integration_id).order_by("created_at", "id"))

    def logs(self) -> Iterator[tuple[str, str]]:
        """Return the last lines of each process by its name."""
        for process in self.processes:
            yield process.log.stem, process.tail()


class _Logs:
    """Puts the processes' last lines into the report of a test that failed."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.failed:
            report.sections.extend((f"output of {name}", text) for name, text in self._stack.logs())
        return report


@contextmanager
def running(stack: Stack, request: pytest.FixtureRequest, roles: Iterable[str] = ("listener", "worker")) -> Iterator[Stack]:
    """Run a hub with these processes for as long as the context lasts; its output shows in reports of failed tests."""
    blocker = request.getfixturevalue("django_db_blocker")
    plugin = _Logs(stack)
    with blocker.unblock(), stack:
        request.config.pluginmanager.register(plugin)
        try:
            for role in roles:
                {"listener": stack.start_listener, "worker": stack.start_worker}[role]()
            stack.wait(lambda: _live(stack, roles), what="processes of the hub living")
            yield stack
        finally:
            request.config.pluginmanager.unregister(plugin)


def _live(stack: Stack, roles: Iterable[str]) -> bool:
    now = time.time() * 1000
    return all(stack.client.zcount(key(f"{role}s"), now, "+inf") for role in roles)


@cache
def _empty_database() -> bytes:
    """Return a database file with all tables and no rows; made once in a session."""
    with TemporaryDirectory() as folder:
        place = Installation(Path(folder))
        place.done("migrate", "--noinput", "--verbosity", "0")
        return (place.folder / "database.sqlite3").read_bytes()


@contextmanager
def _database(path: Path) -> Iterator[None]:
    """Let the models of this process work on a database file of the hub's; whatever they used before is put back."""
    path.write_bytes(_empty_database())
    options = {"timeout": 20, "transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL;"}
    before = connections["default"]
    changes: dict[str, Any] = {"ENGINE": "django.db.backends.sqlite3", "NAME": path, "OPTIONS": options}
    here = load_backend("django.db.backends.sqlite3").DatabaseWrapper({**before.settings_dict, **changes}, "default")
    connections["default"] = here
    try:
        yield
    finally:
        here.close()
        connections["default"] = before
