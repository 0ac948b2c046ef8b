"""A Pub/Sub counterpart on loopback: the Publisher and Subscriber services with the published message classes, over gRPC.

It checks tokens as Google does: each is verified with the public key of the service account that signed it, and each call needs
its permission. `fault` switches what a service can do to its clients; the network's own faults are the proxy's.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import grpc
from google.iam.v1 import iam_policy_pb2
from google.pubsub_v1.types import pubsub as types

from tests.servers.certificates import Certificates
from tests.servers.processes import LOOPBACK, free_port
from tests.servers.pubsub_accounts import PROJECT, Account, Accounts
from tests.servers.pubsub_calls import Call, Context, Publisher, Subscriber, received
from tests.servers.pubsub_store import Message, Store, Subscription

FAULTS = {
    "unavailable": "every call fails with UNAVAILABLE, streams too",
    "permission_denied": "every call fails with PERMISSION_DENIED, streams too",
    "unauthenticated": "every call fails with UNAUTHENTICATED, streams too",
    "slow_acks": "acknowledgements take a second",
    "duplicates": "every message comes twice",
    "closed_stream": "streams are ended in order as soon as they begin",
    "hang": "calls are not answered",
}
_THREADS = 256
_OPTIONS = [
    ("grpc.so_reuseport", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.max_receive_message_length", 32 * 1024 * 1024),
]


class PubsubServer:
    """One server; topics, subscriptions and accounts live through restarts. Without `certificates` it speaks in clear."""

    def __init__(
        self, certificates: Certificates | None = None, *, longest_lease: float = 600.0, port: int = 0, tokens: bool = True
    ) -> None:
        self.port = port or free_port()
        self.store = Store(longest_lease)
        self.accounts = Accounts()
        self.calls: list[str] = []
        self.streams: list[str] = []
        """Full names of the subscriptions that are being read."""
        self._certificates = certificates
        self._tokens = tokens
        self._fault = "none"
        self._epoch = 0
        self._server: grpc.Server | None = None
        self._pool = ThreadPoolExecutor(_THREADS, "pubsub")
        ready = threading.Barrier(_THREADS + 1)
        for _ in range(_THREADS):  # all at once: a test that counts threads must not see them come
            self._pool.submit(ready.wait)
        ready.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.store.close()
        self._pool.shutdown(cancel_futures=True)

    def start(self) -> None:
        """Start, or start again with what there was."""
        server = grpc.server(self._pool, options=_OPTIONS)
        server.add_generic_rpc_handlers(list(self._handlers()))
        address = f"{LOOPBACK}:{self.port}"
        if self._certificates is None:
            server.add_insecure_port(address)
        else:
            pair = (self._certificates.server_key_file.read_bytes(), self._certificates.server_file.read_bytes())
            server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
        server.start()
        self._server = server

    def stop(self) -> None:
        """Stop at once."""
        server, self._server = self._server, None
        if server is not None:
            server.stop(0).wait()

    def restart(self) -> None:
        """Stop and start again."""
        self.stop()
        self.start()

    # -- what tests do

    def account(self, *permissions: str) -> Account:
        """Make a service account with a key of its own; an editor where nothing is said."""
        return self.accounts.add(*permissions)

    def topic(self, name: str) -> str:
        """Make a topic; return its full name."""
        full = f"projects/{PROJECT}/topics/{name}"
        self.store.topics.setdefault(full, [])
        return full

    def publish(self, topic: str, texts: Sequence[str | bytes], *, key: str = "", **attributes: str) -> None:
        """Let messages arrive, in order."""
        raw = [text.encode() if isinstance(text, str) else text for text in texts]
        messages = [Message(data=data, ordering_key=key, attributes=attributes) for data in raw]
        self.store.publish(f"projects/{PROJECT}/topics/{topic}", messages)

    def published(self, topic: str) -> list[Any]:
        """Return what was published to a topic so far."""
        return list(self.store.published.get(f"projects/{PROJECT}/topics/{topic}", []))

    def subscription(self, name: str) -> Subscription:
        """Return what there is of a subscription."""
        return self.store.subscriptions[f"projects/{PROJECT}/subscriptions/{name}"]

    def left(self, name: str) -> int:
        """Return how many messages a subscription still has, those that are out included."""
        return self.store.left(f"projects/{PROJECT}/subscriptions/{name}")

    @property
    def subscriptions(self) -> list[str]:
        """The names of all subscriptions."""
        return sorted(name.rpartition("/")[2] for name in self.store.subscriptions)

    def fault(self, kind: str) -> None:
        """Switch to one of `FAULTS`, or "none"; it meets streams that are open as well."""
        if kind not in (*FAULTS, "none"):
            raise ValueError(f"There is no fault {kind!r}, but {', '.join(FAULTS)}")
        with self.store.changed:
            self._fault = kind
            self.store.duplicates = kind == "duplicates"
            self.store.changed.notify_all()

    def end_streams(self) -> None:
        """End every open stream in order; new ones are welcome."""
        with self.store.changed:
            self._epoch += 1
            self.store.changed.notify_all()

    def expire_tokens(self) -> None:
        """Take no token any more that was shown so far, and end the streams."""
        with self.store.changed:
            self.accounts.expire()
            self.store.changed.notify_all()

    # -- calls

    def _handlers(self) -> Iterator[grpc.GenericRpcHandler]:
        request, answer = iam_policy_pb2.TestIamPermissionsRequest, iam_policy_pb2.TestIamPermissionsResponse
        subscriber = Subscriber(self.store, lambda: self._fault == "slow_acks")
        services = {
            "google.pubsub.v1.Publisher": self._answered_once(Publisher(self.store).calls()),
            "google.pubsub.v1.Subscriber": {**self._answered_once(subscriber.calls()), **self._streams()},
            "google.iam.v1.IAMPolicy": self._answered_once(
                {"TestIamPermissions": Call(request, answer, "", self._test_permissions)}
            ),
        }
        for service, handlers in services.items():
            yield grpc.method_handlers_generic_handler(service, handlers)

    def _streams(self) -> dict[str, Any]:
        asked, answered = types.StreamingPullRequest.pb(), types.StreamingPullResponse.pb()
        handler = grpc.stream_stream_rpc_method_handler(self._streaming_pull, asked.FromString, answered.SerializeToString)
        return {"StreamingPull": handler}

    def _answered_once(self, calls: Mapping[str, Call]) -> dict[str, Any]:
        return {name: self._unary(name, call) for name, call in calls.items()}

    def _unary(self, name: str, call: Call) -> Any:
        def answer(request: Any, context: Context) -> Any:
            self.calls.append(name)
            self._admit(context, call.permission)
            try:
                given = call.work(request, context)
            except KeyError:
                context.abort(grpc.StatusCode.NOT_FOUND, "Resource not found.")
            return given if isinstance(given, call.answered) else call.answered()

        return grpc.unary_unary_rpc_method_handler(answer, call.asked.FromString, call.answered.SerializeToString)

    def _admit(self, context: Context, permission: str) -> str:
        """Return the token of a call that may go on; every other one is aborted."""
        deadline = time.monotonic() + 60
        while self._fault == "hang" and context.is_active() and time.monotonic() < deadline:
            time.sleep(0.02)
        self._fail_with_fault(context)
        if not self._tokens:
            return ""
        token = str(dict(context.invocation_metadata()).get("authorization", "")).removeprefix("Bearer ")
        account = self.accounts.of(token)
        if account is None:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "Request had invalid authentication credentials.")
            raise AssertionError
        if permission and not account.may(permission):
            text = "User not authorized to perform this action."
            context.abort(grpc.StatusCode.PERMISSION_DENIED, text)
        return token

    def _fail_with_fault(self, context: Context) -> None:
        codes = ("unavailable", "permission_denied", "unauthenticated")
        if self._fault in codes:
            context.abort(grpc.StatusCode[self._fault.upper()], "The fault was switched on.")

    def _test_permissions(self, request: Any, context: Context) -> Any:
        token = self._admit(context, "")
        account = self.accounts.of(token)
        held = [one for one in request.permissions if account is None or account.may(one.removeprefix("pubsub."))]
        return iam_policy_pb2.TestIamPermissionsResponse(permissions=held)

    def _streaming_pull(self, requests: Iterator[Any], context: Context) -> Iterator[Any]:
        self.calls.append("StreamingPull")
        token = self._admit(context, "subscriptions.consume")
        first = next(requests)
        name, holder, epoch = first.subscription, object(), self._epoch
        over = threading.Event()
        context.add_callback(over.set)
        context.send_initial_metadata(())
        threading.Thread(target=self._follow, args=(name, requests, over), name="stream", daemon=True).start()
        self.streams.append(name)
        try:
            yield from self._stream(first, holder, epoch, token, over, context)
        finally:
            self.streams.remove(name)

    def _stream(
        self, first: Any, holder: object, epoch: int, token: str, over: threading.Event, context: Context
    ) -> Iterator[Any]:
        name = first.subscription
        most = first.max_outstanding_messages or 2**31
        most_bytes = first.max_outstanding_bytes or 2**31
        while not over.is_set():
            with self.store.changed:
                if name not in self.store.subscriptions:
                    context.abort(grpc.StatusCode.NOT_FOUND, "Resource not found.")
                if token and token in self.accounts.expired:
                    context.abort(grpc.StatusCode.UNAUTHENTICATED, "Request had invalid authentication credentials.")
                self._fail_with_fault(context)
                if epoch != self._epoch or self._fault == "closed_stream":
                    return
                count, size = self.store.held(name, holder)
                seconds = first.stream_ack_deadline_seconds
                taken = self.store.take(name, holder, seconds, most - count, most_bytes - size) if self._fault != "hang" else []
                if not taken:
                    self.store.changed.wait(0.5)
                    continue
            yield types.StreamingPullResponse.pb()(received_messages=received(taken))

    def _follow(self, name: str, requests: Iterator[Any], over: threading.Event) -> None:
        """Take what a client says on its stream; the stream ends with it."""
        try:
            for request in requests:
                if name in self.store.subscriptions:
                    self.store.acknowledge(name, request.ack_ids)
                    for ack_id, seconds in zip(request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True):
                        self.store.extend(name, [ack_id], seconds)
        except grpc.RpcError:
            pass
        over.set()
        with self.store.changed:
            self.store.changed.notify_all()
