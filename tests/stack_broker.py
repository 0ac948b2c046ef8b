"""A mosquitto that keeps its sessions over a restart."""

import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers.processes import LOOPBACK, accepts, end, free_port, wait_until

NEVER = 1_000_000  # `max_queued_messages 0` means no bound, but also no bound for sessions of QoS 0


class MosquittoServer:
    """One broker on a port that it keeps. `configured` False starts it as a stranger would: `mosquitto -p PORT`."""

    def __init__(self, *, configured: bool = True) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="mosquitto-")
        self.folder = Path(self._temporary.name)
        self.port = free_port()
        self.log = self.folder / "log"
        self._configured = configured
        self._process: subprocess.Popen[bytes] | None = None

    def _command(self) -> list[str]:
        if not self._configured:
            return ["mosquitto", "-p", str(self.port), "-v"]
        lines = {
            "listener": f"{self.port} {LOOPBACK}",
            "allow_anonymous": "true",
            "user": "root",
            "persistence": "true",
            "persistence_location": f"{self.folder}/",
            "autosave_interval": "1",
            "max_queued_messages": str(NEVER),
            "log_type": "all",
        }
        path = self.folder / "mosquitto.conf"
        path.write_text("".join(f"{name} {value}\n" for name, value in lines.items()))
        return ["mosquitto", "-c", str(path)]

    def start(self) -> None:
        """Start, or start again with the sessions of before."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdout=log, stderr=subprocess.STDOUT)
        wait_until(lambda: accepts(self.port), what="mosquitto accepting connections")

    def stop(self) -> None:
        """Stop in order; sessions and queued messages are kept."""
        if self._process is not None:
            end(self._process)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        self._temporary.cleanup()
