"""A real Redis-compatible server out of a Python package, with an append-only file, stopped, killed and started at will."""

import resource
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from tests.servers.processes import LOOPBACK, end, free_port, wait_until
from wegnology.local.redis import server_binary


class RedisServer:
    """One server on a port that it keeps through restarts, with the data of before."""

    def __init__(self, folder: Path | None = None, *, options: dict[str, str] | None = None) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="redis-") if folder is None else None
        self.folder = folder or Path(self._temporary.name if self._temporary else "")
        self.port = free_port()
        self._options = {"appendonly": "yes", "appendfsync": "always", "maxmemory": "256mb", **(options or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address in the form of REDIS_URL."""
        return f"redis://{LOOPBACK}:{self.port}/0"

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Say whether the server runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start, or start again; returns when the data is loaded."""
        fixed = {"port": str(self.port), "bind": LOOPBACK, "dir": str(self.folder), "save": "", "maxmemory-policy": "noeviction"}
        arguments = [part for name, value in (fixed | self._options).items() for part in (f"--{name}", value)]
        # Signals as they are here, so that a file that may not grow any more is an error and not the end of the process.
        self._process = subprocess.Popen([str(server_binary()), *arguments], stdout=subprocess.DEVNULL, restore_signals=False)
        wait_until(self._ready, what="Redis answering")

    def _ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"Redis ended with status {self._process.returncode}")
        try:
            with self.client() as client:
                return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False

    def fill_disk(self, full: bool) -> None:
        """Let no file of the server grow any more, as on a full disk, or let them grow again."""
        limit = 1 if full else resource.RLIM_INFINITY
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    def client(self, **options: bool) -> redis.Redis:
        """Return a client; the caller closes it."""
        return redis.Redis.from_url(self.url, socket_timeout=5, socket_connect_timeout=1, **options)

    def flush(self) -> None:
        """Remove everything."""
        with self.client() as client:
            client.flushall()

    def stop(self) -> None:
        """Stop in order; the data stays."""
        if self._process is not None:
            end(self._process)

    def kill(self) -> None:
        """Kill as a power cut would; the data stays."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        if self._temporary is not None:
            self._temporary.cleanup()
