"""Calls about topics and subscriptions of Google Pub/Sub, for receiving, tidying up and checks. None raises but `PubsubFault`."""

from collections.abc import Sequence
from typing import Any

from wegnology.lib.pubsub_faults import PubsubFault
from wegnology.lib.pubsub_line import PubsubLine
from wegnology.lib.pubsub_names import Project

DELETED_TOPIC = "_deleted-topic_"
ATTACH = "pubsub.topics.attachSubscription"
CONSUME = "pubsub.subscriptions.consume"


class Topics:
    """The topics of a project, over a line; each call may take `seconds`."""

    def __init__(self, line: PubsubLine, project: Project, seconds: float) -> None:
        self.project = project
        self._line, self._seconds = line, seconds

    async def _subscriber(self, method: str, request: dict[str, Any], about: str) -> Any:
        return await self._line.ask(getattr(self._line.subscriber, method), request, seconds=self._seconds, about=about)

    async def subscribe(self, topic: str, name: str, lease_seconds: int) -> None:
        """Make sure that the subscription exists; one whose topic was deleted is made anew, it would get nothing any more."""
        full = self.project.topic(topic)
        found = await self.topic_of(name)
        if found == full:
            return
        if found == DELETED_TOPIC:
            await self.unsubscribe(name)
        elif found:
            raise PubsubFault("ALREADY_EXISTS", f"{name} is a subscription to {found}", f"the topic {topic}")
        request = {
            "name": self.project.subscription(name),
            "topic": full,
            "ack_deadline_seconds": lease_seconds,
            "enable_message_ordering": True,
            "expiration_policy": {},  # never: it is kept while the integration is switched off
        }
        try:
            await self._subscriber("create_subscription", request, f"the topic {topic} in the project {self.project.id}")
        except PubsubFault as fault:
            if fault.code != "ALREADY_EXISTS":
                raise

    async def topic_of(self, name: str) -> str:
        """Return the full name of a subscription's topic, or "" when there is no such subscription."""
        request = {"subscription": self.project.subscription(name)}
        try:
            return str((await self._subscriber("get_subscription", request, f"the subscription {name}")).topic)
        except PubsubFault as fault:
            if fault.code != "NOT_FOUND":
                raise
        return ""

    async def unsubscribe(self, name: str) -> None:
        """Delete a subscription, if there is one."""
        request = {"subscription": self.project.subscription(name)}
        try:
            await self._subscriber("delete_subscription", request, f"the subscription {name}")
        except PubsubFault as fault:
            if fault.code != "NOT_FOUND":
                raise

    async def look(self, topic: str) -> None:
        """Make sure that there is such a topic; who may not look at it is believed."""
        request, about = {"topic": self.project.topic(topic)}, f"the topic {topic} in the project {self.project.id}"
        try:
            await self._line.ask(self._line.publisher.get_topic, request, seconds=self._seconds, about=about)
        except PubsubFault as fault:
            if fault.code != "PERMISSION_DENIED":
                raise

    async def show_login(self) -> None:
        """Ask something that needs a login, but no more than that: an account that may not see topics has one, too."""
        request = {"project": f"projects/{self.project.id}", "page_size": 1}
        about = f"the project {self.project.id}"
        try:
            await self._line.ask(self._line.publisher.list_topics, request, seconds=self._seconds, about=about)
        except PubsubFault as fault:
            if fault.code != "PERMISSION_DENIED":
                raise

    async def missing(self, resource: str, wanted: Sequence[str]) -> list[str]:
        """Return the permissions that the login lacks; none where the service cannot tell."""
        request = {"resource": resource, "permissions": list(wanted)}
        try:
            found = await self._subscriber("test_iam_permissions", request, f"the permissions for {resource}")
        except PubsubFault as fault:
            if fault.code not in ("UNIMPLEMENTED", "NOT_FOUND"):
                raise
            return []
        return [one for one in wanted if one not in found.permissions]
