"""The way to Google Pub/Sub with a service account's key. The client library is loaded with the first use, beside the loop."""

import ssl
from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar

from wegnology.lib.http_client import Origin
from wegnology.lib.opening import Opening
from wegnology.lib.pubsub_faults import PubsubFault
from wegnology.lib.pubsub_names import Project
from wegnology.lib.threads import in_thread

if TYPE_CHECKING:
    from wegnology.lib.pubsub_line import Login, PubsubLine
    from wegnology.lib.pubsub_topics import Topics

T = TypeVar("T")
LOAD_SECONDS = 30.0
"""Loading the client library takes a second, much longer on a busy machine."""
_NO_WAY = ("UNAVAILABLE", "DEADLINE_EXCEEDED")


class PubsubAccount:
    """A service account at a service. Each phase of a connect may take `seconds`."""

    def __init__(self, origin: Origin, key_json: str, project: Project, seconds: float) -> None:
        self.origin = origin
        self.project = project
        self.seconds = seconds
        self._key_json = key_json
        self._login: Login | None = None

    def __repr__(self) -> str:
        return f"<PubsubAccount {self.project.id} at {self.origin.host}>"

    async def open(self) -> "PubsubLine":
        """Return a line; it connects with its first call. Raises as `egress.resolve`."""
        if self._login is None:
            self._login = await in_thread(lambda: _load(self._key_json), seconds=LOAD_SECONDS, what="Loading the client library")
        from wegnology.lib.pubsub_line import line_to

        return await line_to(self.origin, self._login, self.seconds)

    def topics(self, line: "PubsubLine") -> "Topics":
        """Return the project's topics over a line."""
        from wegnology.lib.pubsub_topics import Topics

        return Topics(line, self.project, self.seconds)

    async def proven(self, line: "PubsubLine", first: Awaitable[T]) -> T:
        """Await the first call of a line. Where it got nowhere, find out why: gRPC does not tell."""
        try:
            return await first
        except PubsubFault as fault:
            if not line.proven and fault.code in _NO_WAY:
                await self._look_why(fault)
            raise

    async def _look_why(self, fault: PubsubFault) -> None:
        opening = self.origin.opening(self.seconds)
        try:
            (await opening.open()).close()
        except (OSError, TimeoutError, ssl.SSLError) as why:
            raise why from fault
        finally:
            opening.close()

    def opening(self) -> Opening:
        """Return the same way for a check, step by step."""
        return self.origin.opening(self.seconds)


def _load(key_json: str) -> "Login":
    from wegnology.lib import pubsub_pull, pubsub_topics  # noqa: F401  (loaded here, so that the loop need not wait for it)
    from wegnology.lib.pubsub_line import Login

    return Login(key_json)
