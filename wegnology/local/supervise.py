"""One supervisor over Redis, the broker and the processes of the Procfile: it starts again whatever dies.

It runs in a session of its own, so that Ctrl-C in the terminal reaches only `manage.py run`, which then stops everything in
order: what started last stops first, each when the one before has ended.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import xmlrpc.client
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from supervisor.xmlrpc import SupervisorTransport

from wegnology.local import launch
from wegnology.local.exceptions import CannotStart
from wegnology.local.ports import wait_until

STOP_SECONDS = 30
"""How long one process may take to stop before it is killed."""

_SOCKET_PATH_LIMIT = 100  # bytes; the system's own limit is 104 to 108

_HEAD = """\
[supervisord]
nodaemon = true
umask = 077
logfile = {log}/supervisord.log
logfile_maxbytes = 5MB
logfile_backups = 2
pidfile = {pid_file}
childlogdir = {log}

[unix_http_server]
file = {socket}
chmod = 0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""

_PROGRAM = """
[program:{name}]
command = {command}
priority = {priority}
autostart = {autostart}
autorestart = true
startsecs = 1
startretries = 1000000
stopwaitsecs = {stop_seconds}
stopsignal = TERM
killasgroup = true
redirect_stderr = true
stdout_logfile = {log}/{name}.log
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 2
"""


class Program(NamedTuple):
    """What the supervisor keeps running. Programs of a lower priority start earlier and stop later."""

    name: str
    arguments: Sequence[str]
    priority: int
    autostart: bool = False


class Change(NamedTuple):
    """What happened to a process that nobody stopped."""

    name: str
    text: str


def procfile_programs() -> list[Program]:
    """Return the Procfile's processes; they stop in the order in which it lists them."""
    names = [name for name in launch.procfile() if name != launch.RELEASE]
    return [Program(name, [name], 100 + at) for at, name in enumerate(reversed(names))]


class Supervisor:
    """The supervisor process of one state folder."""

    def __init__(self, state: Path, programs: Sequence[Program], environment: Mapping[str, str]) -> None:
        self._folder = state / "run"
        self._log = state / "log"
        self._programs = programs
        self.environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._seen: dict[str, tuple[int, str]] = {}
        self._pid_file = self._folder / "supervisord.pid"
        self._configuration = self._folder / "supervisord.conf"
        self._socket = self._folder / "supervisor.sock"
        if len(os.fsencode(self._socket)) > _SOCKET_PATH_LIMIT:
            self._socket = Path(tempfile.gettempdir()) / f"wegnology-{os.getuid()}-{os.getpid()}.sock"

    def demand_gone(self) -> None:
        """Wait for the supervisor of a run that was killed to end; raises `CannotStart` when it does not."""
        if not wait_until(lambda: not self._runs(), 2 * STOP_SECONDS, 0.2):
            raise CannotStart(f"Processes of an earlier run are still there: end process {self._pid_file.read_text().strip()}.")

    def _runs(self) -> bool:
        try:
            pid = int(self._pid_file.read_text())
            command = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603, S607
        except (OSError, ValueError):
            return False
        return str(self._configuration) in command.stdout

    def start(self) -> None:
        """Start the supervisor and the programs that start by themselves; raises `CannotStart`."""
        for folder in (self._folder, self._log):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._configuration.write_text(self._text())
        self._launch()
        if not wait_until(self._answers, 20):
            raise CannotStart(f"The supervisor did not start; {self._log}/supervisord.log says why.")

    def _launch(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603  (our own command)
            _launcher(["--", sys.executable, "-m", "supervisor.supervisord", "-c", str(self._configuration)]),
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self._log / "supervisord.err").open("ab"),
            start_new_session=True,
        )

    def _text(self) -> str:
        parts = [_HEAD.format(log=_escape(self._log), pid_file=_escape(self._pid_file), socket=_escape(self._socket))]
        for program in self._programs:
            command = " ".join(_quote(part) for part in _launcher(program.arguments))
            values = program._asdict() | {"command": command, "autostart": str(program.autostart).lower()}
            parts.append(_PROGRAM.format(**values, stop_seconds=STOP_SECONDS, log=_escape(self._log)))
        return "".join(parts)

    def start_rest(self) -> None:
        """Start the programs that do not start by themselves."""
        with self._control() as control:
            for program in sorted(self._programs, key=lambda program: program.priority):
                if not program.autostart:
                    control.startProcess(program.name, False)

    def changes(self) -> list[Change]:
        """Return what died, or keeps dying, since the last call; starts a supervisor that was killed again."""
        if self._process is not None and self._process.poll() is not None:
            return [self._again(self._process.returncode)]
        try:
            with self._control() as control:
                infos: list[dict[str, Any]] = control.getAllProcessInfo()
        except (OSError, xmlrpc.client.Fault):  # it is starting, or stopping because somebody told it to
            return []
        return [change for info in infos if (change := self._change(info))]

    def _change(self, info: dict[str, Any]) -> Change | None:
        name, pid, state = info["name"], int(info["pid"]), str(info["statename"])
        last_pid, last_state = self._seen.get(name, (0, ""))
        self._seen[name] = (pid or last_pid, state)
        if state in ("BACKOFF", "FATAL") and state != last_state:
            return Change(name, f"does not stay up; {self._log}/{name}.log says why")
        if last_pid and pid and last_pid != pid:
            return Change(name, "died and was started again")
        return None

    def _again(self, code: int) -> Change:
        """The children of a killed supervisor stop by themselves (see `launch`); start all of it again when they are gone."""
        wait_until(lambda: not any(_alive(pid) for pid, _ in self._seen.values()), STOP_SECONDS)
        self._seen.clear()
        self.start()
        self.start_rest()
        return Change("supervisor", f"died (status {code}) and was started again with everything under it")

    def stop(self) -> None:
        """Stop everything in order and wait for it; what does not stop in time is killed."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS * (len(self._programs) + 1))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._socket.unlink(missing_ok=True)

    def _answers(self) -> bool:
        try:
            with self._control() as control:
                return bool(control.getState())
        except (OSError, xmlrpc.client.Error):
            if self._process is not None and self._process.poll() is not None:
                raise CannotStart(f"The supervisor did not start; {self._log}/supervisord.err says why.") from None
            return False

    @contextlib.contextmanager
    def _control(self) -> Iterator[Any]:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        try:
            yield xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor
        finally:
            transport.close()


def _launcher(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-I", "-S", launch.__file__, *arguments]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return pid > 0


def _escape(value: object) -> str:
    """Escape what the configuration format would expand."""
    return str(value).replace("%", "%%")


def _quote(value: str) -> str:
    return '"' + _escape(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
