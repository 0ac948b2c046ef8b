"""Everything integrations can be pointed at on this machine, each behind a proxy that can be given faults.

A counterpart is a function that starts its server and says which doors it has. A new type adds one to `COUNTERPARTS`.
"""

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tests.servers import event_hubs, mosquitto, moto, particle, pubsub, sqs, websocket
from tests.servers.certificates import Certificates
from tests.servers.processes import LOOPBACK
from tests.servers.proxy import FAULTS, Proxy

FIRST_PORT = 19_000
Settings = Mapping[str, str]


class Absent(Exception):
    """A counterpart cannot be started here; the text says what is missing."""


class Door(NamedTuple):
    """One way to a server. `settings`: what to enter in an integration, given the port. `publish` lets a message arrive."""

    name: str
    target: int
    settings: Callable[[int], Settings]
    publish: Callable[[str, str], None] | None = None
    faults: Mapping[str, str] = {}
    """Faults of its own, beside those of the proxy, and what they mean."""
    fault: Callable[[str], None] | None = None
    """Switches one of `faults`, or "none"."""


class OpenDoor(NamedTuple):
    """A door with its proxy."""

    door: Door
    proxy: Proxy

    @property
    def settings(self) -> Settings:
        """What to enter in an integration."""
        return self.door.settings(self.proxy.port)

    def fault(self, kind: str) -> str:
        """Switch a fault of the server or of the way to it; returns what it means. "none" ends both kinds."""
        own = self.door.fault
        if own is not None and (kind == "none" or kind in self.door.faults):
            own(kind)
        if kind in self.door.faults:
            return self.door.faults[kind]
        self.proxy.fault(kind)
        return FAULTS[kind]


def _mqtt(stack: ExitStack) -> list[Door]:
    broker = stack.enter_context(mosquitto.Mosquitto("password", "tls", "certificate", "ws"))
    ca = {"CA certificate": str(broker.certificates.ca_file)}
    own = broker.certificates.client_files(broker.folder)

    def door(name: str, listener: str, protocol: str, **more: str) -> Door:
        def settings(port: int) -> Settings:
            return {"Protocol": protocol, "Host": LOOPBACK, "Port": str(port), **more}

        return Door(name, broker.ports[listener], settings, lambda topic, text: broker.publish(topic, [text]))

    return [
        door("mqtt", "plain", "mqtt"),
        door("mqtt-password", "password", "mqtt", Username=mosquitto.USERNAME, Password=mosquitto.PASSWORD),
        door("mqtts", "tls", "mqtts", **ca),
        door("mqtts-certificate", "certificate", "mqtts", **ca, **own),
        door("mqtt-ws", "ws", "ws"),
    ]


def _websocket(stack: ExitStack) -> list[Door]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="websocket-")))
    certificates = Certificates(folder)
    login = {"Username": websocket.USERNAME, "Password": websocket.PASSWORD}
    ca, own = {"CA certificate": str(certificates.ca_file)}, certificates.client_files(folder)
    tls, mutual = certificates.server_context(), certificates.server_context(client=True)

    def door(name: str, scheme: str, server: websocket.WebsocketServer, more: Settings) -> Door:
        stack.enter_context(server)

        def settings(port: int) -> Settings:
            return {"URL": f"{scheme}://{LOOPBACK}:{port}/", **more}

        return Door(name, server.port, settings, lambda _, text: server.publish([text]))

    return [
        door("websocket", "ws", websocket.WebsocketServer(), {}),
        door("websocket-password", "ws", websocket.WebsocketServer(password=True), login),
        door("websocket-tls", "wss", websocket.WebsocketServer(tls=tls), ca),
        door("websocket-certificate", "wss", websocket.WebsocketServer(tls=mutual), {**ca, **own}),
    ]


def _sqs(stack: ExitStack) -> list[Door]:
    servers = {"sqs": sqs.SqsServer(), "sqs-moto": moto.MotoServer()}
    if not all(server.program.exists() for server in servers.values()):
        raise Absent("make .venv-counterparts/.installed installs it")
    users = {name: stack.enter_context(server).user(*sqs.ALL) for name, server in servers.items()}

    def door(name: str, kind: str, *, fifo: bool) -> Door:
        server, user = servers[kind], users[kind]
        queue = server.queue(fifo=fifo)
        group = {"MessageGroupId": "one"} if fifo else {}
        keys = {"Access key ID": user.access_key_id, "Secret access key": user.secret_access_key, "Region": sqs.REGION}

        def settings(port: int) -> Settings:
            return {"Queue URL": server.url(queue, port), **keys}

        return Door(name, server.port, settings, lambda _, text: server.publish(queue, [text], **group))

    return [door("sqs", "sqs", fifo=False), door("sqs-fifo", "sqs", fifo=True), door("sqs-moto", "sqs-moto", fifo=False)]


def _particle(stack: ExitStack) -> list[Door]:
    cloud = stack.enter_context(particle.ParticleCloud())

    def settings(port: int) -> Settings:
        where = f"WEGNOLOGY_SERVICE_URLS=particle=http://{LOOPBACK}:{port}"
        devices = ", ".join(device.name for device in cloud.devices)
        functions = ", ".join(cloud.functions)
        return {"Environment": where, "Access token": cloud.token, "Devices": devices, "Functions": functions}

    return [Door("particle", cloud.port, settings, lambda name, text: cloud.publish(name, [text]))]


def _event_hubs(stack: ExitStack) -> list[Door]:
    hubs = stack.enter_context(event_hubs.EventHubs())
    hubs.hub("readings", 2, ["hub"])

    def settings(port: int) -> Settings:
        login = {"Connection string": hubs.connection_string(port)}
        return {**login, "Event hub name": "readings", "Consumer group": "hub"}

    def publish(key: str, text: str) -> None:
        hubs.publish("readings", [text], key=key or None)

    return [Door("azureEventHub", hubs.port, settings, publish, event_hubs.FAULTS, hubs.fault)]


def _pubsub(stack: ExitStack) -> list[Door]:
    cloud = stack.enter_context(pubsub.PubsubServer())
    cloud.topic("readings")
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pubsub-")))
    key = folder / "key.json"
    key.write_text(cloud.account().key_json)

    def settings(port: int) -> Settings:
        where = f"WEGNOLOGY_SERVICE_URLS=googlePubSub=http://{LOOPBACK}:{port}"
        return {"Environment": where, "Account key JSON": str(key), "Topics": "readings"}

    def publish(topic: str, text: str) -> None:
        cloud.topic(topic)
        cloud.publish(topic, [text])

    return [Door("googlePubSub", cloud.port, settings, publish, pubsub.FAULTS, cloud.fault)]


COUNTERPARTS: dict[str, Callable[[ExitStack], list[Door]]] = {
    "mqtt": _mqtt,
    "websocket": _websocket,
    "sqs": _sqs,
    "particle": _particle,
    "azureEventHub": _event_hubs,
    "googlePubSub": _pubsub,
}


def open_doors(name: str, stack: ExitStack, port: int = 0) -> list[OpenDoor]:
    """Start a counterpart; its doors get the ports from `port` on, or free ones where those are taken or 0 was given.

    Raises `Absent`.
    """
    opened = []
    for at, door in enumerate(COUNTERPARTS[name](stack)):
        opened.append(OpenDoor(door, stack.enter_context(_proxy(door.target, port + at if port else 0))))
    return opened


def _proxy(target: int, port: int) -> Proxy:
    try:
        return Proxy(target, port)
    except OSError:
        return Proxy(target)
