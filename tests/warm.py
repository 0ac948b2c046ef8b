"""Python programs in processes of their own that start quickly: forked from one that has the large packages loaded.

Loading them takes most of the time of a start, and tests start a hundred. The project's own modules and its settings are
read anew in each process. That the hub also starts from nothing is for `test_local.py`.
"""

import multiprocessing
import os
import runpy
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from subprocess import TimeoutExpired
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent

LOADED = [
    *("azure.eventhub", "azure.eventhub._pyamqp.aio", "azure.eventhub._pyamqp._decode", "azure.eventhub._common"),
    *("boto3", "boto3.session", "botocore.client", "botocore.httpsession", "s3transfer.manager", "requests"),
    *("celery", "celery.bin.celery", "celery.bin.worker", "celery.worker.worker", "celery.concurrency.thread"),
    *("kombu.transport.redis", "redis", "redis.asyncio", "hiredis", "opentelemetry.sdk.metrics", "psutil"),
    *("django.core.management", "django.core.handlers.wsgi", "django.db.models", "django.test", "django.contrib.admin.utils"),
    *(
        "django.forms",
        "django.template.loader",
        "django.db.migrations.executor",
        "django.views.generic",
        "django.contrib.postgres.forms",
    ),
    *("psycopg", "sqlparse", "pydantic", "pydantic.json_schema", "cryptography.x509", "cryptography.fernet", "jsonschema"),
    *("environ", "orjson", "paho.mqtt.client", "websocket", "sseclient", "uvloop", "h11", "regex", "croniter", "yaml"),
    *("dotpromptz_handlebars", "prometheus_client", "pygments", "whitenoise", "click", "asyncio", "unittest.mock"),
]
"""What is loaded before: nothing of the project, nothing that asks for Django's settings, nothing that has threads."""


class Program(NamedTuple):
    """A module to be run as a program, in which surroundings."""

    module: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    output: Path
    """File to whose end everything printed goes."""
    errors: Path | None = None
    """File for what goes to standard error, if it is to be apart."""


_one_at_a_time = threading.Lock()
"""Starting looks at the processes of all threads, and a status can be read once only."""


class WarmProcess:
    """A running program; its methods are those of `subprocess.Popen`."""

    def __init__(self, program: Program) -> None:
        self._process: ForkServerProcess = _context().Process(target=_become, args=(program,), daemon=True)
        with _one_at_a_time:
            self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Return the exit status, negative for the number of a signal; None while it runs."""
        with _one_at_a_time:
            return self._process.exitcode

    def wait(self, seconds: float | None = None) -> int:
        """Wait for the end; raises `subprocess.TimeoutExpired`."""
        wait([self._process.sentinel], seconds)
        status = self.poll()
        if status is None:
            raise TimeoutExpired(self._process.name, seconds or 0.0)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    return context


def _become(program: Program) -> None:
    os.setsid()
    os.chdir(program.folder)
    os.environ.clear()
    os.environ.update(program.environment)
    _print_to(program.output, 1)
    _print_to(program.errors or program.output, 2)
    sys.argv = [program.module, *(word.replace("$$", str(os.getpid())) for word in program.arguments)]
    sys.path.insert(0, str(ROOT))
    runpy.run_module(program.module, run_name="__main__", alter_sys=True)


def _print_to(path: Path, number: int) -> None:
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(file, number)
    os.close(file)
