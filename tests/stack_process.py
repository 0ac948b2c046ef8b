"""One process of the Procfile, started, killed, paused and stopped by its process id."""

import resource
import shlex
import signal
from pathlib import Path
from subprocess import TimeoutExpired

from tests.warm import ROOT, Program, WarmProcess
from wegnology.local.launch import procfile

STOP_SECONDS = 30.0


class HubProcess:
    """One process of the Procfile, its output in a file."""

    def __init__(self, role: str, number: int, folder: Path, environment: dict[str, str], celery: str = "celery") -> None:
        self.role = role
        self.log = folder / f"{role}-{number}.log"
        self._program = _program(role, celery, environment, self.log)
        self._process: WarmProcess | None = None
        self.wanted = False
        self.starts = 0

    @property
    def pid(self) -> int:
        """Process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Say whether it runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, or start it again."""
        self.wanted = True
        self.starts += 1
        self._process = WarmProcess(self._program)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Kill it as a crash would; under supervision it comes back."""
        self.signal(number)
        self._wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def fill_disk(self, full: bool) -> None:
        """Let no file of the process grow any more, as on a full disk, or let them grow again."""
        limit = 1 if full else resource.RLIM_INFINITY
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    def pause(self) -> None:
        """Stop it where it stands."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self.signal(signal.SIGCONT)

    def stop(self) -> int:
        """Stop it in order and return its exit status."""
        self.wanted = False
        if self.alive:
            self.resume()
            self.signal(signal.SIGTERM)
        return self._wait()

    def _wait(self) -> int:
        assert self._process is not None
        try:
            return self._process.wait(STOP_SECONDS)
        except TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise

    def end(self) -> None:
        """Make sure that nothing of it is left."""
        self.wanted = False
        if self.alive:
            self.kill()

    def tail(self, lines: int = 60) -> str:
        """Return the last lines that it wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""


def _program(role: str, celery: str, environment: dict[str, str], log: Path) -> Program:
    """Return the Procfile's line of a role, `env NAME=VALUE celery ARGUMENTS`, with the module that stands for Celery."""
    _, setting, _, *arguments = shlex.split(procfile()[role])
    name, _, value = setting.partition("=")
    return Program(celery, arguments, {**environment, name: value}, ROOT, log)
