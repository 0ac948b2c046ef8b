"""`manage.py run` from outside: it sets up, shows that it works, heals what is killed, stops cleanly and goes on."""

import json
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest

from tests.installation import ROOT, Installation
from tests.local_run import LocalRun
from tests.servers.processes import LOOPBACK, accepts, end, free_port, wait_until
from wegnology.lib.crypto import new_key
from wegnology.local import launch, ports
from wegnology.local.demo import graph
from wegnology.local.exceptions import CannotStart
from wegnology.local.readings import connected
from wegnology.local.redis import EmbeddedRedis
from wegnology.local.state import only_run, write_private
from wegnology.local.supervise import procfile_programs
from workflows.graph import Graph


@pytest.fixture
def local_run(tmp_path: Path) -> Iterator[LocalRun]:
    run = LocalRun(tmp_path / "state")
    yield run
    if not run.ended():
        run.stop()


def gone(processes: dict[str, psutil.Process]) -> bool:
    return not any(process.is_running() for process in processes.values())


@pytest.mark.timeout(300)
def test_a_whole_life(local_run: LocalRun) -> None:
    printed = local_run.start()
    assert "came out as an alert: {'device': 'sensor-3', 'temperature': 35.2, 'threshold': 30}" in printed
    assert f"http://localhost:{local_run.web}/admin/" in printed
    password_file = local_run.place.folder / "admin-password"
    assert f"password {password_file.read_text().strip()}" in printed
    assert password_file.stat().st_mode & 0o777 == 0o600
    processes = local_run.processes()
    assert len(processes) == 7
    for name in ("valkey", "listener-control", "broker"):
        processes[name].kill()
    wait_until(
        lambda: all(f"{name} died and was started again" in local_run.output() for name in ("redis", "listener", "broker")), 60
    )
    wait_until(lambda: alert(local_run) == {"device": "s1", "temperature": 41, "threshold": 30}, 90, "an alert after the kills")
    processes = local_run.processes()
    assert local_run.stop(signal.SIGINT) == 0
    assert gone(processes)

    assert "password in " in local_run.start()
    assert "Three readings" not in local_run.output()
    assert alert(local_run) == {"device": "s1", "temperature": 41, "threshold": 30}
    processes = local_run.processes()
    other = local_run.place.manage("run")
    assert other.returncode == 1
    assert "Another run" in other.stderr
    assert local_run.stop(signal.SIGTERM) == 0
    assert gone(processes)


def alert(run: LocalRun) -> object:
    """Publish a reading; return the alert that came of it within 5 seconds, else None."""
    alerts: queue.SimpleQueue[object] = queue.SimpleQueue()
    subscribed = threading.Event()
    try:
        with connected(run.broker) as client:
            client.on_subscribe = lambda *_: subscribed.set()
            client.on_message = lambda client, userdata, message: alerts.put(json.loads(message.payload))
            client.subscribe("demo/out", 1)
            subscribed.wait(5)
            client.publish("demo/in/s1", b'{"device":"s1","temperature":41}', qos=1)
            return alerts.get(timeout=5)
    except (OSError, queue.Empty):
        return None


def test_the_client_of_the_demo_publishes_and_watches(tmp_path: Path) -> None:
    port = free_port()
    environment = os.environ | {"DEMO_BROKER_PORT": str(port), "PYTHONUNBUFFERED": "1"}
    module = [sys.executable, "-m", "wegnology.local.publish"]
    refused = subprocess.run([*module, "a", "b"], env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert f"port {port}" in refused.stderr
    with (
        running([sys.executable, "-m", "wegnology.local.broker", str(port)], environment, tmp_path / "broker"),
        running([*module, "--watch", "demo/#"], environment, tmp_path / "seen", ready=lambda: accepts(port)),
    ):
        publish = [*module, "demo/out", '{"a": 1}']
        wait_until(
            lambda: (
                subprocess.run(publish, env=environment, cwd=ROOT, check=False).returncode == 0
                and 'demo/out {"a": 1}' in (tmp_path / "seen").read_text()
            ),
            30,
            "the message being seen",
        )


@contextmanager
def running(
    command: list[str], environment: dict[str, str], output: Path, ready: Callable[[], bool] = lambda: True
) -> Iterator[None]:
    """Run a process, its output in a file, once `ready`."""
    wait_until(ready)
    with output.open("wb") as file:
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=file, stderr=file)
    try:
        yield
    finally:
        end(process)


def test_busy_ports_are_named_with_their_settings(tmp_path: Path) -> None:
    with closing(socket.socket()) as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=rf"Port {port} is in use.*PORT=\d+ make run"):
            ports.demand_free({"PORT": port})
        place = Installation(tmp_path / "state", PORT=str(free_port()), DEMO_BROKER_PORT=str(port))
        assert f"Port {port} is in use. Choose another one: DEMO_BROKER_PORT=" in place.refused("run")
        assert not (place.folder / "database.sqlite3").exists()
    other = free_port()
    with pytest.raises(CannotStart, match=f"are both {other}"):
        ports.demand_free({"PORT": other, "DEMO_BROKER_PORT": other})
    with pytest.raises(CannotStart, match="not a port"):
        ports.demand_free({"PORT": 70_000})


def test_a_redis_that_was_named_must_be_there(tmp_path: Path) -> None:
    settings = {"PORT": str(free_port()), "DEMO_BROKER_PORT": str(free_port()), "REDIS_URL": f"redis://{LOOPBACK}:{free_port()}"}
    place = Installation(tmp_path / "state", **settings)
    assert "No Redis server answers at REDIS_URL" in place.refused("run")


