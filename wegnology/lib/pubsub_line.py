"""A connection to Google Pub/Sub: a gRPC channel on the loop to a judged address, and calls with a login, none of them repeated.

gRPC resolves and connects in C, where nothing judges it: the name is looked up here, the channel is given the addresses, and the
name goes beside it for TLS. It costs no thread; all channels of a process share one. Importing this module takes a second and
40 MB: import it when it is needed, in a thread (`opened`).
"""

import asyncio
import ipaddress
import json
import math
import os
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import grpc
from google.api_core.exceptions import GoogleAPICallError
from google.auth import jwt
from google.pubsub_v1.services.publisher import PublisherAsyncClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.services.subscriber import SubscriberAsyncClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport

from wegnology.lib.egress import resolve
from wegnology.lib.http_client import Origin
from wegnology.lib.pubsub_faults import PubsubFault, PubsubLost, meant

AUDIENCE = "https://pubsub.googleapis.com/"
"""Whom tokens are for, wherever the service is."""
MESSAGE_BYTES = 32 * 1024 * 1024
RENEWED_SECONDS = 1.0
LOST_SECONDS = 0.05
_BUNDLES = ("ca-certificates.crt", "ca-bundle.crt")
_OPTIONS: Sequence[tuple[str, int]] = (
    ("grpc.use_local_subchannel_pool", 1),  # else lines of different integrations share a connection, which is bounded
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),  # it would resolve the name, unjudged
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_metadata_size", 4 * 1024 * 1024),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)


class Login:
    """Tokens of a service account, signed here; none is asked for anywhere. They hold for an hour."""

    def __init__(self, key_json: str) -> None:
        """Read a key file that `google_keys.read_key` accepted; takes some milliseconds."""
        make: Any = jwt.Credentials.from_service_account_info
        self._credentials: Any = make(json.loads(key_json), audience=AUDIENCE)
        self._renewed = -math.inf

    def __repr__(self) -> str:
        return "<Login>"

    def metadata(self) -> list[tuple[str, str]]:
        """Return what goes with a call."""
        headers: dict[str, str] = {}
        self._credentials.before_request(None, "POST", AUDIENCE, headers)
        return list(headers.items())

    def renew(self) -> bool:
        """Sign a new token, because the service did not take the last one; not where that was new itself."""
        if time.monotonic() - self._renewed < RENEWED_SECONDS:
            return False
        self._renewed = time.monotonic()
        self._credentials.refresh(None)
        return True


