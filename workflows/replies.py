"""Replies to webhook calls that wait for one, from the run that makes it to the web process that holds the request.

The waiting side says so first (`expect`), so that a reply for which nobody waits any more is known to be one.
The first reply counts.
"""

import math
import secrets
from contextlib import closing
from typing import Any

import orjson

from integrations.runtime.keys import key, prefix
from wegnology.lib.redis import AsyncRedis, SyncRedis, sync_client
from wegnology.lib.types import JSONObject
from workflows import scripts

LONGEST_SECONDS = 30.0
MOST_BYTES = 256 * 1024
KEPT_SECONDS = 60


def expect(client: SyncRedis, application_id: str, webhook_id: str) -> str:
    """Begin to wait; returns the reply id, which cannot be guessed."""
    reply_id = f"{webhook_id}.{secrets.token_hex(16)}"
    client.set(key("awaits", application_id, reply_id), 1, ex=KEPT_SECONDS)
    return reply_id


def wait(application_id: str, reply_id: str, seconds: float) -> JSONObject | None:
    """Wait for a reply; None when none came in time. Holds one connection meanwhile."""
    with closing(sync_client(timeout=seconds + 10.0)) as client:
        found: Any = client.blpop([key("reply", application_id, reply_id)], timeout=math.ceil(seconds))
        client.delete(key("awaits", application_id, reply_id))
    return None if found is None else orjson.loads(found[1])


async def answer(client: AsyncRedis, application_id: str, reply_id: str, reply: JSONObject) -> bool:
    """Hand over a reply; False when nobody waits for it."""
    arguments = [prefix(), application_id, reply_id, KEPT_SECONDS, orjson.dumps(reply)]
    return bool(await scripts.reply.call(client, arguments))
