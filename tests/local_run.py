"""One `manage.py run`, as a person has it in a terminal: Redis, broker, listener, workers and web, all of them real."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil

from tests.installation import ROOT, Installation
from tests.servers.processes import free_port, wait_until


class LocalRun:
    """One `manage.py run` in a session of its own, as from a terminal."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.web, self.broker = free_port(), free_port()
        numbers = {"PORT": str(self.web), "DEMO_BROKER_PORT": str(self.broker), "PYTHONUNBUFFERED": "1"}
        self.place = Installation(folder, **numbers, **settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._output = folder / "output"

    @property
    def password(self) -> str:
        """Password of the admin that the first start made."""
        return (self.place.folder / "admin-password").read_text().strip()

    def start(self) -> str:
        """Start; returns what was printed until all was up."""
        command = [sys.executable, str(ROOT / "manage.py"), "run"]
        with self._output.open("wb") as file:
            self._process = subprocess.Popen(
                command, env=self.place.environment, stdout=file, stderr=file, start_new_session=True, cwd=ROOT
            )
        wait_until(lambda: "Ctrl-C stops" in self.output() or self.ended(), 100, "the run being up")
        assert not self.ended(), self.output()
        return self.output()

    def output(self) -> str:
        """Return what it printed so far."""
        return self._output.read_text()

    def ended(self) -> bool:
        """Say whether it ended by itself or was stopped."""
        return self._process is not None and self._process.poll() is not None

    def processes(self) -> dict[str, psutil.Process]:
        """Return all descendants by a word of their command line."""
        words = ("supervisord", "valkey", "broker", "listener-control", "-Q drain", "-Q tasks", "gunicorn")
        assert self._process is not None
        found = {}
        for process in psutil.Process(self._process.pid).children(recursive=True):
            line = " ".join(process.cmdline())
            found.update({word: process for word in words if word in line and word not in found})
        return found

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal; returns the exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(100)

    def kill(self) -> None:
        """Kill the run itself and nothing else, as the system would when memory is short."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
