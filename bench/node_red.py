"""The peer: Node-RED doing the same work with its own nodes, one broker configuration per input."""

import json
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

from bench.procs import BenchFailed, Child, free_port, listening, wait_for
from bench.system import Ledger, Work

VERSION = "5.0.7"
NODE_VERSION = "22.23.3"
"""Node-RED 5 asks for Node.js 22.9 or newer, which not every machine has."""

_SETTINGS = """\
module.exports = {
  uiHost: "127.0.0.1", uiPort: %d, flowFile: "flows.json", credentialSecret: false, disableEditor: true,
  httpAdminRoot: false, telemetry: { enabled: false, updateNotification: false },
  logging: { console: { level: "info", metrics: false, audit: false } },
}
"""


def install(cache: Path) -> Path:
    """Install Node-RED and its Node.js into the cache folder, unless they are there; return the folder."""
    folder = cache / f"node-red-{VERSION}"
    if (folder / "node_modules" / "node-red" / "red.js").exists():
        return folder
    npm = shutil.which("npm")
    if not npm:
        raise BenchFailed("the peer needs npm (Debian package `npm`)")
    folder.mkdir(parents=True, exist_ok=True)
    (cache / ".gitignore").write_text("*\n")
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), "x64")
    packages = [f"node-red@{VERSION}", f"node-linux-{machine}@{NODE_VERSION}"]
    command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--omit=dev", "--save-exact", *packages]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)  # noqa: S603 - fixed command
    if done.returncode:
        raise BenchFailed(f"npm could not install Node-RED:\n{done.stderr[-2000:]}")
    return folder


def _broker(name: str, port: int) -> dict[str, Any]:
    """Return a broker configuration; no field may equal its id, or Node-RED takes it for a circle."""
    return {
        "id": name, "type": "mqtt-broker", "name": "", "broker": "127.0.0.1", "port": str(port), "clientid": f"node-red-{name}",
        "autoConnect": True, "usetls": False, "protocolVersion": "4", "keepalive": "60", "cleansession": True,
    }  # fmt: skip


def _rules(work: Work) -> list[dict[str, str]]:
    def rule(path: str, value: str, kind: str) -> dict[str, str]:
        return {"t": "set", "p": path, "pt": "msg", "to": value, "tot": kind}

    return [rule("payload.status", "alert", "str"), rule("payload.limit", "30", "num"), rule("payload.source", "topic", "msg")]


def _nodes(work: Work, number: int, port: int) -> list[dict[str, Any]]:
    """Return the nodes of one input: in, decode, condition, mutate, publish."""
    tag = f"{number:04d}"
    mine = {"z": "bench"}
    condition = [{"t": "gt", "v": "30", "vt": "num"}]
    return [
        _broker(f"broker{tag}", port),
        mine | {"id": f"in{tag}", "type": "mqtt in", "topic": f"bench/in/{tag}", "qos": "1", "datatype": "utf8",
                "broker": f"broker{tag}", "nl": False, "rap": True, "rh": 0, "inputs": 0, "wires": [[f"json{tag}"]]},
        mine | {"id": f"json{tag}", "type": "json", "property": "payload", "action": "", "wires": [[f"switch{tag}"]]},
        mine | {"id": f"switch{tag}", "type": "switch", "property": "payload.temperature", "propertyType": "msg",
                "rules": condition, "checkall": "true", "repair": False, "outputs": 1, "wires": [[f"change{tag}"]]},
        mine | {"id": f"change{tag}", "type": "change", "rules": _rules(work), "wires": [[f"out{tag}"]]},
        mine | {"id": f"out{tag}", "type": "mqtt out", "topic": work.out_topic(number), "qos": str(work.out_qos),
                "retain": "false", "broker": "brokerout" if work.shared_out else f"broker{tag}", "wires": []},
    ]  # fmt: skip


def flows(work: Work, port: int) -> list[dict[str, Any]]:
    """Return the whole flow file."""
    found: list[dict[str, Any]] = [{"id": "bench", "type": "tab", "label": "bench", "disabled": False}]
    if work.shared_out and work.integrations:
        found.append(_broker("brokerout", port))
    for number in range(work.integrations):
        found.extend(_nodes(work, number, port))
    return found


class NodeRed:
    """A running Node-RED in a folder of its own."""

    name = "node-red"

    def __init__(self, folder: Path, cache: Path) -> None:
        self._folder = folder
        self._home = install(cache)
        self._child: Child | None = None
        self._port = 0

    def start(self, work: Work, broker_port: int) -> None:
        """Write flows and settings and start."""
        self._port = broker_port
        self._folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        (self._folder / "settings.js").write_text(_SETTINGS % port)
        (self._folder / "flows.json").write_text(json.dumps(flows(work, broker_port)))
        node = next((self._home / "node_modules").glob("node-linux-*/bin/node"))
        command = [str(node), str(self._home / "node_modules" / "node-red" / "red.js"), "--userDir", str(self._folder)]
        env = {"PATH": os.environ.get("PATH", ""), "HOME": str(self._folder), "NODE_ENV": "production"}
        self._child = Child("node-red", command, self._folder, env)
        wait_for("Node-RED", lambda: listening(port), 60, self._child)

    def replace(self, work: Work) -> None:
        """Start again with other flows: without its editor Node-RED has no other way."""
        self.stop()
        self.start(work, self._port)

    def processes(self) -> dict[str, int]:
        """Return the one process."""
        return {"node-red": self._child.pid} if self._child else {}

    def ledger(self) -> Ledger | None:
        """Node-RED keeps no books."""
        return None

    def stop(self) -> None:
        """End it."""
        if self._child:
            self._child.stop(5)
            self._child = None
