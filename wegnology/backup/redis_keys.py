"""Redis as lines of JSON: each key with its name, remaining life in milliseconds and what DUMP says of it.

Copied in three rounds, each with a look at the names of its own: inboxes with what belongs to them (one transaction for each
integration, so that its ledger balances); then which sends already went out; then outboxes and the rest. See the package for why.
What a living process alone may claim (leases, heartbeats) is left out, and what follows from the rest is worked out anew.
"""

import base64
import json
import re
import time
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import IO, NamedTuple, cast

import redis

from integrations.runtime.keys import key, partition_of, prefix
from wegnology.backup.exceptions import BackupFailed
from wegnology.lib.redis import SyncRedis

_TRANSIENT = re.compile(
    r"^(listeners|workers|tasks|watched|unheld|sweeper|bytes|outboxes|dirty|proof|inspected|"
    r"(messages|outcomes|moved|listen|run|asked|ready|batch|status|check|checked|checks|lastcheck|hooked|awaits|reply|debug|insight):.*)$"
)
_LEFT_BY_A_START = re.compile(r"^(meta|celery:_kombu\.binding\..*)$")
_OF_INBOX = re.compile(r"^(?:inbox|box|starts|ledger|position):([0-9a-f]{24})(?::|$)")
_OF_SENDS = re.compile(r"^sends:")
_OF_OUTBOX = re.compile(r"^(?:outbox|packed|sent):([0-9a-f]{24})(?::|$)")
_BATCH = 100


class Copied(NamedTuple):
    """How much a copy holds."""

    keys: int
    events: int
    """Events that wait for workflows."""


def dump(client: SyncRedis, file: IO[str]) -> Copied:
    """Write all keys under the prefix; events may go on arriving and being worked on meanwhile."""
    written: set[str] = set()
    events = 0
    for wanted in (_OF_INBOX, _OF_SENDS, re.compile("")):
        names = sorted((name for name in _names(client) if wanted.search(name) and name not in written), key=_group)
        for _, group in groupby(names, key=_group):
            events += _dump_group(client, list(group), file)
        written.update(names)
    return Copied(len(written), events)


def _group(name: str) -> str:
    match = _OF_INBOX.match(name) or _OF_OUTBOX.match(name)
    return match[1] if match else name


def _dump_group(client: SyncRedis, names: list[str], file: IO[str]) -> int:
    """Copy some keys as they were at one moment; returns how many events wait in them."""
    inboxes = [name for name in names if name.startswith("inbox:")]
    with client.pipeline(transaction=True) as pipe:
        for name in names:
            pipe.dump(_full(name))
            pipe.pttl(_full(name))
        for name in inboxes:
            pipe.xlen(_full(name))
        answers = pipe.execute()
    for name, value, life in zip(names, answers[0::2], answers[1::2], strict=False):
        if value is not None:
            line = {"key": name, "life_ms": max(life, 0), "value": base64.b64encode(value).decode()}
            file.write(json.dumps(line) + "\n")
    return sum(answers[len(names) * 2 :])


def _names(client: SyncRedis) -> Iterator[str]:
    """Yield the names of all keys worth keeping, without the prefix. Any bytes survive as latin-1."""
    start = len(prefix())
    seen: set[str] = set()
    for raw in client.scan_iter(match=_literal(prefix()) + "*", count=1000):
        name = raw.decode("latin-1")[start:]
        if name not in seen and not _TRANSIENT.match(name):
            seen.add(name)
            yield name


def _full(name: str) -> bytes:
    return prefix().encode() + name.encode("latin-1")


def _literal(text: str) -> str:
    return re.sub(r"([\[\]*?\\^-])", r"\\\1", text)


def holds_something(client: SyncRedis) -> bool:
    """Say whether anything stands under the prefix that a restore would mix with."""
    return any(not _LEFT_BY_A_START.match(name) for name in _names(client))


def demand_nobody_lives(client: SyncRedis) -> None:
    """Raise `BackupFailed` while listeners or workers run on this Redis."""
    now = int(time.time() * 1000)
    for kind in ("listeners", "workers"):
        living = client.zcount(key(kind), now, "+inf")
        if living:
            raise BackupFailed(f"{living} of the {kind} still run on this Redis: stop all processes first, then restore.")


def clear(client: SyncRedis) -> None:
    """Remove everything under the prefix."""
    names = list(client.scan_iter(match=_literal(prefix()) + "*", count=1000))
    for at in range(0, len(names), 1000):
        client.unlink(*names[at : at + 1000])


def load(client: SyncRedis, lines: Iterable[str]) -> int:
    """Write the keys back and work out what follows from them; returns how many there are."""
    count = 0
    pipe = client.pipeline(transaction=False)
    try:
        for line in lines:
            entry = json.loads(line)
            pipe.restore(_full(entry["key"]), entry["life_ms"], base64.b64decode(entry["value"]), replace=True)
            count += 1
            if count % _BATCH == 0:
                pipe.execute()
        pipe.execute()
    except redis.ResponseError as error:
        raise BackupFailed(
            f"Redis does not take the copy: {error}. The server must be of the version that the copy was made with, or newer."
        ) from error
    work_out(client)
    return count


def work_out(client: SyncRedis) -> None:
    """Set what follows from inboxes, outboxes and ledgers: who is due, how many bytes wait, what the database must hear of."""
    total = 0
    for name in _names(client):
        kind, _, rest = name.partition(":")
        if kind == "inbox" and client.xlen(key(name)):
            client.sadd(key("ready", partition_of(rest)), rest)
            total += _waiting_bytes(client, name)
        elif kind == "outbox" and client.xlen(key(name)):
            client.sadd(key("outboxes"), rest)
        elif kind in ("ledger", "sent"):
            client.sadd(key("dirty"), name)
    client.set(key("bytes"), total)


def _waiting_bytes(client: SyncRedis, name: str) -> int:
    """Return the size of all events of an inbox, read a batch at a time."""
    total, after = 0, "-"
    while entries := cast(list[tuple[bytes, dict[bytes, bytes]]], client.xrange(key(name), min=after, count=_BATCH)):
        total += sum(len(fields[b"e"]) for _, fields in entries)
        after = f"({entries[-1][0].decode()}"
    return total
