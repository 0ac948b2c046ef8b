"""How the installation is: is Redis fit, who lives, does work move?"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from integrations.runtime.keys import key
from wegnology.lib.redis import RedisAway, SyncRedis

STUCK_SECONDS = 15.0
"""Work that no worker has taken for so long is stuck."""
LONGEST = 5
"""As many queues are named, those whose oldest entry waits longest."""


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits in the inbox or the outbox of one integration; `oldest_seconds` is the age of the first of it."""

    id: str
    entries: int
    oldest_seconds: float
    outgoing: bool = False


@dataclass(frozen=True, slots=True)
class Survey:
    """One look at the installation. Partitions by process; ages in seconds; memory in bytes."""

    redis: bool = False
    append_only: bool = False
    eviction_policy: str = ""
    memory_used: int = 0
    memory_limit: int = 0
    storage_fault: str = ""
    listeners: dict[str, int] = field(default_factory=dict)
    workers: dict[str, int] = field(default_factory=dict)
    partitions_without_listener: int = 0
    partitions_without_worker: int = 0
    longest_unheld_seconds: float = 0.0
    """For how long, at most, a partition with work has had no worker."""
    oldest_event_seconds: float = 0.0
    waiting_events: int = 0
    waiting_bytes: int = 0
    tasks: list[str] = field(default_factory=list)
    """Processes that take what people ask for."""
    tasks_waiting: int = 0
    queues: list[Queue] = field(default_factory=list)
    """Whose oldest entries wait longest; entries of an outbox may be packs."""
    reasons: list[str] = field(default_factory=list)

    @property
    def ready(self) -> bool:
        """Say whether the hub does its work."""
        return not self.reasons

    def as_json(self) -> dict[str, Any]:
        """Return the survey for `/readyz`."""
        return {**asdict(self), "ready": self.ready}


def survey(client: SyncRedis) -> Survey:
    """Look at Redis; a few round trips whatever the size. Never raises while Redis is away."""
    try:
        return _survey(client)
    except RedisAway as error:
        return Survey(reasons=[_("Redis cannot be reached: %(error)s") % {"error": error}])


def _survey(client: SyncRedis) -> Survey:
    now = int(time.time() * 1000)
    partitions = range(settings.PARTITIONS)
    with client.pipeline(transaction=False) as pipe:
        pipe.info("persistence")
        pipe.info("memory")
        pipe.zrangebyscore(key("listeners"), now, "+inf")
        pipe.zrangebyscore(key("workers"), now, "+inf")
        pipe.mget([key("listen", p) for p in partitions])
        pipe.mget([key("run", p) for p in partitions])
        pipe.hgetall(key("unheld"))
        pipe.get(key("bytes"))
        pipe.zrangebyscore(key("tasks"), now, "+inf")
        pipe.llen(key("celery", settings.CELERY_TASK_DEFAULT_QUEUE))
        pipe.smembers(key("outboxes"))
        for p in partitions:
            pipe.smembers(key("ready", p))
        persistence, memory, listeners, workers, listen, run, unheld, size, tasks, asked, sending, *ready = pipe.execute()
    inboxes = _queues(client, "inbox", [name for members in ready for name in members], now)
    queues = [*inboxes, *_queues(client, "outbox", list(sending), now)]
    with_work = {p for p, members in zip(partitions, ready, strict=True) if members}
    found = Survey(
        redis=True,
        append_only=bool(persistence.get("aof_enabled")),
        eviction_policy=str(memory.get("maxmemory_policy", "")),
        memory_used=int(memory.get("used_memory", 0)),
        memory_limit=int(memory.get("maxmemory", 0)),
        storage_fault=storage_fault(memory, persistence),
        listeners=_holdings(listeners, listen),
        workers=_holdings(workers, run),
        partitions_without_listener=sum(token is None for token in listen),
        partitions_without_worker=sum(run[p] is None for p in with_work),
        oldest_event_seconds=max((queue.oldest_seconds for queue in inboxes), default=0.0),
        waiting_events=sum(queue.entries for queue in inboxes),
        waiting_bytes=int(size or 0),
        tasks=[process.decode() for process in tasks],
        tasks_waiting=int(asked),
        queues=sorted(queues, key=lambda queue: -queue.oldest_seconds)[:LONGEST],
    )
    stuck = {int(p): (now - int(since)) / 1000 for p, since in unheld.items() if int(p) in with_work}
    found = replace(found, longest_unheld_seconds=max(stuck.values(), default=0.0))
    found.reasons.extend(_reasons(found, stuck))
    return found


def storage_fault(memory: Mapping[str, Any], persistence: Mapping[str, Any]) -> str:
    """Say why Redis stores nothing more, given its answers to INFO; "" when it does."""
    limit = int(memory.get("maxmemory", 0))
    if limit and int(memory.get("used_memory", 0)) >= limit:
        return _("Redis has no memory left: nothing more is accepted until there is room, or its maxmemory is raised.")
    if persistence.get("aof_last_write_status", "ok") != "ok":
        return _("Redis cannot write its append-only file, so nothing more is accepted: is its disk full?")
    return ""


def _queues(client: SyncRedis, kind: str, names: list[bytes], now: int) -> list[Queue]:
    """Look at the inboxes or outboxes of some integrations; those that have become empty are left out."""
    ids = sorted(name.decode() for name in names)
    if not ids:
        return []
    with client.pipeline(transaction=False) as pipe:
        for name in ids:
            pipe.xlen(key(kind, name))
            pipe.xrange(key(kind, name), count=1)
        answers: list[Any] = pipe.execute()
    firsts = [int(entries[0][0].split(b"-")[0]) if entries else 0 for entries in answers[1::2]]
    found = zip(ids, answers[::2], firsts, strict=True)
    outgoing = kind == "outbox"
    return [Queue(name, count, max(0.0, (now - first) / 1000), outgoing) for name, count, first in found if first]


def _holdings(processes: list[bytes], tokens: list[bytes | None]) -> dict[str, int]:
    holdings = {process.decode(): 0 for process in processes}
    for token in tokens:
        process = token.decode().partition("/")[0] if token else ""
        if process in holdings:
            holdings[process] += 1
    return holdings


def _reasons(found: Survey, stuck: dict[int, float]) -> list[str]:
    reasons = []
    if not found.append_only:
        reasons.append(_("Redis has no append-only file: a restart of Redis would lose accepted messages."))
    if found.eviction_policy != "noeviction":
        reasons.append(
            _("Redis may evict keys (maxmemory-policy %(eviction_policy)s): set it to noeviction.")
            % {"eviction_policy": found.eviction_policy}
        )
    if found.storage_fault:
        reasons.append(found.storage_fault)
    if not found.listeners:
        reasons.append(_("No listener process is alive: nothing is received."))
    if not found.workers:
        reasons.append(_("No worker process is alive: nothing is run."))
    longest = max(stuck.values(), default=0.0)
    if longest > STUCK_SECONDS:
        reasons.append(
            _("Events of %(count)s partitions have waited %(longest)s s for a worker to take them.")
            % {"count": len(stuck), "longest": f"{longest:.0f}"}
        )
    return reasons
