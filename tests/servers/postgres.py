"""A real PostgreSQL on a free port, for tests and, as `python -m tests.servers.postgres COMMAND`, for a whole command."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
from psycopg import sql

from tests.servers.processes import LOOPBACK, accepts, end, free_port, give_away, unprivileged, wait_until

USER = "wegnology"


def binary(name: str) -> str:
    """Return the path of a PostgreSQL program: of the PATH, else the newest of Debian's folders."""
    found = shutil.which(name)
    if found:
        return found
    candidates = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    if not candidates:
        raise RuntimeError(f"{name} was not found: install PostgreSQL (Debian: apt-get install postgresql)")
    return str(candidates[-1])


class PostgresServer:
    """One server with a data folder of its own, thrown away at the end."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._data = self._folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(self) -> None:
        """Make the data folder and start; returns when connections are accepted."""
        give_away(self._folder)
        command = [binary("initdb"), "-D", str(self._data), "-U", USER, "--auth=trust", "--encoding=UTF8", "--no-sync"]
        subprocess.run(unprivileged(command), check=True, capture_output=True, cwd=self._folder, env=_environment())
        self.port = free_port()
        options = {
            "port": str(self.port),
            "listen_addresses": LOOPBACK,
            "unix_socket_directories": str(self._folder),
            "fsync": "off",
        }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self._process = subprocess.Popen(
            unprivileged([binary("postgres"), "-D", str(self._data), *settings]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            env=_environment(),
        )
        wait_until(self._ready, what="PostgreSQL accepting connections")

    def _ready(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended with status {self._process.returncode}")
        if not accepts(self.port):
            return False
        try:
            psycopg.connect(self.url("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database: str) -> str:
        """Return the address of a database in the form of DATABASE_URL."""
        return f"postgresql://{USER}@{LOOPBACK}:{self.port}/{database}"

    def create_database(self, name: str) -> str:
        """Make an empty database; returns its address."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        if self._process is not None:
            self._process.send_signal(2)  # SIGINT: end sessions, then stop in order
            end(self._process)
        shutil.rmtree(self._folder, ignore_errors=True)


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def main(command: list[str]) -> int:
    """Run a command with DATABASE_URL set to an empty database of a new server; returns its exit code."""
    server = PostgresServer()
    try:
        server.start()
        url = server.create_database("wegnology")
        return subprocess.run(command, check=False, env=os.environ | {"DATABASE_URL": url}).returncode
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
