"""Server processes of the tests: as whom they run, how they are awaited and ended."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Return a port on loopback that nobody uses right now."""
    with closing(socket.socket()) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
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
