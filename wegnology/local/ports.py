"""Ports on loopback: free, busy, answering."""

import socket
import time
from collections.abc import Callable, Mapping

from wegnology.local.exceptions import CannotStart

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Return a port that nobody uses right now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Say whether a server could listen on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return not answers(port)


def answers(port: int) -> bool:
    """Say whether a server accepts connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((LOOPBACK, port)) == 0


def demand_free(ports: Mapping[str, int]) -> None:
    """Raise `CannotStart` naming each setting whose port is taken; `ports` is by name of the setting."""
    faults = []
    taken: dict[int, str] = {}
    for setting, port in ports.items():
        if port in taken:
            faults.append(f"{setting} and {taken[port]} are both {port}: give one of them another port.")
        elif not 0 < port < 65_536:
            faults.append(f"{setting}={port} is not a port: choose one from 1024 to 65535.")
        elif not is_free(port):
            faults.append(f"Port {port} is in use. Choose another one: {setting}={_free_after(port)} make run")
        taken[port] = setting
    if faults:
        raise CannotStart("\n".join(faults))


def _free_after(port: int) -> int:
    return next((other for other in range(port + 1, min(port + 100, 65_536)) if is_free(other)), 0) or free_port()


def wait_until(condition: Callable[[], bool], seconds: float, interval: float = 0.05) -> bool:
    """Wait for a condition; say whether it came true within the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval)
    return True
