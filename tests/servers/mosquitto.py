"""A real mosquitto (Debian package) on loopback: plain, password, TLS, client certificate, WebSockets; versions 3.1.1 and 5."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers.certificates import Certificates
from tests.servers.processes import LOOPBACK, accepts, end, free_port, wait_until

USERNAME, PASSWORD = "alice", "s3cret-&<>\"'="


class Mosquitto:
    """One broker whose listeners keep their ports through restarts.

    Listeners, only those asked for and `plain`: `plain`, `tls`, `ws`, `wss` (anyone may come in), `password`, `certificate` and
    `wss_certificate` (a client certificate of our authority). `options` are top-level settings; without any the broker behaves
    as it comes.
    """

    def __init__(self, *listeners: str, options: Mapping[str, str] | None = None) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="mosquitto-")
        self.folder = Path(self._temporary.name)
        self.certificates = Certificates(self.folder)
        self.ports = {"plain": free_port()} | {name: free_port() for name in listeners}
        self._options = dict(options or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._log = (self.folder / "log").open("ab")

    @property
    def log(self) -> str:
        """What the broker wrote."""
        return (self.folder / "log").read_text()

    def start(self) -> None:
        """Start, or start again on the same ports; with `persistence true` among the options with the sessions of before."""
        config = self.folder / "mosquitto.conf"
        config.write_text(self._settings())
        self._process = subprocess.Popen([_program("mosquitto"), "-c", str(config)], stdout=self._log, stderr=self._log)
        wait_until(self._ready, what="mosquitto accepting connections")

    def _ready(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"mosquitto ended: {self.log}")
        return all(accepts(port) for port in self.ports.values())

    @property
    def pid(self) -> int:
        """Process id of the running broker."""
        assert self._process is not None
        return self._process.pid

    def set_password(self, password: str) -> None:
        """Let the listener `password` want another one; who is in stays in."""
        passwords = str(self.folder / "passwords")
        subprocess.run([_program("mosquitto_passwd"), "-b", passwords, USERNAME, password], check=True)
        os.kill(self.pid, signal.SIGHUP)

    def stop(self) -> None:
        """Stop in order."""
        if self._process is not None:
            end(self._process)

    def restart(self) -> None:
        """Stop and start again."""
        self.stop()
        self.start()

    def publish(self, topic: str, messages: Sequence[str], *options: str) -> None:
        """Publish one-line messages at QoS 1 through mosquitto's own client, in order; returns when the broker confirmed all."""
        lines = "".join(f"{message}\n" for message in messages).encode()
        command = [
            _program("mosquitto_pub"),
            "-h",
            LOOPBACK,
            "-p",
            str(self.ports["plain"]),
            "-t",
            topic,
            "-q",
            "1",
            "-l",
            *options,
        ]
        subprocess.run(command, input=lines, check=True, timeout=30)

    def publish_bytes(self, topic: str, payload: bytes, *options: str) -> None:
        """Publish one message of any bytes at QoS 1."""
        command = [
            _program("mosquitto_pub"),
            "-h",
            LOOPBACK,
            "-p",
            str(self.ports["plain"]),
            "-t",
            topic,
            "-q",
            "1",
            "-s",
            *options,
        ]
        subprocess.run(command, input=payload, check=True, timeout=30)

    def watch(self, topic: str) -> "Watch":
        """Return a subscriber of the broker's own client; what it got is in `received`."""
        return Watch(self.ports["plain"], topic)

    def _settings(self) -> str:
        lines = ["per_listener_settings true", "user root", "log_type all", "connection_messages true"]
        lines += [f"{name} {value}" for name, value in self._options.items()]
        for name, port in self.ports.items():
            lines += [f"listener {port} {LOOPBACK}", *self._listener(name)]
        return "\n".join(lines) + "\n"

    def _listener(self, name: str) -> list[str]:
        lines = ["protocol websockets"] if name.startswith("ws") else []
        if name in ("tls", "certificate", "wss", "wss_certificate"):
            files = self.certificates
            lines += [f"cafile {files.ca_file}", f"certfile {files.server_file}", f"keyfile {files.server_key_file}"]
        if name.endswith("certificate"):
            return [*lines, "require_certificate true", "use_identity_as_username true"]
        if name.endswith("password"):
            passwords = self.folder / "passwords"
            if not passwords.exists():
                subprocess.run([_program("mosquitto_passwd"), "-b", "-c", str(passwords), USERNAME, PASSWORD], check=True)
            return [*lines, f"password_file {passwords}"]
        return [*lines, "allow_anonymous true"]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        self._log.close()
        self._temporary.cleanup()


class Watch:
    """Collects what arrives on a topic, with mosquitto's own client."""

    def __init__(self, port: int, topic: str) -> None:
        self._file = tempfile.NamedTemporaryFile(prefix="watch-")  # noqa: SIM115  (closed at exit)
        command = [_program("mosquitto_sub"), "-h", LOOPBACK, "-p", str(port), "-t", topic, "-q", "2", "-F", "%q %r %t %p", "-d"]
        self._process = subprocess.Popen(["stdbuf", "-oL", *command], stdout=self._file, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: "Subscribed" in self._text(), what="the watch being subscribed")
        except TimeoutError:
            self.__exit__(None, None, None)
            raise

    @property
    def received(self) -> list[tuple[int, bool, str, str]]:
        """What arrived so far: (qos, retained, topic, message)."""
        lines = [line.split(" ", 3) for line in self._text().splitlines() if line[:2] in ("0 ", "1 ", "2 ")]
        return [(int(qos), retained == "1", topic, text) for qos, retained, topic, text in lines]

    def _text(self) -> str:
        return Path(self._file.name).read_text()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        end(self._process)
        self._file.close()


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise RuntimeError(f"{name} is needed: apt-get install mosquitto mosquitto-clients")
    return found
