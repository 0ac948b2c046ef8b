"""`make counterparts`: what it starts, says and does."""

import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers.counterparts import COUNTERPARTS, Absent, open_doors
from tests.servers.particle import TOKEN
from tests.servers.processes import LOOPBACK, accepts, end, wait_until

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", COUNTERPARTS)
def test_every_door_leads_to_its_server(name: str) -> None:
    with ExitStack() as stack:
        try:
            doors = open_doors(name, stack)
        except Absent as reason:
            pytest.skip(f"{name}: {reason}")
        assert len({one.door.name for one in doors}) == len(doors) > 0
        for one in doors:
            assert str(one.proxy.port) in " ".join(one.settings.values())
            with socket.create_connection((LOOPBACK, one.proxy.port), 10):
                wait_until(lambda one=one: one.proxy.connections == 1, what="the server taking the connection")  # type: ignore[misc]
            wait_until(lambda one=one: one.proxy.connections == 0, what="the connection being closed")  # type: ignore[misc]
    assert not any(accepts(one.proxy.port) for one in doors)


class Console:
    """The command in a process of its own."""

    def __init__(self, *names: str) -> None:
        command = [sys.executable, "-m", "tests.servers", *names]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
        self.said = self.until("ready")

    def until(self, last: str) -> list[str]:
        """Return the lines up to the one that begins so."""
        assert self.process.stdout is not None
        lines: list[str] = []
        for line in self.process.stdout:
            lines.append(line.decode().rstrip("\n"))
            if lines[-1].startswith(last):
                return lines
        raise AssertionError(f"it ended: {lines}")

    def do(self, line: str, answer: str) -> None:
        """Type a line and wait for what is said to it."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()
        self.until(answer)


@pytest.fixture
def console() -> Iterator[Console]:
    console = Console("particle")
    yield console
    end(console.process)
    for pipe in (console.process.stdin, console.process.stdout):
        if pipe is not None:
            pipe.close()


def test_it_says_what_to_enter_and_takes_faults(console: Console) -> None:
    text = "\n".join(console.said)
    assert TOKEN in text
    [port] = re.findall(r"WEGNOLOGY_SERVICE_URLS=particle=http://127.0.0.1:(\d+)", text)
    request = urllib.request.Request(f"http://{LOOPBACK}:{port}/v1/devices/events", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=10) as stream:
        assert stream.readline() == b":ok\n"
        console.do("particle publish temperature '31 degrees'", "published")
        event, data = (line for line in (stream.readline() for _ in range(3)) if line.strip())
        assert event == b"event: temperature\n"
        assert b"31 degrees" in data
        console.do("particle refuse", "particle: ")
    assert not accepts(int(port))
    console.do("particle none", "particle: everything passes")
    assert accepts(int(port))
    console.do("particle fire", "There is no fault")
    console.do("nobody hang", "Not understood")
    end(console.process)
    assert console.process.returncode == 0
    assert not accepts(int(port))


def test_an_unknown_counterpart_is_named() -> None:
    done = subprocess.run([sys.executable, "-m", "tests.servers", "fax"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (
        2,
        "There is no fax, but mqtt, websocket, sqs, particle, azureEventHub, googlePubSub\n",
    )


def test_a_door_has_faults_of_its_own() -> None:
    with ExitStack() as stack:
        [door] = open_doors("azureEventHub", stack)
        assert door.fault("server-busy").startswith("links are detached")
        assert door.fault("refuse").startswith("connections are reset")
        assert door.fault("none") == "everything passes"
        with pytest.raises(ValueError, match="There is no fault 'fire'"):
            door.fault("fire")
