"""What the runs of a workflow keep between them: its storage, and the state of nodes that remember. All versions share it.

Every operation is one step in the server, so that runs side by side lose nothing of each other. A run that happens twice after a
crash does its operations twice.
"""

import asyncio
from typing import Any, Protocol

import orjson
import redis.exceptions

from integrations.runtime.keys import prefix
from wegnology.lib import javascript
from wegnology.lib.redis import AsyncRedis, RedisAway
from wegnology.lib.types import JSONObject, JSONValue
from workflows import scripts
from workflows.nodes.base import NodeFailed

MAX_VALUE_BYTES = 16 * 1024
"""Of one value as JSON (product page "Storage")."""
AT_A_TIME = 8
MAX_KEY = 255
MAX_KEYS = 10_000
"""Keys that one workflow may store, and places its nodes may remember."""


class Gate(Protocol):
    """What asks, before each operation, whether the run may still have effects."""

    def tick(self) -> object:
        """Raise when it may not."""


class Storages:
    """The storages of all workflows, for one worker: so many operations at a time, so that runs do not flood the server."""

    def __init__(self, client: AsyncRedis) -> None:
        self._client = client
        self._free = asyncio.Semaphore(AT_A_TIME)

    async def do(self, workflow_id: str, operation: str, *arguments: Any) -> Any:
        """Carry out one operation of the script; raises what the server and the client raise."""
        async with self._free:
            return await scripts.storage.call(self._client, [prefix(), workflow_id, MAX_KEYS, operation, *arguments])


class WorkflowStorage:
    """The storage of one workflow, for one run."""

    def __init__(self, storages: Storages, workflow_id: str, gate: Gate) -> None:
        self._storages = storages
        self._workflow_id = workflow_id
        self._gate = gate

    async def get(self, name: str) -> JSONValue:
        """Return the value stored under a key, None when there is none."""
        stored = await self._do("get", _checked(name))
        return None if stored is None else orjson.loads(stored)

    async def all(self) -> JSONObject:
        """Return everything stored, by key."""
        flat = await self._do("all")
        pairs = zip(flat[::2], flat[1::2], strict=True)
        return {name.decode(): orjson.loads(value) for name, value in sorted(pairs)}

    async def set(self, name: str, value: JSONValue) -> None:
        """Store a value under a key. Raises `NodeFailed` beyond the bounds."""
        await self._do("set", _checked(name), _written(value))

    async def remove(self, name: str) -> None:
        """Remove a key; nothing happens when there is none."""
        await self._do("remove", _checked(name))

    async def add(self, name: str, amount: float) -> JSONValue:
        """Add to the number stored under a key, 0 when there is none; returns the sum."""
        return orjson.loads(  # type: ignore[no-any-return]
            await self._do("add", _checked(name), javascript.number_text(float(amount)))
        )

    async def swap(self, place: str, value: JSONValue) -> tuple[bool, JSONValue]:
        """Remember a value in a place; returns whether one was remembered before, and which."""
        before = await self._do("swap", place, _written(value))
        return before is not None, None if before is None else orjson.loads(before)

    async def latch(self, place: str, latches: bool, resets: bool) -> tuple[bool, bool]:
        """Set what is not set when `latches`, free what is set when `resets`; returns whether it was set, and is."""
        was, now = await self._do("latch", place, int(latches), int(resets))
        return bool(was), bool(now)

    async def may_pass(self, place: str, interval_ms: float) -> tuple[bool, int | None]:
        """Say whether so much time has gone by since it last passed, and how much; None when it never did."""
        passes, since = await self._do("pass", place, interval_ms)
        return bool(passes), since if since >= 0 else None

    async def _do(self, operation: str, *arguments: Any) -> Any:
        self._gate.tick()
        try:
            return await self._storages.do(self._workflow_id, operation, *arguments)
        except redis.exceptions.ResponseError as error:
            raise NodeFailed(_EXPLAINED.get(str(error), f"the storage refused: {error}"), "StorageError") from None
        except RedisAway as error:
            raise NodeFailed(f"the storage is away: {error}", "StorageError") from None


_EXPLAINED = {
    "FULL": f"the workflow stores {MAX_KEYS} keys already: remove some that are not needed any more",
    "NOT_A_NUMBER": "what is stored under this key is not a number",
    "NOT_FINITE": "the sum is not a finite number",
}


def _checked(name: str) -> str:
    if not 1 <= len(name) <= MAX_KEY:
        raise NodeFailed(f"a storage key must have 1 to {MAX_KEY} characters, this one has {len(name)}", "StorageError")
    return name


def _written(value: JSONValue) -> bytes:
    written = orjson.dumps(value)
    if len(written) > MAX_VALUE_BYTES:
        raise NodeFailed(f"a stored value may have {MAX_VALUE_BYTES} bytes as JSON, this one has {len(written)}", "StorageError")
    return written
