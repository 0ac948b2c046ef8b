"""The calls of a Pub/Sub counterpart that are answered once: what each asks, answers and needs, and what it does to the store."""

import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import grpc
from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1.types import pubsub as types

from tests.servers.pubsub_store import Store

Context = Any
Work = Callable[[Any, Context], Any]


class Call(NamedTuple):
    """One method. A `KeyError` of its work means that there is no such resource; what is no answer becomes an empty one."""

    asked: Any
    answered: Any
    permission: str
    work: Work


class Publisher:
    """The service google.pubsub.v1.Publisher."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def calls(self) -> dict[str, Call]:
        """Return its methods by name."""
        topic = types.Topic.pb()
        return {
            "CreateTopic": Call(topic, topic, "topics.create", self._create),
            "GetTopic": Call(types.GetTopicRequest.pb(), topic, "topics.get", self._get),
            "DeleteTopic": Call(types.DeleteTopicRequest.pb(), Empty, "topics.delete", self._delete),
            "ListTopics": Call(types.ListTopicsRequest.pb(), types.ListTopicsResponse.pb(), "topics.list", self._list),
            "Publish": Call(types.PublishRequest.pb(), types.PublishResponse.pb(), "topics.publish", self._publish),
        }

    def _create(self, request: Any, context: Context) -> Any:
        if request.name in self._store.topics:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, "Resource already exists in the project.")
        self._store.topics[request.name] = []
        return request

    def _get(self, request: Any, context: Context) -> Any:
        self._store.topics[request.topic]
        return types.Topic.pb()(name=request.topic)

    def _delete(self, request: Any, context: Context) -> None:
        self._store.delete_topic(request.topic)

    def _list(self, request: Any, context: Context) -> Any:
        found = [types.Topic.pb()(name=name) for name in self._store.topics if name.startswith(f"{request.project}/")]
        return types.ListTopicsResponse.pb()(topics=found[: request.page_size or None])

    def _publish(self, request: Any, context: Context) -> Any:
        return types.PublishResponse.pb()(message_ids=self._store.publish(request.topic, request.messages))


class Subscriber:
    """The service google.pubsub.v1.Subscriber without its streams. While `slow()`, acknowledgements take a second."""

    def __init__(self, store: Store, slow: Callable[[], bool]) -> None:
        self._store, self._slow = store, slow

    def calls(self) -> dict[str, Call]:
        """Return its methods by name."""
        made, consume = types.Subscription.pb(), "subscriptions.consume"
        return {
            "CreateSubscription": Call(made, made, "subscriptions.create", self._create),
            "GetSubscription": Call(types.GetSubscriptionRequest.pb(), made, "subscriptions.get", self._get),
            "DeleteSubscription": Call(types.DeleteSubscriptionRequest.pb(), Empty, "subscriptions.delete", self._delete),
            "Pull": Call(types.PullRequest.pb(), types.PullResponse.pb(), consume, self._pull),
            "Acknowledge": Call(types.AcknowledgeRequest.pb(), Empty, consume, self._acknowledge),
            "ModifyAckDeadline": Call(types.ModifyAckDeadlineRequest.pb(), Empty, consume, self._extend),
        }

    def _create(self, request: Any, context: Context) -> Any:
        self._store.topics[request.topic]
        if request.name in self._store.subscriptions:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, "Resource already exists in the project.")
        self._store.add(request)
        return request

    def _get(self, request: Any, context: Context) -> Any:
        return self._store.subscriptions[request.subscription].settings

    def _delete(self, request: Any, context: Context) -> None:
        self._store.delete(request.subscription)

    def _pull(self, request: Any, context: Context) -> Any:
        with self._store.changed:
            taken = self._store.take(request.subscription, context, 10, request.max_messages, 2**31)
        return types.PullResponse.pb()(received_messages=received(taken))

    def _acknowledge(self, request: Any, context: Context) -> None:
        if self._slow():
            time.sleep(1)
        if not request.ack_ids:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "You have not specified an ack ID in the request.")
        self._store.acknowledge(request.subscription, request.ack_ids)

    def _extend(self, request: Any, context: Context) -> None:
        self._store.extend(request.subscription, request.ack_ids, request.ack_deadline_seconds)


def received(taken: Iterable[tuple[str, Any]]) -> list[Any]:
    """Return messages that were taken from the store as a client gets them."""
    return [types.ReceivedMessage.pb()(ack_id=ack_id, message=message) for ack_id, message in taken]
