"""The broker beside the systems: mosquitto with queues that do not drop and nothing on disk."""

import shutil
from pathlib import Path

from bench.procs import BenchFailed, Child, free_port, listening, wait_for

_CONFIG = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 0
max_queued_bytes 0
max_inflight_messages {inflight}
set_tcp_nodelay {nodelay}
log_type error
"""


class Broker:
    """A running mosquitto."""

    def __init__(self, folder: Path, nodelay: bool = False, inflight: int = 2000) -> None:
        binary = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin")
        if not binary:
            raise BenchFailed("mosquitto is not installed (Debian package `mosquitto`)")
        self.port = free_port()
        config = folder / "mosquitto.conf"
        config.write_text(_CONFIG.format(port=self.port, nodelay=str(nodelay).lower(), inflight=inflight))
        self.child = Child("broker", [binary, "-c", str(config)], folder)
        wait_for("the broker", lambda: listening(self.port), 10, self.child)

    def stop(self) -> None:
        """End it."""
        self.child.stop()
