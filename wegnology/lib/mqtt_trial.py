"""The phases of a check of an MQTT broker: log in under a name of its own, subscribe, look at nothing that arrives."""

from collections.abc import Sequence
from functools import partial

from paho.mqtt.reasoncodes import ReasonCode

from wegnology.lib.check_steps import Finding, Phase
from wegnology.lib.mqtt_session import BrokerFault, Session
from wegnology.lib.mqtt_topics import without_group
from wegnology.lib.opening import Opening

_SHOWN_TOPICS = 20
_NO_RIGHT = "Ask whoever runs the broker for the right to subscribe, or correct the topic."


def trial_phases(opening: Opening, session: Session, topics: Sequence[str]) -> list[Phase]:
    """Return all phases of a check, from finding the address to the last topic."""

    async def take() -> Finding:
        await session.over(opening.take(), lambda *message: None, lambda reason: None)
        return Finding("The broker answered with a WebSocket.")

    async def log_in() -> Finding:
        if session.client is None:
            await take()
        await session.log_in(0)
        return Finding(f"The broker let us in, as {session.login.client_id}.")

    phases = opening.phases()
    if session.login.framed:
        phases.append(Phase("Open the WebSocket", take))
    return [*phases, Phase("Log in", log_in), *topic_phases(session, topics)]


def topic_phases(session: Session, topics: Sequence[str]) -> list[Phase]:
    """Return the phases that try topics: the first ones one by one, then the others together. None needs the one before."""
    groups = [(f"Subscribe to {topic}", [topic]) for topic in topics[:_SHOWN_TOPICS]]
    if len(topics) > _SHOWN_TOPICS:
        groups.append((f"Subscribe to {len(topics) - _SHOWN_TOPICS} more topics", list(topics[_SHOWN_TOPICS:])))
    return [Phase(name, partial(_try_topics, session, some), needed=False) for name, some in groups]


def said(code: ReasonCode) -> str:
    """Return what the broker answered to a subscription."""
    return f"The broker refused it: {code}" if code.value >= 0x80 else f"QoS {code.value}"


async def _try_topics(session: Session, topics: Sequence[str]) -> Finding:
    """Subscribe. A shared subscription is tried without its group: joining that would take messages from its members."""
    tried = [without_group(topic) for topic in topics]
    answers = await session.subscribe(tried, retained=False)
    refused = [(topic, said(code)) for topic, code in answers if code.value >= 0x80]
    if refused:
        text = refused[0][1] if len(topics) == 1 else ", ".join(f"{topic} ({words})" for topic, words in refused)
        raise BrokerFault(text, _NO_RIGHT, lasting=True)
    how = said(answers[0][1]) if len(answers) == 1 else f"all {len(answers)}"
    return Finding(f"Granted: {how}.{' Tried without joining its group.' if tried != list(topics) else ''}")
