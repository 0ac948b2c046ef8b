"""The product as it is deployed: its Redis, one listener and one worker, started by the lines of the Procfile."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.kinds.base import kinds
from bench.procs import BenchFailed, Child, connections, listening, wait_for
from bench.system import Ledger, Work
from wegnology.local.launch import allocating, procfile
from wegnology.local.redis import EmbeddedRedis

ROOT = Path(__file__).resolve().parent.parent
ROLES = ("listener", "worker")
UNTHROTTLED = {"WEGNOLOGY_THROTTLE_PER_SECOND": "1000000", "WEGNOLOGY_THROTTLE_BURST": "1000000"}
ROOM = {"WEGNOLOGY_OUTBOX_MESSAGES": "20000"}
"""One integration sends for all in the benchmark: its outbox must hold what is under way."""


class Ours:
    """A running installation in a state folder of its own."""

    name = "ours"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children: dict[str, Child] = {}
        self._env: dict[str, str] = {}
        self._port = 0

    def start(self, work: Work, broker_port: int) -> None:
        """Start Redis, migrate, set up the work, start listener and worker."""
        self._port = broker_port
        self._folder.mkdir(parents=True, exist_ok=True)
        self._env = self._environment(work)
        self._start_redis()
        self._run([sys.executable, str(ROOT / "manage.py"), "migrate", "--noinput", "-v", "0"])
        self._hub("setup", work.to_json(), str(broker_port))
        commands = procfile()
        environment = self._env | allocating(self._env)
        for role in ROLES:
            line = commands[role]
            self._children[role] = Child(role, ["/bin/sh", "-c", f"exec {line}"], self._folder, environment, cwd=ROOT)
        self._connected(work)

    def _environment(self, work: Work) -> dict[str, str]:
        outside = {name: value for name, value in os.environ.items() if not name.startswith(("WEGNOLOGY_", "DJANGO_", "CELERY_"))}
        mine = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "WEGNOLOGY_ENV": "development",
            "WEGNOLOGY_STATE_DIR": str(self._folder),
            "DATABASE_URL": f"sqlite:///{self._folder / 'database.sqlite3'}",
            "WEGNOLOGY_INSIGHT": str(work.insight),
        }
        own = kinds.get(work.kind).environment(work.kind_port) if work.kind else {}
        return outside | mine | own | ROOM | ({} if work.throttled else UNTHROTTLED)

    def _start_redis(self) -> None:
        redis = EmbeddedRedis(self._folder)
        redis.folder.mkdir(parents=True, exist_ok=True)
        redis.prepare()
        self._env["REDIS_URL"] = redis.url
        port = urlsplit(redis.url).port or 0
        self._children["redis"] = Child("redis", redis.command(), self._folder)
        wait_for("Redis", lambda: listening(port), 10, self._children["redis"])

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=self._env, cwd=ROOT)  # noqa: S603 - own
        if done.returncode:
            raise BenchFailed(f"{' '.join(command[1:4])} failed:\n{done.stderr[-3000:]}")
        return done.stdout

    def _hub(self, *arguments: str) -> Any:
        return json.loads(self._run([sys.executable, "-m", "bench.hub", *arguments]).splitlines()[-1])

    def _connected(self, work: Work) -> None:
        if not work.integrations:
            return
        listener = self._children["listener"]
        # The cheap look first: asking the product takes a process of its own.
        wait_for(f"{work.connections} connections", lambda: connections(self._port) >= work.connections, 120, listener)
        wait_for("every integration to be connected", lambda: self._hub("statuses") == {"connected": work.rows}, 60, listener)
        self._children["worker"].alive()

    def replace(self, work: Work) -> None:
        """Set up other work in the running installation."""
        self._hub("setup", work.to_json(), str(self._port))
        self._connected(work)

    def processes(self) -> dict[str, int]:
        """Return the process ids by role."""
        return {role: child.pid for role, child in self._children.items()}

    def ledger(self) -> Ledger | None:
        """Return the product's own books."""
        return Ledger(**self._hub("ledger"))

    def stop(self) -> None:
        """End worker, listener and Redis, in this order."""
        with ExitStack() as stack:  # last in, first out, and all of them whatever happens to one
            for role in list(self._children):
                stack.callback(self._children.pop(role).stop, 10)