def test_run_is_not_for_production(tmp_path: Path) -> None:
    keys = {"DJANGO_SECRET_KEY": "k" * 50, "WEGNOLOGY_SECRET_KEYS": new_key()}
    place = Installation(tmp_path / "state", WEGNOLOGY_ENV="production", **keys)
    assert "WEGNOLOGY_ENV=development" in place.refused("run")


def test_one_run_a_state_folder(tmp_path: Path) -> None:
    with only_run(tmp_path), pytest.raises(CannotStart, match=rf"process {os.getpid()}\) uses the state folder"):
        only_run(tmp_path).__enter__()
    with only_run(tmp_path):
        pass


def test_private_files_become_private(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old and longer")
    path.chmod(0o644)
    write_private(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_embedded_redis_keeps_port_and_password(tmp_path: Path) -> None:
    first = EmbeddedRedis(tmp_path)
    first.prepare()
    second = EmbeddedRedis(tmp_path)
    second.prepare()
    assert second.url == first.url
    assert second.configuration.stat().st_mode & 0o777 == 0o600
    port = int(first.url.rpartition(":")[2].partition("/")[0])
    with closing(socket.socket()) as taken:
        taken.bind((LOOPBACK, port))
        taken.listen()
        third = EmbeddedRedis(tmp_path)
        third.prepare()
    assert third.url != first.url
    assert third.url.partition("@")[0] == first.url.partition("@")[0]


def test_the_embedded_redis_runs_with_the_better_allocator_where_there_is_one(tmp_path: Path) -> None:
    redis = EmbeddedRedis(tmp_path)
    redis.folder.mkdir()
    redis.prepare()
    port = int(redis.url.rpartition(":")[2].partition("/")[0])
    with subprocess.Popen(redis.command(), stdout=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            wait_until(lambda: accepts(port), 30)
            maps = Path(f"/proc/{process.pid}/maps").read_text()
        finally:
            process.terminate()
    assert "valkey-server" in maps
    assert ("jemalloc" in maps) == any("jemalloc" in part for part in redis.command())


def test_processes_run_with_the_better_allocator_unless_somebody_chose_another() -> None:
    library = launch.allocator()
    added = launch.allocating({})
    assert ("LD_PRELOAD" in added) == (library is not None)
    assert launch.allocating({"LD_PRELOAD": "/other.so"}) == {}
    if library is not None:
        assert added["LD_PRELOAD"] == str(library)
        assert launch.allocating({"MALLOC_CONF": "narenas:4"})["MALLOC_CONF"] == "narenas:4"
        maps = "print('jemalloc' in open('/proc/self/maps').read())"
        done = subprocess.run(
            [sys.executable, "-c", maps], env=dict(os.environ) | added, capture_output=True, text=True, check=True
        )
        assert (done.stdout, done.stderr) == ("True\n", ""), "it takes these settings without a warning"


def test_the_procfile_is_what_runs() -> None:
    lines = launch.procfile()
    assert list(lines) == ["release", "web", "listener", "worker", "tasks"]
    by_priority = sorted(procfile_programs(), key=lambda program: -program.priority)
    assert [program.name for program in by_priority] == ["web", "listener", "worker", "tasks"], "the order of stopping"


def test_the_demo_is_a_workflow_that_compiles() -> None:
    integration = "0" * 24
    (trigger,) = Graph.parse(*graph(integration)).triggers("integration", integration)
    assert trigger.wants("message")
    assert not trigger.wants("connect")


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in a folder with nothing but the Makefile."""
    shutil.copy(ROOT / "Makefile", folder)
    return subprocess.run(["make", *arguments], cwd=folder, capture_output=True, text=True, check=False)


def test_make_lists_its_targets(tmp_path: Path) -> None:
    printed = make(tmp_path).stdout
    assert re.findall(r"^  make ([a-z-]+) ", printed, re.MULTILINE) == [
        "help",
        "run",
        "test",
        "test-all",
        "test-browser",
        "screenshots",
        "faults",
        "counterparts",
        "bench",
        "lint",
        "lock",
        "clean",
    ]


@pytest.mark.parametrize(("optimised", "chosen"), [((True, True), "0"), ((False, True), "1"), ((False, False), "python3")])
def test_make_takes_the_first_python_that_is_known_to_be_optimised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimised: tuple[bool, bool], chosen: str
) -> None:
    for name in ("PYTHON", "MAKEFLAGS", "MAKEOVERRIDES"):  # whoever runs the tests may have named one
        monkeypatch.delenv(name, raising=False)
    for number, good in enumerate(optimised):
        fake = tmp_path / str(number)
        fake.write_text(f"#!/bin/sh\nexit {0 if good else 1}\n")
        fake.chmod(0o755)
    candidates = f"PYTHONS={tmp_path / '0'} {tmp_path / '1'}"
    result = make(tmp_path, candidates, "--no-print-directory", "--eval", "chosen: ; @echo $(PYTHON)", "chosen")
    assert result.stdout.strip().rpartition("/")[2] == chosen, result.stderr


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ('case "$*" in *version_info*) exit 1;; *) echo Python 3.9.2;; esac', "Python 3.9.2 is too old: Python 3.11"),
        ('case "$*" in *ensurepip*) exit 1;; esac', "python3-venv"),
    ],
)
def test_make_says_what_is_wrong_with_a_python(tmp_path: Path, script: str, reason: str) -> None:
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    result = make(tmp_path, f"PYTHON={fake}", ".venv/bin/python")
    assert result.returncode != 0
    assert reason in result.stderr
    assert "was not found" in make(tmp_path, "PYTHON=no-such-python", ".venv/bin/python").stderr
