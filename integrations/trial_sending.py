"""Sends a test message the way runs do: by request through a sender of its own, or through the listener's connection.

Done by a tasks process, never by the web's. Counted in the ledger as any message to send. A message for a live connection is
put into the outbox only while the connection is up, and its outcome is waited for: nobody wants a test to go out in an hour.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson
from django.conf import settings
from django.utils.translation import gettext

from integrations import trial_records
from integrations.exceptions import SendFailed, SendUnknown
from integrations.runtime import scripts
from integrations.runtime.keys import key, partition_of, prefix
from integrations.runtime.reading import read_statuses
from integrations.runtime.snapshot import Desired
from integrations.runtime.status import NEVER_SEEN
from integrations.trial_records import TrialState
from wegnology.lib.egress_guard import GuardedLoop
from wegnology.lib.redis import SyncRedis
from wegnology.lib.types import JSONObject

logger = logging.getLogger(__name__)

SEND_SECONDS = 20.0
ANSWER_SECONDS = 12.0
"""How long the outcome of a send through the live connection is waited for: a little longer than the listener tries."""


class SendOutcome(NamedTuple):
    """What became of a message, in a word and in those of the service."""

    state: TrialState
    detail: str


def perform(client: SyncRedis, trial_id: str, desired_of: Callable[[str], Desired | None]) -> None:
    """Take a test message, send it, write down what became of it. One that somebody else took is left alone."""
    taken = trial_records.take(client, trial_id)
    if taken is None:
        return
    trial, message = taken
    desired = desired_of(trial.integration_id)
    outcome = _send(client, desired, message, trial.id)
    if desired is not None and desired.config is not None:
        outcome = outcome._replace(detail=desired.config.scrub(outcome.detail))
    trial_records.write(client, trial.ended(*outcome))


def _send(client: SyncRedis, desired: Desired | None, message: JSONObject, trial_id: str) -> SendOutcome:
    if desired is None:
        return SendOutcome("failed", gettext("The integration was deleted meanwhile."))
    if not desired.enabled:
        return SendOutcome("failed", gettext("The integration is disabled: enable it first."))
    if desired.connector is None or desired.connector.Outgoing is None or desired.config is None:
        faults = "; ".join(f"{name}: {text}" if name else text for name, text in desired.errors.items())
        return SendOutcome("failed", gettext("The integration cannot be used: %(faults)s") % {"faults": faults})
    if desired.connector.sends_live:
        return send_live(client, desired, message, trial_id)
    outcome = send_by_request(desired, desired.connector.Outgoing.model_validate(message), trial_id)
    counted = "sent" if outcome.state == "sent" else "failed"
    scripts.tally.call_sync(client, [prefix(), desired.integration_id, counted])
    return outcome


def send_live(client: SyncRedis, desired: Desired, message: JSONObject, trial_id: str) -> SendOutcome:
    """Send through the connection that a listener holds, and wait for what it says."""
    status = read_statuses(client, [desired.integration_id]).get(desired.integration_id, NEVER_SEEN)
    if not status.live:
        text = gettext("It is not connected, so nothing was sent. %(cause)s") % {"cause": gettext(status.latest_cause)}
        return SendOutcome("failed", text.strip())
    channel = key("trial", trial_id)
    with client.pubsub(ignore_subscribe_messages=True) as heard:  # type: ignore[no-untyped-call]
        heard.subscribe(channel)
        body = orjson.dumps({"m": message, "r": f"{channel}#{trial_id}"})
        arguments = [prefix(), settings.OUTBOX_MESSAGES, partition_of(desired.integration_id), desired.integration_id, body]
        posted = scripts.post.call_sync(client, arguments)
        if posted == b"nobody":
            return SendOutcome("failed", gettext("No listener holds it, so nothing was sent."))
        if posted == b"full":
            return SendOutcome("failed", gettext("As many messages as may wait for this connection already; nothing was sent."))
        return _answer(heard)


def _answer(heard: Any) -> SendOutcome:
    deadline = time.monotonic() + ANSWER_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        told = heard.get_message(timeout=min(left, 1.0))
        if told is None:
            continue
        kind, _, text = str(orjson.loads(told["data"])["outcome"]).partition(":")
        if not kind:
            return SendOutcome("sent", "")
        return SendOutcome("unknown" if kind == "unknown" else "failed", text)
    return SendOutcome("unknown", _unknown(ANSWER_SECONDS))


def send_by_request(desired: Desired, message: Any, identity: str, seconds: float = SEND_SECONDS) -> SendOutcome:
    """Send through a sender of its own, on a loop and a thread of its own: whatever it does, this ends in time."""
    found: list[SendOutcome] = []
    ended = threading.Event()

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=GuardedLoop) as runner:
                found.append(runner.run(_request(desired, message, identity, seconds)))
                ended.set()  # what is left over is cancelled after this
        except Exception:
            logger.exception("a test message through %s failed", desired.integration_id)
        finally:
            ended.set()

    threading.Thread(target=run, name=f"test message {desired.integration_id}", daemon=True).start()
    ended.wait(seconds + 5.0)
    return found[0] if found else SendOutcome("unknown", _unknown(seconds))


async def _request(desired: Desired, message: Any, identity: str, seconds: float) -> SendOutcome:
    assert desired.connector is not None  # noqa: S101  (asked before)
    sender = desired.connector.sender(desired.config, desired.source)
    try:
        async with asyncio.timeout(seconds):
            answer = await sender.send(message, identity)
        return SendOutcome("sent", orjson.dumps(answer).decode() if answer else "")
    except TimeoutError:
        return SendOutcome("unknown", _unknown(seconds))
    except SendUnknown as error:
        return SendOutcome("unknown", str(error))
    except SendFailed as error:
        return SendOutcome("failed", str(error))
    except Exception as error:
        logger.error("%s: unexpected fault while sending", type(sender).__name__, exc_info=error)
        return SendOutcome(
            "unknown",
            gettext("Sending failed (%(name)s); the log of the tasks process says more.") % {"name": type(error).__name__},
        )
    finally:
        await sender.close()


def _unknown(seconds: float) -> str:
    text = gettext("Nobody answered within %(seconds)s s; whether the message was sent is not known.")
    return text % {"seconds": f"{seconds:g}"}
