"""Topics and subscriptions of the Pub/Sub counterpart: what waits, what is out with whom, and what comes again.

https://cloud.google.com/pubsub/docs/subscription-properties
"""

import heapq
import itertools
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp
from google.pubsub_v1.types import PubsubMessage

from tests.servers.processes import wait_until

DELETED_TOPIC = "_deleted-topic_"
Message: Any = PubsubMessage.pb()


class Out(NamedTuple):
    """A message that somebody has; `holder` is the stream that got it."""

    seq: int
    message: Any
    deadline: float
    holder: object


class Subscription:
    """What one subscription still has to give. Changed only by the store, under its lock."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings
        self.waiting: list[tuple[int, Any]] = []
        self.out: dict[str, Out] = {}
        self.acknowledged = 0
        self.delivered = 0
        self.extended = 0

    def give_back(self, ack_id: str) -> None:
        """Let a message come again; those after it with its ordering key come again too, in order."""
        out = self.out.pop(ack_id, None)
        if out is None:
            return
        heapq.heappush(self.waiting, (out.seq, out.message))
        key = out.message.ordering_key
        if self.settings.enable_message_ordering and key:
            later = [name for name, one in self.out.items() if one.seq > out.seq and one.message.ordering_key == key]
            for name in later:
                one = self.out.pop(name)
                heapq.heappush(self.waiting, (one.seq, one.message))


class Store:
    """All topics and subscriptions by their full names."""

    def __init__(self, longest_lease: float) -> None:
        self.topics: dict[str, list[str]] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.published: dict[str, list[Any]] = {}
        self.changed = threading.Condition()
        self.duplicates = False
        self._longest_lease = longest_lease
        self._numbers = itertools.count(1)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="leases", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop watching leases."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            now = time.monotonic()
            with self.changed:
                for subscription in self.subscriptions.values():
                    for ack_id in [name for name, out in subscription.out.items() if out.deadline < now]:
                        subscription.give_back(ack_id)
                self.changed.notify_all()

    def add(self, settings: Any) -> None:
        """Make a subscription."""
        with self.changed:
            self.subscriptions[settings.name] = Subscription(settings)
            self.topics[settings.topic].append(settings.name)

    def delete(self, name: str) -> None:
        """Delete a subscription with what waits in it."""
        with self.changed:
            gone = self.subscriptions.pop(name)
            if name in self.topics.get(gone.settings.topic, []):
                self.topics[gone.settings.topic].remove(name)
            self.changed.notify_all()

    def delete_topic(self, name: str) -> None:
        """Delete a topic; its subscriptions stay and get nothing more."""
        with self.changed:
            for left in self.topics.pop(name):
                self.subscriptions[left].settings.topic = DELETED_TOPIC

    def publish(self, topic: str, messages: Iterable[Any]) -> list[str]:
        """Give messages to every subscription of a topic; return their ids."""
        ids = []
        with self.changed:
            for message in messages:
                seq = next(self._numbers)
                kept = Message()
                kept.CopyFrom(message)
                kept.message_id = str(10_000_000_000 + seq)
                kept.publish_time.CopyFrom(_now())
                ids.append(kept.message_id)
                self.published.setdefault(topic, []).append(kept)
                for name in self.topics[topic]:
                    heapq.heappush(self.subscriptions[name].waiting, (seq, kept))
            self.changed.notify_all()
        return ids

    def take(self, name: str, holder: object, seconds: float, room: int, room_bytes: int) -> list[tuple[str, Any]]:
        """Take messages for a holder, within what it may still hold; each with its new ack id. Hold the lock."""
        subscription = self.subscriptions[name]
        taken: list[tuple[str, Any]] = []
        limit = time.monotonic() + min(seconds, self._longest_lease)
        while subscription.waiting and len(taken) < min(room, 100) and room_bytes > 0:
            seq, message = heapq.heappop(subscription.waiting)
            room_bytes -= len(message.data)
            for _ in range(2 if self.duplicates else 1):
                ack_id = f"{seq}-{next(self._numbers)}"
                subscription.out[ack_id] = Out(seq, message, limit, holder)
                subscription.delivered += 1
                taken.append((ack_id, message))
        return taken

    def acknowledge(self, name: str, ack_ids: Sequence[str]) -> None:
        """Forget messages for good; unknown ids are ignored, as Google does."""
        with self.changed:
            subscription = self.subscriptions[name]
            for ack_id in ack_ids:
                out = subscription.out.pop(ack_id, None)
                subscription.acknowledged += out is not None
            self.changed.notify_all()

    def extend(self, name: str, ack_ids: Sequence[str], seconds: float) -> None:
        """Give more time; 0 gives messages back."""
        with self.changed:
            subscription = self.subscriptions[name]
            limit = time.monotonic() + min(seconds, self._longest_lease)
            for ack_id in ack_ids:
                out = subscription.out.get(ack_id)
                if out is None:
                    continue
                if seconds:
                    subscription.out[ack_id] = out._replace(deadline=limit)
                    subscription.extended += 1
                else:
                    subscription.give_back(ack_id)
            self.changed.notify_all()

    def held(self, name: str, holder: object) -> tuple[int, int]:
        """Return how many messages and bytes a holder has. Hold the lock."""
        ours = [out for out in self.subscriptions[name].out.values() if out.holder is holder]
        return len(ours), sum(len(out.message.data) for out in ours)

    def left(self, name: str) -> int:
        """Return how many messages a subscription still has, those that are out included."""
        with self.changed:
            subscription = self.subscriptions[name]
            return len(subscription.waiting) + len(subscription.out)

    def wait_empty(self, name: str, seconds: float = 20) -> None:
        """Wait until everything was acknowledged."""
        wait_until(lambda: self.left(name) == 0, seconds, f"an empty {name}")


def _now() -> Timestamp:
    stamp = Timestamp()
    stamp.FromNanoseconds(time.time_ns() // 1_000_000 * 1_000_000)
    return stamp
