"""Numbered messages into a broker and out of it again."""

import json
import threading
from collections import Counter
from collections.abc import Collection, Sequence
from types import TracebackType
from typing import Any, Self

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from tests.servers.processes import LOOPBACK, wait_until
from wegnology.lib.ids import new_id


class _Peer:
    """A client of the broker with a session that survives lost connections."""

    def __init__(self, port: int) -> None:
        self.client = Client(CallbackAPIVersion.VERSION2, f"test-{new_id()}", clean_session=False)
        self.client.reconnect_delay_set(1, 1)
        self.client.max_queued_messages_set(0)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_publish = self._on_publish
        self.connected = threading.Event()
        self._port = port
        self._confirmed: set[int] = set()

    def _on_connect(
        self, client: Client, userdata: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self.connected.set()

    def _on_disconnect(
        self, client: Client, userdata: Any, flags: DisconnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self.connected.clear()

    def _on_publish(self, client: Client, userdata: Any, mid: int, reason: ReasonCode, properties: Properties) -> None:
        self._confirmed.add(mid)

    def __enter__(self) -> Self:
        self.client.connect(LOOPBACK, self._port)
        self.client.loop_start()
        wait_until(self.connected.is_set, what="a test client connected")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Publisher(_Peer):
    """Publishes and counts only what the broker confirmed."""

    def publish(self, topic: str, message: str, *, qos: int = 1, retain: bool = False, seconds: float = 30) -> None:
        """Publish one message; returns when it is confirmed (QoS 0: written)."""
        self._await([self.client.publish(topic, message, qos, retain).mid], seconds)

    def publish_at_once(self, topic: str, messages: Sequence[str], seconds: float = 60) -> None:
        """Hand all messages to the client without waiting; returns when all are confirmed."""
        self._await([self.client.publish(topic, message, 1).mid for message in messages], seconds)

    def publish_numbers(self, topics: list[str], first: int, last: int, seconds: float = 60) -> None:
        """Publish the numbers of a range to each topic, QoS 1; returns when all are confirmed.

        A few at a time: whatever was sent again after a lost connection is confirmed before the next ones go, so the
        broker gets the numbers in order.
        """
        for number in range(first, last + 1, 10):
            chunk = range(number, min(number + 10, last + 1))
            wait_until(self.connected.is_set, seconds, "the publisher connected")
            mids = [self.client.publish(topic, json.dumps({"n": n}), 1).mid for n in chunk for topic in topics]
            self._await(mids, seconds)

    def _await(self, mids: list[int], seconds: float) -> None:
        wanted = set(mids)
        wait_until(lambda: wanted <= self._confirmed, seconds, "confirmation of what was published")
        self._confirmed -= wanted


class Load:
    """A thread that publishes the numbers 1, 2, 3 ... to each topic until told to stop. The last confirmed one is `confirmed`."""

    def __init__(self, publisher: Publisher, topics: list[str], per_second: float = 100) -> None:
        self._publisher = publisher
        self._topics = topics
        self._pause = 10 / per_second
        self.confirmed = 0
        self._fault: BaseException | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load")

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._pause):
                self._publisher.publish_numbers(self._topics, self.confirmed + 1, self.confirmed + 10)
                self.confirmed += 10
        except BaseException as fault:  # noqa: BLE001  (told to the test below)
            self._fault = fault

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def wait(self, more: int, seconds: float = 60) -> int:
        """Wait until so many more numbers are confirmed; return the last one."""
        goal = self.confirmed + more
        wait_until(lambda: self.confirmed >= goal or self._fault is not None, seconds, f"number {goal} confirmed")
        if self._fault is not None:
            raise self._fault
        return self.confirmed

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        if self._fault is not None and error is None:
            raise self._fault


class Collector(_Peer):
    """Keeps everything that arrives under a topic, in order of arrival."""

    def __init__(self, port: int, topic: str = "out/#") -> None:
        super().__init__(port)
        self._topic = topic
        self._arrived: dict[str, list[str]] = {}
        self.client.on_subscribe = self._on_subscribe
        self.client.on_message = self._on_message
        self._subscribed = threading.Event()

    def __enter__(self) -> Self:
        super().__enter__()
        self.client.subscribe(self._topic, qos=1)
        wait_until(self._subscribed.is_set, what="the collector subscribed")
        return self

    def _on_subscribe(self, *_: Any) -> None:
        self._subscribed.set()

    def _on_message(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        self._arrived.setdefault(message.topic, []).append(message.payload.decode())

    def messages(self, topic: str) -> list[str]:
        """Return what arrived on a topic."""
        return list(self._arrived.get(topic, []))

    def numbers(self, topic: str) -> list[int]:
        """Return the numbers that arrived on a topic."""
        return [int(json.loads(message)["n"]) for message in self.messages(topic)]

    def has(self, topic: str, last: int, without: Collection[int] = ()) -> bool:
        """Say whether every number up to `last` arrived, except some."""
        wanted = set(range(1, last + 1)).difference(without)
        return len(self._arrived.get(topic, [])) >= len(wanted) and set(self.numbers(topic)) >= wanted

    def repeated(self, topic: str) -> set[int]:
        """Return the numbers that arrived more than once."""
        return {number for number, times in Counter(self.numbers(topic)).items() if times > 1}
