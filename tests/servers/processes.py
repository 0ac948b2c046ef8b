"""Server processes of the tests: as whom they run, how they are awaited and ended."""

import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

LOOPBACK = "127.0.0.1"


_PORTS = range(20_000, 32_000)
"""Below what the kernel gives to outgoing connections, which would else take a port between its choice and its use."""
_chance = random.SystemRandom()  # not seeded: test processes that run side by side must not choose alike


def free_port() -> int:
    """Return a port on loopback that nobody uses right now."""
    while True:
        port = _chance.choice(_PORTS)
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port


def wait_until(condition: Callable[[], bool], seconds: float = 20, what: str = "the condition") -> None:
    """Wait for a condition; raises `TimeoutError` naming `what` when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come true within {seconds:g} s")
        time.sleep(0.02)


def accepts(port: int) -> bool:
    """Say whether a server accepts connections on the port."""
    with closing(socket.socket()) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((LOOPBACK, port)) == 0


def end(process: subprocess.Popen[bytes], seconds: float = 20) -> None:
    """Stop a process that we started, by its id: first kindly, then not."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def unprivileged(command: list[str], user: str = "nobody") -> list[str]:
    """Return the command as another user would run it, for servers that refuse to run as root."""
    if os.geteuid() != 0:
        return command
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise RuntimeError("setpriv is needed to run a server as another user: install util-linux")
    return [setpriv, f"--reuid={user}", "--clear-groups", "--", *command]


def give_away(folder: Path, user: str = "nobody") -> None:
    """Let an unprivileged server use a folder that root made."""
    if os.geteuid() == 0:
        shutil.chown(folder, user)
