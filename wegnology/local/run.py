"""What `make run` does: prepare, start in order, show that it works, watch, stop in reverse order."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

import redis
from django.conf import settings
from django.core.checks import Error, run_checks
from django.core.management import call_command
from django.db import DatabaseError, connections

from integrations.models import Integration
from integrations.runtime.reading import read_statuses
from wegnology.local import demo, ports, readings
from wegnology.local.exceptions import CannotStart
from wegnology.local.redis import EmbeddedRedis
from wegnology.local.redis import ready as redis_ready
from wegnology.local.state import only_run, write_private
from wegnology.local.supervise import Program, Supervisor, procfile_programs

Say = Callable[[str], None]
"""Shows a line to whoever started the run."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_CONNECTED_SECONDS = 90.0  # a busy machine takes long to load so many processes
_ALERT_SECONDS = 30.0
_POLL_SECONDS = 1.0


class StopAsked(BaseException):
    """A signal asked to stop while something was being set up."""


def run(say: Say) -> int:
    """Run until SIGINT, SIGTERM or SIGHUP; returns the exit code."""
    for number in _SIGNALS:
        signal.signal(number, _stop)
    os.umask(0o077)  # database, logs and keys are the owner's alone
    try:
        if settings.PRODUCTION:
            raise CannotStart("`manage.py run` is for trials and development: set WEGNOLOGY_ENV=development (`make run` does).")
        with only_run(settings.STATE_DIR):
            Run(say).through()
    except CannotStart as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except StopAsked:
        return 0
    return 0


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    """Leave whatever is under way once; further signals do not disturb the orderly stop."""
    _ignore_signals()
    raise StopAsked


def _ignore_signals() -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


