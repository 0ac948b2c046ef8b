"""One numbered source of each type, reached through a proxy; its server can be restarted, and can refuse the login."""

import json
import os
import signal
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from botocore.exceptions import BotoCoreError, ClientError

from integrations.models import Integration
from tests import factories
from tests.fault_course import Numbered
from tests.servers import mosquitto, websocket
from tests.servers.event_hubs import BOTH, POLICY, EventHubs
from tests.servers.mosquitto import Mosquitto
from tests.servers.particle import ParticleCloud
from tests.servers.processes import LOOPBACK
from tests.servers.proxy import Proxy
from tests.servers.pubsub import PubsubServer
from tests.servers.sqs import ALL, REGION, SEND, SqsServer
from tests.servers.websocket import WebsocketServer
from tests.stack import keeping
from tests.traffic import Publisher
from wegnology.applications.models import Application
from wegnology.lib.ids import new_id
from wegnology.lib.types import JSONObject

LEASE_SECONDS = 3
"""How soon what was received and not acknowledged comes again; half a minute and 15 s where SQS and Pub/Sub really are."""


class Source(Numbered):
    """A source behind a proxy."""

    type_name: ClassVar[str]
    keeps: ClassVar[bool]
    """What nobody acknowledged comes again: nothing is lost."""
    ordered: ClassVar[bool] = True
    """What comes again comes before what follows."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy

    @abstractmethod
    def settings(self) -> JSONObject:
        """Return raw settings that reach the server through the proxy."""

    def topics(self) -> list[str]:
        """Return what to subscribe to."""
        return []

    def integration(self, of: Application, name: str) -> Integration:
        """Make the integration."""
        config, topics = self.settings(), self.topics()
        return factories.integration(of, name=name, integration_type=self.type_name, config=config, topics=topics)

    @abstractmethod
    def restart(self) -> None:
        """Let the server end and start again."""

    @abstractmethod
    def expire(self) -> None:
        """Let the server take the login no longer, and whoever is in be out."""

    @abstractmethod
    def renew(self) -> None:
        """Let the server take the login again."""

    def hurry(self) -> None:
        """Let the server say more often that it lives, where a protocol has it say so by itself."""

    def told(self, data: JSONObject) -> tuple[str, str]:
        """Return lane and text of a message's data, as `lane` and `text` name them."""
        text = str(_at(data, self.text))
        lane = json.loads(text)["lane"] if self.lane.startswith("working") else str(_at(data, self.lane))
        return lane, text

    def stop(self) -> None:
        """Let the server stand still where it is, all its connections open; else the proxy does as if."""
        self.proxy.freeze()

    def go_on(self) -> None:
        """Let it go on."""
        self.proxy.thaw()


class Mqtt(Source):
    """A broker that keeps sessions; a lane is a topic."""

    type_name = "mqtt"
    keeps = True
    text = "data.message"
    lane = "working.message.lane"

    def __init__(self, proxy: Proxy, broker: Mosquitto, publisher: Publisher) -> None:
        super().__init__(proxy)
        self._broker, self._publisher = broker, publisher
        self._prefix = f"in/{new_id()}"

    def settings(self) -> JSONObject:
        login = {"username": mosquitto.USERNAME, "password": mosquitto.PASSWORD}
        return {"protocol": "mqtt", "host": LOOPBACK, "port": self.proxy.port, "clean": False, **login}

    def topics(self) -> list[str]:
        return [f"{self._prefix}/#"]

    def put(self, lane: str, texts: Sequence[str]) -> None:
        self._publisher.publish_at_once(f"{self._prefix}/{lane}", [with_lane(text, lane) for text in texts])

    def restart(self) -> None:
        self._broker.restart()

    def expire(self) -> None:
        self._broker.set_password("another one")
        self.proxy.cut()

    def renew(self) -> None:
        self._broker.set_password(mosquitto.PASSWORD)

    def stop(self) -> None:
        os.kill(self._broker.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self._broker.pid, signal.SIGCONT)


