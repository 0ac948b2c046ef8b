"""Starting, stopping and measuring processes. Only what was started here is ever stopped, by its id."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


class BenchFailed(Exception):
    """The benchmark could not measure; the text says why."""


class Child:
    """A process of the benchmark, in a session of its own, with its output in a file."""

    def __init__(
        self, name: str, command: Sequence[str], folder: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(  # noqa: S603 - commands are the benchmark's own
                list(command),
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=env,
                cwd=cwd,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self.process.pid

    def tail(self, lines: int = 15) -> str:
        """Return the last lines it wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def alive(self) -> None:
        """Raise `BenchFailed` with the last lines when it has ended."""
        if self.process.poll() is not None:
            raise BenchFailed(f"{self.name} ended with {self.process.returncode}:\n{self.tail()}")

    def stop(self, seconds: float = 30.0) -> None:
        """Ask it to end, then end it with all that it started."""
        members = tree(self.pid)
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid in members[1:]:
            if self.pid in _stat(pid)[2:3]:
                os.kill(pid, signal.SIGKILL)


def _stat(pid: int) -> list[int]:
    """Return the numbers of /proc/<pid>/stat from the parent's id on ([0] parent, [1] group, [2] session); empty when gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return [int(value) for value in text[text.rindex(")") + 4 :].split()]


def tree(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    parents = {int(entry): stat[0] for entry in os.listdir("/proc") if entry.isdigit() and (stat := _stat(int(entry)))}
    members = [pid]
    for member in members:
        members.extend(child for child, parent in parents.items() if parent == member)
    return members


def cpu_seconds(pid: int) -> float:
    """Return user and system time that a process and its descendants, the ended ones too, have used."""
    ticks = 0
    for member in tree(pid):
        numbers = _stat(member)
        ticks += sum(numbers[10:14]) if numbers else 0
    return ticks * TICK_SECONDS


def pss_kb(pid: int) -> int:
    """Return the memory of a process and its descendants in KB, shared pages divided among those who share them."""
    total = 0
    for member in tree(pid):
        for line in Path(f"/proc/{member}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total


def free_port() -> int:
    """Return a TCP port of loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, condition: Callable[[], bool], seconds: float, child: Child | None = None) -> None:
    """Wait until a condition holds; raise `BenchFailed` when it does not in time or the process ended."""
    deadline = time.monotonic() + seconds
    while not condition():
        if child:
            child.alive()
        if time.monotonic() > deadline:
            raise BenchFailed(f"{what}: not within {seconds:.0f} s" + (f"\n{child.tail()}" if child else ""))
        time.sleep(0.1)


def listening(port: int) -> bool:
    """Say whether somebody accepts connections on a port of loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def connections(port: int) -> int:
    """Return how many connections the broker holds (Linux: /proc/net/tcp, state 01 is established)."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(1 for line in lines if line[1].endswith(f":{port:04X}") and line[3] == "01")
