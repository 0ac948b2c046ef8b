"""Topics as Google Pub/Sub gives them, over gRPC in clear. Every login is welcome, and what was sent never comes again."""

import asyncio
import itertools
import json
import threading
from collections.abc import AsyncIterator, Sequence
from functools import cache
from typing import Any

import grpc
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1.types import pubsub as types

from bench.kinds.base import Crowd, Kind, kinds
from wegnology.lib.types import JSONObject

_BATCH = 100
_PROJECT = "bench-1234"
_Message, _Received, _Answer = types.PubsubMessage.pb(), types.ReceivedMessage.pb(), types.StreamingPullResponse.pb()
_Subscription: Any = types.Subscription.pb()


@kinds.register
class GooglePubSubKind(Kind):
    """One topic an integration."""

    name = "googlePubSub"
    label = "Google Pub/Sub"
    text = "data.data"
    crowd = Crowd(40, 20.0)
    idle = 50

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=self.name, daemon=True)
        self._server: Any = None
        self._ids = itertools.count(10_000_000_000)
        self._queues: dict[str, asyncio.Queue[bytes]] = {}

    @classmethod
    def settings(cls, port: int, number: int) -> JSONObject:
        """Return a key that nobody checks."""
        return {"keyJson": _key()}

    @classmethod
    def topics(cls, number: int) -> list[str]:
        """Return the topic."""
        return [_topic(number)]

    @classmethod
    def environment(cls, port: int) -> dict[str, str]:
        """Say where the service is."""
        return {"WEGNOLOGY_SERVICE_URLS": f"googlePubSub=http://127.0.0.1:{port}"}

    def start(self, integrations: int) -> int:
        """Serve on a free port of loopback."""
        self._thread.start()
        return asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(30)

    async def _serve(self) -> int:
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(call, asked.pb().FromString, lambda answer: answer.SerializeToString())
            for name, asked, call in (
                ("GetSubscription", types.GetSubscriptionRequest, self._get),
                ("CreateSubscription", types.Subscription, self._create),
                ("DeleteSubscription", types.DeleteSubscriptionRequest, self._done),
                ("Acknowledge", types.AcknowledgeRequest, self._done),
                ("ModifyAckDeadline", types.ModifyAckDeadlineRequest, self._done),
            )
        }
        handlers["StreamingPull"] = grpc.stream_stream_rpc_method_handler(
            self._pull, types.StreamingPullRequest.pb().FromString, _Answer.SerializeToString
        )
        options = [("grpc.http2.min_ping_interval_without_data_ms", 5_000)]
        self._server = grpc.aio.server(options=options)
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("google.pubsub.v1.Subscriber", handlers)])
        port = int(self._server.add_insecure_port("127.0.0.1:0"))
        await self._server.start()
        return port

    async def _get(self, request: Any, context: Any) -> Any:
        topic = request.subscription.partition("bench-in-")[2]
        return _Subscription(name=request.subscription, topic=f"projects/{_PROJECT}/topics/bench-in-{topic}")

    async def _create(self, request: Any, context: Any) -> Any:
        return request

    async def _done(self, request: Any, context: Any) -> Any:
        return Empty()

    async def _pull(self, requests: AsyncIterator[Any], context: Any) -> None:
        first = await anext(aiter(requests))
        queue = self._queues.setdefault(f"bench-in-{first.subscription.partition('bench-in-')[2]}", asyncio.Queue())
        await context.send_initial_metadata(())
        while True:
            bodies = [await queue.get()]
            while len(bodies) < _BATCH and not queue.empty():
                bodies.append(queue.get_nowait())
            await context.write(_Answer(received_messages=[self._received(body) for body in bodies]))

    def _received(self, body: bytes) -> Any:
        number = str(next(self._ids))
        return _Received(ack_id=number * 15, message=_Message(data=body, message_id=number))

    def publish(self, number: int, bodies: Sequence[bytes]) -> None:
        """Hand over to the server's loop."""
        self._loop.call_soon_threadsafe(self._put, _topic(number), bodies)

    def _put(self, topic: str, bodies: Sequence[bytes]) -> None:
        queue = self._queues.setdefault(topic, asyncio.Queue())
        for body in bodies:
            queue.put_nowait(body)

    def stop(self) -> None:
        """Stop the server and its loop."""
        if self._thread.is_alive():
            if self._server is not None:
                asyncio.run_coroutine_threadsafe(self._server.stop(0), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)


def _topic(number: int) -> str:
    return f"bench-in-{number:04d}"


@cache
def _key() -> str:
    """Return the key file of a service account that nobody knows; one for all."""
    key = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    about = {"type": "service_account", "project_id": _PROJECT, "private_key_id": "0a1b2c", "private_key": key}
    about["client_email"] = f"bench@{_PROJECT}.iam.gserviceaccount.com"
    return json.dumps({**about, "token_uri": "https://oauth2.googleapis.com/token"})