class Websocket(Source):
    """A server that sends to whoever is there."""

    type_name = "websocket"
    keeps = False
    text = "data.message.data"
    lane = "working.message.lane"

    def __init__(self, proxy: Proxy, server: WebsocketServer) -> None:
        super().__init__(proxy)
        self._server = server

    def settings(self) -> JSONObject:
        login = {"username": websocket.USERNAME, "password": websocket.PASSWORD}
        return {"url": f"ws://{LOOPBACK}:{self.proxy.port}", **login}

    def put(self, lane: str, texts: Sequence[str]) -> None:
        self._server.publish([with_lane(text, lane) for text in texts])

    def restart(self) -> None:
        self._server.restart()

    def expire(self) -> None:
        self._server.accepts = "another one"
        self._server.hang_up(1008, "Your login has expired")

    def renew(self) -> None:
        self._server.accepts = websocket.PASSWORD


class Particle(Source):
    """Particle's cloud; a lane is a part of an event's name."""

    type_name = "particle"
    keeps = False
    text = "data.data"
    lane = "working.message.lane"

    def __init__(self, proxy: Proxy, cloud: ParticleCloud) -> None:
        super().__init__(proxy)
        self._cloud = cloud
        self._token = cloud.token
        self._prefix = new_id()

    def settings(self) -> JSONObject:
        return {"accessToken": self._token}

    def topics(self) -> list[str]:
        return [f"{self._prefix}*"]

    def put(self, lane: str, texts: Sequence[str]) -> None:
        self._cloud.publish(f"{self._prefix}/{lane}", [with_lane(text, lane) for text in texts])

    def restart(self) -> None:
        self._cloud.restart()

    def hurry(self) -> None:
        self._cloud.keep_alive = 0.3

    def expire(self) -> None:
        self._cloud.token = "another"
        self._cloud.end_streams()

    def renew(self) -> None:
        self._cloud.token = self._token


class Queue(Source):
    """A FIFO queue of SQS; its lanes are message groups."""

    type_name = "sqs"
    keeps = True
    text = "data.message"
    lane = "data.systemAttributes.MessageGroupId"

    def __init__(self, proxy: Proxy, cloud: SqsServer) -> None:
        super().__init__(proxy)
        self._cloud = cloud
        self._name = cloud.queue(fifo=True, VisibilityTimeout=str(LEASE_SECONDS))
        self._user = cloud.user(*ALL)

    def settings(self) -> JSONObject:
        login = {"region": REGION, "accessKeyId": self._user.access_key_id, "secretAccessKey": self._user.secret_access_key}
        return {"queueUrl": self._cloud.url(self._name, self.proxy.port), **login}

    def put(self, lane: str, texts: Sequence[str]) -> None:
        while True:
            try:
                return self._cloud.publish(self._name, texts, MessageGroupId=lane)
            except (OSError, BotoCoreError, ClientError):  # it is away
                time.sleep(0.2)

    def restart(self) -> None:
        self._cloud.restart()

    def expire(self) -> None:
        self._cloud.allow(self._user, *SEND)

    def renew(self) -> None:
        self._cloud.allow(self._user, *ALL)


class Hub(Source):
    """A hub of Event Hubs; a lane is a hub partition."""

    type_name = "azureEventHub"
    keeps = True
    lanes = ("0", "1")
    text = "data.event.body"
    lane = "data.partitionId"

    def __init__(self, proxy: Proxy, hubs: EventHubs) -> None:
        super().__init__(proxy)
        self._hubs = hubs
        self._name = f"h{new_id()}"
        self._policy = hubs.policies[POLICY]
        hubs.hub(self._name, len(self.lanes))

    def settings(self) -> JSONObject:
        login: JSONObject = {"connectionString": self._hubs.connection_string(self.proxy.port)}
        return {**login, "hubName": self._name, "consumerGroup": "$Default"}

    def put(self, lane: str, texts: Sequence[str]) -> None:
        self._hubs.publish(self._name, texts, partition=lane)

    def restart(self) -> None:
        self._hubs.restart()

    def expire(self) -> None:
        self._hubs.policies[POLICY] = ("another", BOTH)
        self._hubs.fault("token-expired")

    def renew(self) -> None:
        self._hubs.policies[POLICY] = self._policy


