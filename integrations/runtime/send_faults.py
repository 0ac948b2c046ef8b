"""Remembers integrations whose messages cannot be sent: a connection that takes none is not well, however alive it is."""

import asyncio
import time
from typing import Any, NamedTuple, Self

import orjson

from integrations.runtime.keys import key
from wegnology.lib.redis import AsyncRedis, RedisAway

LEAST = 3
"""So many in a row are a fault of the connection, and not of a message."""
KEPT = 10_000
WRITE_SECONDS = 1.0


class SendFault(NamedTuple):
    """Sends that failed one after the other, with the first and the latest cause."""

    number: int
    since_ms: int
    first: str
    latest: str

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Read the stored form."""
        return cls(*orjson.loads(text))


class SendFaults:
    """What one process saw of its sends; a success, in any process, ends a fault. Nothing is written while all is well."""

    def __init__(self, client: AsyncRedis) -> None:
        self._client = client
        self._faults: dict[str, SendFault] = {}
        self._well: dict[str, None] = {}
        self._due: set[str] = set()

    def failed(self, integration_id: str, cause: str) -> None:
        """Note a send that failed."""
        known = self._faults.get(integration_id)
        if known is None:
            known = SendFault(0, int(time.time() * 1000), cause, cause)
        self._faults[integration_id] = known._replace(number=known.number + 1, latest=cause)
        if known.number + 1 >= LEAST:
            self._well.pop(integration_id, None)
            self._due.add(integration_id)

    def forget(self, integration_id: str) -> None:
        """Note that the next send shows whether there is a fault."""
        self._faults.pop(integration_id, None)
        self._well.pop(integration_id, None)
        self._due.add(integration_id)

    def succeeded(self, integration_id: str) -> None:
        """Note a send that was confirmed."""
        if integration_id not in self._well:
            if len(self._well) >= KEPT:
                self._well.clear()
            self._well[integration_id] = None
            self._due.add(integration_id)
        if self._faults:
            self._faults.pop(integration_id, None)

    async def run(self) -> None:
        """Write once a second what changed, until cancelled."""
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            if self._due:
                try:
                    await self.write()
                except RedisAway:
                    continue  # it stays due

    async def write(self) -> None:
        """Write what changed."""
        due = set(self._due)
        faults = {i: self._faults[i] for i in due if i in self._faults}
        bad: dict[Any, Any] = {i: orjson.dumps(list(fault)) for i, fault in faults.items() if fault.number >= LEAST}
        good = due - faults.keys()
        async with self._client.pipeline(transaction=False) as pipe:
            if bad:
                pipe.hset(key("sendfaults"), mapping=bad)
            if good:
                pipe.hdel(key("sendfaults"), *good)
            await pipe.execute()
        self._due -= due
