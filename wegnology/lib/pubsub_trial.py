"""Checks what a login may do with topics of Google Pub/Sub; nothing is created, received or changed."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from wegnology.lib.check_steps import Finding, Phase
from wegnology.lib.marking import marked
from wegnology.lib.pubsub_faults import EDITOR, PubsubFault
from wegnology.lib.pubsub_names import Project
from wegnology.lib.pubsub_topics import ATTACH, CONSUME, DELETED_TOPIC, Topics

AT_ONCE = 8
_GRANT = f"Give the service account the role {EDITOR} in the project."


class TopicTrial:
    """The phases of a check that come after the connection. `subscriptions` are the integration's own, by topic."""

    def __init__(self, open_topics: Callable[[], Awaitable[Topics]], project: Project, subscriptions: Mapping[str, str]) -> None:
        self._open, self._project, self._subscriptions = open_topics, project, subscriptions
        self._topics: Topics | None = None
        self._limit = asyncio.Semaphore(AT_ONCE)

    def phases(self) -> Sequence[Phase]:
        """Return the phases in order."""
        phases = [Phase(marked("Log in"), self._log_in, seconds=20.0)]
        if self._subscriptions:
            phases.append(Phase(marked("See the topics"), self._see))
        return phases

    async def _log_in(self) -> Finding:
        self._topics = await self._open()
        await self._topics.show_login()
        return Finding(f"Google takes the key, for the project {self._project.id}.")

    async def _see(self) -> Finding:
        told = await asyncio.gather(*(self._one(*both) for both in self._subscriptions.items()))
        faults = [text for text in told if text]
        if faults:
            return Finding(" ".join(faults), _GRANT)
        topics = ", ".join(self._subscriptions)
        return Finding(f"Messages of {topics} can be received.")

    async def _one(self, topic: str, name: str) -> str:
        """Say what the login may not do with a topic; raises when there is no such topic."""
        async with self._limit:
            topics = self._topics
            if topics is None:
                raise RuntimeError("the login comes first")
            full = self._project.topic(topic)
            found = await topics.topic_of(name)
            if found == full:
                missing = await topics.missing(self._project.subscription(name), [CONSUME])
            else:
                if found and found != DELETED_TOPIC:
                    raise PubsubFault("ALREADY_EXISTS", f"{name} is a subscription to {found}", f"the topic {topic}")
                await topics.look(topic)
                missing = await topics.missing(full, [ATTACH])
            return f"{topic}: not allowed: {', '.join(missing)}." if missing else ""