class Topic(Source):
    """A topic of Pub/Sub; its lanes are ordering keys."""

    type_name = "googlePubSub"
    keeps = True
    ordered = False  # what was on its way when a stream broke comes again when its lease ends, what follows comes at once
    text = "data.data"
    lane = "data.orderingKey"

    def __init__(self, proxy: Proxy, cloud: PubsubServer) -> None:
        super().__init__(proxy)
        self._cloud = cloud
        self._name = f"numbers-{new_id()}"
        cloud.topic(self._name)

    def settings(self) -> JSONObject:
        return {"keyJson": self._cloud.account().key_json}

    def topics(self) -> list[str]:
        return [self._name]

    def put(self, lane: str, texts: Sequence[str]) -> None:
        self._cloud.publish(self._name, texts, key=lane)

    def restart(self) -> None:
        self._cloud.restart()

    def expire(self) -> None:
        self._cloud.fault("unauthenticated")

    def renew(self) -> None:
        self._cloud.fault("none")


def _at(data: JSONObject, path: str) -> Any:
    """Return what stands at a path such as data.message."""
    found: Any = {"data": data}
    for name in path.split("."):
        found = found[name]
    return found


def with_lane(text: str, lane: str) -> str:
    """Return a numbered message that says its lane, for protocols that do not."""
    return f'{text[:-1]}, "lane": "{lane}"}}'


class Place(Proxy):
    """The server of one type with its proxy, for the tests of a module; each test gets a source of its own."""

    def __init__(self, port: int, make: Callable[["Place"], Source]) -> None:
        super().__init__(port)
        self._make = make

    def source(self) -> Source:
        """Return a source of the test's own."""
        return self._make(self)


@contextmanager
def _mqtt(folder: Path) -> Iterator[Place]:
    with (
        Mosquitto("password", options=keeping(folder)) as broker,
        Publisher(broker.ports["plain"]) as publisher,
        Place(broker.ports["password"], lambda place: Mqtt(place, broker, publisher)) as place,
    ):
        yield place


@contextmanager
def _websocket(folder: Path) -> Iterator[Place]:
    with WebsocketServer(password=True) as server, Place(server.port, lambda place: Websocket(place, server)) as place:
        yield place


@contextmanager
def _particle(folder: Path) -> Iterator[Place]:
    with ParticleCloud() as cloud, Place(cloud.port, lambda place: Particle(place, cloud)) as place:
        yield place


@contextmanager
def _sqs(folder: Path) -> Iterator[Place]:
    with SqsServer() as cloud, Place(cloud.port, lambda place: Queue(place, cloud)) as place:
        yield place


@contextmanager
def _hubs(folder: Path) -> Iterator[Place]:
    with EventHubs() as hubs, Place(hubs.port, lambda place: Hub(place, hubs)) as place:
        yield place


@contextmanager
def _pubsub(folder: Path) -> Iterator[Place]:
    with PubsubServer(longest_lease=LEASE_SECONDS) as cloud, Place(cloud.port, lambda place: Topic(place, cloud)) as place:
        yield place


PLACES: dict[str, Any] = {
    "mqtt": _mqtt,
    "websocket": _websocket,
    "sqs": _sqs,
    "azureEventHub": _hubs,
    "googlePubSub": _pubsub,
    "particle": _particle,
}
"""By the name of the type: a context, given a folder, with a `Place`."""


def environment(type_name: str, place: Place) -> dict[str, str]:
    """Return what processes must know to find a service whose address is no setting."""
    if type_name not in ("particle", "googlePubSub"):
        return {}
    return {"WEGNOLOGY_SERVICE_URLS": f"{type_name}=http://{LOOPBACK}:{place.port}"}