class PubsubLine:
    """One channel. Calls raise `PubsubFault`; the service's errors are its `__cause__`."""

    def __init__(self, origin: Origin, login: Login, addresses: Sequence[str]) -> None:
        self._login = login
        self._closed = False
        self.proven = False
        """The service has answered something."""
        self._channel = _channel(origin, addresses)

    def __repr__(self) -> str:
        return f"<PubsubLine proven={self.proven}>"

    @cached_property
    def subscriber(self) -> Any:
        """The client's methods for subscriptions."""
        return SubscriberAsyncClient(transport=SubscriberGrpcAsyncIOTransport(channel=self._channel))

    @cached_property
    def publisher(self) -> Any:
        """The client's methods for topics."""
        return PublisherAsyncClient(transport=PublisherGrpcAsyncIOTransport(channel=self._channel))

    @property
    def ready(self) -> bool:
        """Say whether the connection stands."""
        return bool(self._channel.get_state() is grpc.ChannelConnectivity.READY)

    async def ask(self, method: Callable[..., Any], request: Mapping[str, Any], *, seconds: float, about: str = "") -> Any:
        """Call a method of a client once; a second time only when the token was not taken."""
        try:
            return await self._call(method, request, seconds, about)
        except PubsubFault as fault:
            if fault.code != "UNAUTHENTICATED" or not self.proven or not self._login.renew():
                raise
        return await self._call(method, request, seconds, about)

    async def _call(self, method: Callable[..., Any], request: Mapping[str, Any], seconds: float, about: str) -> Any:
        try:
            answer = await method(request=request, retry=None, timeout=seconds, metadata=self._login.metadata())
        except (GoogleAPICallError, grpc.RpcError, grpc.aio.UsageError) as error:
            raise self.fault(error, about) from error
        except asyncio.CancelledError:
            if is_cancelled() or not self._closed:
                raise
            raise PubsubLost("CANCELLED", "closed", about) from None
        self.proven = True
        return answer

    def stream(self) -> Any:
        """Begin a streaming pull; the call is gRPC's own."""
        return self.subscriber.transport.streaming_pull(metadata=self._login.metadata())

    def renew(self) -> bool:
        """Use another token from now on; say whether there is one."""
        return self._login.renew()

    def fault(self, error: BaseException, about: str = "") -> PubsubFault:
        """Return an error of the client library as ours."""
        if isinstance(error, GoogleAPICallError):
            code: Any = error.grpc_status_code
            said = str(error.message or "")
        elif isinstance(error, grpc.aio.AioRpcError):
            code, said = error.code(), str(error.details() or "")
        else:
            return PubsubLost("UNAVAILABLE", str(error), about)
        return self.told(code, said, about)

    def told(self, code: Any, said: str | None, about: str) -> PubsubFault:
        """Return what a call ended with as a fault; a connection that is gone is told from a service that says no."""
        name, said = meant(code.name if code is not None else "UNKNOWN", said or "")
        lost = name == "UNAVAILABLE" and self.proven and not self.ready
        return (PubsubLost if lost else PubsubFault)(name, said, about)

    async def told_surely(self, code: Any, said: str | None, about: str) -> PubsubFault:
        """As `told`, for the end of a stream: that the connection is gone may be known only a moment later."""
        fault = self.told(code, said, about)
        if fault.code == "UNAVAILABLE" and not isinstance(fault, PubsubLost):
            await asyncio.sleep(LOST_SECONDS)
            fault = self.told(code, said, about)
        return fault

    async def close(self) -> None:
        """Close the connection; calls under way end."""
        if not self._closed:
            self._closed = True
            await self._channel.close()


async def line_to(origin: Origin, login: Login, seconds: float) -> PubsubLine:
    """Return a line to judged addresses of the service; it connects with the first call. Raises as `egress.resolve`."""
    return PubsubLine(origin, login, await resolve(origin.host, timeout=seconds))


def is_cancelled() -> bool:
    """Tell a cancellation of this task from the end of a channel or a call, which the library reports as one, too."""
    task = asyncio.current_task()  # no frame of an exception may know it: that would be a circle, which keeps connections open
    return task is not None and task.cancelling() > 0


def _channel(origin: Origin, addresses: Sequence[str]) -> Any:
    """Make a channel to exactly these addresses, of one family."""
    version = ipaddress.ip_address(addresses[0]).version
    same = [address for address in addresses if ipaddress.ip_address(address).version == version]
    if version == 4:
        target = "ipv4:" + ",".join(f"{address}:{origin.port}" for address in same)
    else:
        target = "ipv6:" + ",".join(f"[{address}]:{origin.port}" for address in same)
    options: list[tuple[str, Any]] = [*_OPTIONS, ("grpc.default_authority", origin.header)]
    if not origin.secure:
        return grpc.aio.insecure_channel(target, options=options)
    options.append(("grpc.ssl_target_name_override", origin.host))
    return grpc.aio.secure_channel(target, _credentials(origin.ca), options=options)


@lru_cache(maxsize=8)
def _credentials(authority: str | None) -> Any:
    """Return TLS settings; shared, since each holds every authority in a form of its own."""
    return grpc.ssl_channel_credentials(authority.encode() if authority else _trusted())


def _trusted() -> bytes | None:
    """Return the authorities that this machine trusts, which all other connections use; None for those that gRPC brings."""
    paths = ssl.get_default_verify_paths()
    found = [Path(paths.cafile)] if paths.cafile else []
    found += [Path(paths.capath) / name for name in _BUNDLES] if paths.capath else []
    if not os.environ.get("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"):
        for path in found:
            if path.is_file():
                return path.read_bytes()
    return None