class Run:
    """One run, from the first check to the last process."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._state: Path = settings.STATE_DIR
        self._password_file = self._state / "admin-password"
        self._embedded = EmbeddedRedis(self._state) if settings.REDIS_EMBEDDED else None
        self._first: demo.FirstStart | None = None

    def through(self) -> None:
        """Do everything in order; raises `CannotStart` before anything was started, `StopAsked` after all is stopped."""
        supervisor = Supervisor(self._state, self._programs(), {})
        supervisor.demand_gone()
        ports.demand_free({"PORT": settings.PORT, "DEMO_BROKER_PORT": settings.DEMO_BROKER_PORT})
        if self._embedded is not None:
            self._embedded.prepare()
            settings.REDIS_URL = self._embedded.url
        else:
            _demand_redis()
        self._prepare_database()
        supervisor.environment = self._environment()
        try:
            self._start(supervisor)
            self._watch(supervisor)
        finally:
            _ignore_signals()
            self._say("Stopping; messages under way are finished first.")
            supervisor.stop()
            self._say("Stopped.")

    def _programs(self) -> list[Program]:
        broker = ["--", sys.executable, "-m", "wegnology.local.broker", str(settings.DEMO_BROKER_PORT)]
        programs = [Program("broker", broker, 20, autostart=True), *procfile_programs()]
        if self._embedded is not None:
            programs.insert(0, Program("redis", ["--", *self._embedded.command()], 10, autostart=True))
        return programs

    def _environment(self) -> dict[str, str]:
        """Return what the processes find in their environment: ours, and what was worked out here."""
        return os.environ | {
            "WEGNOLOGY_ENV": "development",
            "WEGNOLOGY_STATE_DIR": str(self._state),
            "REDIS_URL": settings.REDIS_URL,
            "PORT": str(settings.PORT),
            "WEB_HOST": os.environ.get("WEB_HOST", ports.LOOPBACK),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(settings.BASE_DIR), os.environ.get("PYTHONPATH", "")])),
            "PYTHONUNBUFFERED": "1",
        }

    def _prepare_database(self) -> None:
        self._say("Preparing the database and the pages.")
        try:
            call_command("migrate", verbosity=0, interactive=False)
            self._follow_broker_port()
            self._first = demo.begin(self._password_file, settings.DEMO_BROKER_PORT)
        except DatabaseError as error:
            raise CannotStart(f"The database cannot be used: {error}Look at DATABASE_URL.") from error
        finally:
            connections.close_all()
        call_command("collectstatic", verbosity=0, interactive=False)

    def _follow_broker_port(self) -> None:
        file = self._state / "demo-broker-port"
        last = int(file.read_text()) if file.exists() else settings.DEMO_BROKER_PORT
        if last != settings.DEMO_BROKER_PORT:
            demo.follow_port(last, settings.DEMO_BROKER_PORT)
        write_private(file, str(settings.DEMO_BROKER_PORT))

    def _start(self, supervisor: Supervisor) -> None:
        self._say("Starting the processes.")
        supervisor.start()
        if not ports.wait_until(redis_ready, 30):
            raise CannotStart(f"The embedded Redis does not answer; {self._state}/log/redis.log says why.")
        _demand_checks()
        supervisor.start_rest()
        for name, port in (("broker", settings.DEMO_BROKER_PORT), ("web", settings.PORT)):
            if not ports.wait_until(lambda port=port: ports.answers(port), 60):  # type: ignore[misc]
                raise CannotStart(f"The process {name} does not answer on port {port}; {self._state}/log/{name}.log says why.")
        self._show_life()
        self._show_address()

    def _show_life(self) -> None:
        """Wait for the demo's connection; at the first start send readings through it and wait for the alert."""
        integration = self._first.integration if self._first else demo.living_demo(settings.DEMO_BROKER_PORT)
        if integration is None:
            return
        if not ports.wait_until(lambda: _is_connected(integration), _CONNECTED_SECONDS, 0.2):
            self._say(f"The demo's integration is not connected yet; {self._state}/log/listener.log may say why.")
        elif self._first is not None:
            alert = readings.alert_after_readings(settings.DEMO_BROKER_PORT, _ALERT_SECONDS)
            if alert is None:
                self._say(f"No alert was seen on demo/out within {_ALERT_SECONDS:.0f} s; {self._state}/log/ may say why.")
            else:
                self._say(f"Three readings were sent; the one above the threshold came out as an alert: {alert}")

    def _show_address(self) -> None:
        port, user = settings.DEMO_BROKER_PORT, demo.ADMIN
        reading = '{"device":"s1","temperature":35}'
        python = f"{'DEMO_BROKER_PORT=' + str(port) + ' ' if port != 11883 else ''}.venv/bin/python -m wegnology.local.publish"
        password = f"password {self._first.password}" if self._first else f"password in {self._password_file}"
        self._say(
            f"\nWEGnology runs at http://localhost:{settings.PORT}/admin/ (user {user}, {password})\n"
            f"  watch:   mosquitto_sub -h {ports.LOOPBACK} -p {port} -t demo/out      or  {python} --watch demo/out\n"
            f"  publish: mosquitto_pub -h {ports.LOOPBACK} -p {port} -t demo/in/s1 -m '{reading}'\n"
            f"                                                          or  {python} demo/in/s1 '{reading}'\n"
            f"Logs are in {self._state}/log. Ctrl-C stops everything."
        )

    def _watch(self, supervisor: Supervisor) -> None:
        """Show what dies and comes back, until a signal ends it."""
        while True:
            for change in supervisor.changes():
                self._say(f"{time.strftime('%H:%M:%S')} {change.name} {change.text}")
            threading.Event().wait(_POLL_SECONDS)


def _demand_redis() -> None:
    """Raise `CannotStart` when the server at REDIS_URL cannot be used."""
    try:
        answers = redis_ready()
    except (redis.RedisError, ValueError) as error:
        raise CannotStart(f"The server at REDIS_URL refuses us: {error}") from error
    if not answers:
        raise CannotStart("No Redis server answers at REDIS_URL. Start it, or unset REDIS_URL to use an embedded one.")


def _demand_checks() -> None:
    """Raise `CannotStart` when the checks of this installation find an error."""
    found = run_checks(tags=["wegnology"], include_deployment_checks=True, databases=["default"])
    errors = [message for message in found if isinstance(message, Error)]
    if errors:
        raise CannotStart("\n".join(str(message) for message in errors))


def _is_connected(integration: Integration) -> bool:
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2) as client:
            return read_statuses(client, [integration.pk])[integration.pk].live
    except redis.RedisError:
        return False
