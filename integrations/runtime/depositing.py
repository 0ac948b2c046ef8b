"""Events that no listener brings: replays, and what fires workflows by itself. Written by pages and by the sweeper.

Each is appended in one step of `append.lua` without a lease, as the hub's own. A deposit with a `once` happens once however often
it is asked within the hour.
"""

import logging
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from integrations.events import TriggerEvent
from integrations.runtime import scripts
from integrations.runtime.dispatch import enqueue
from integrations.runtime.keys import key, partition_of, prefix
from integrations.runtime.limits import Limits
from wegnology.lib.redis import SyncRedis

logger = logging.getLogger(__name__)

MEMORY_SECONDS = 10.0
MESSAGE = "W"
"""The policy of an event that counts as a payload; it waits outside while the inbox is full."""
SIGNAL = "w"
"""As `MESSAGE`, for what does not count as a payload."""


class Deposit(NamedTuple):
    """An event for the inbox of a source (an integration or a workflow). `once`: what to know it by, and its number there."""

    source_id: str
    event: bytes
    policy: str = MESSAGE
    once: tuple[str, int] | None = None


def deposit(client: SyncRedis, item: Deposit, limits: Limits) -> bool:
    """Put an event into an inbox and ask for a worker; False when there is no room. Raises what `RedisAway` names."""
    name, number = item.once or ("", 0)
    arguments: list[Any] = [prefix(), name, number, limits.inbox_events, limits.inbox_bytes, memory_limit(client, limits), 1]
    arguments += [partition_of(item.source_id), "*", item.source_id, item.policy, item.event]
    (accepted,), need = scripts.append.call_sync(client, arguments)
    for partition in need:
        enqueue(partition)
    if not accepted and item.once:
        client.delete(key("batch", name))  # nothing happened: it may be asked again
    return bool(accepted)


def drop(client: SyncRedis, item: Deposit, reason: str) -> None:
    """Count an event as received and dropped, in place of storing it."""
    letter = "X" if item.policy.isupper() else "x"
    deposit(client, item._replace(event=f"dropped:{reason}".encode(), policy=letter, once=None), Limits.from_settings())


def append_replays(client: SyncRedis, events: Sequence[tuple[str, TriggerEvent]], limits: Limits) -> list[bool]:
    """Put events, each with its source's id, back into inboxes for a replay; say for each whether there was room.

    A replay may fill an inbox up to twice its bound: it comes from a person. Raises what `RedisAway` names.
    """
    arguments: list[Any] = [prefix(), "", 0, limits.inbox_events * 2, limits.inbox_bytes * 2, 0, len(events)]
    for source_id, event in events:
        arguments += [partition_of(source_id), "*", source_id, SIGNAL, event.to_json()]
    outcomes, _ = scripts.append.call_sync(client, arguments)
    return [count == 1 for count in outcomes]


_memory: tuple[float, int] = (0.0, 0)


def memory_limit(client: SyncRedis, limits: Limits) -> int:
    """Return what all inboxes together may take, in bytes, 0 for no limit; asked anew every ten seconds."""
    global _memory
    now = time.monotonic()
    if not _memory[0] or now - _memory[0] > MEMORY_SECONDS:
        found: Any = client.info("memory")
        _memory = (now, int(found.get("maxmemory", 0) * limits.redis_share))
    return _memory[1]
