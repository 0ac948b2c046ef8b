"""Calls the runtime's scripts as listeners and workers do, and reads what became of it."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from itertools import groupby
from typing import Any, NamedTuple, Self

import orjson

from integrations.connectors.base import Source
from integrations.events import EventKind, TriggerEvent
from integrations.runtime import scripts
from integrations.runtime.keys import key, partition_of, prefix
from integrations.runtime.ledger import LedgerLine, read_ledger
from integrations.runtime.limits import Limits
from integrations.runtime.snapshot import Desired
from tests.fakes import FakeConfig, FakeConnector
from tests.integrations.runtime.operations import SHARE as SHARE
from tests.integrations.runtime.operations import Early as Early
from tests.integrations.runtime.operations import End as End
from tests.integrations.runtime.operations import Entry as Entry
from tests.integrations.runtime.operations import Out as Out
from wegnology.lib.ids import new_id
from wegnology.lib.redis import AsyncRedis, SyncRedis, async_client
from wegnology.lib.types import JSONObject

PLENTY = 1_000_000


class Claim(NamedTuple):
    """What a claim brought: entries, milliseconds until the next is allowed, what was claimed last before and by whom."""

    entries: list[Entry]
    wait_ms: int
    started: bytes


class Hub:
    """One Redis and what is in it."""

    def __init__(self, client: SyncRedis) -> None:
        self.client: Any = client  # its annotations cover decoded answers too, of which there are none here

    def hold(self, kind: str, integration_id: str, process: str = "p1") -> str:
        """Give the partition of an integration to a process; return the token."""
        token = f"{process}/{new_id()}"
        self.client.set(key(kind, partition_of(integration_id)), token)
        return token

    def append(
        self,
        integration_id: str,
        events: Sequence[bytes],
        token: str,
        *,
        policies: str = "",
        listener: str = "",
        sequence: int = 0,
        most: int = PLENTY,
        most_bytes: int = PLENTY,
        most_together: int = 0,
    ) -> tuple[int, list[int]]:
        """Append events of one integration; return how many were accepted (-1: lease lost) and who needs a worker."""
        arguments: list[Any] = [prefix(), listener, sequence, most, most_bytes, most_together, 1]
        arguments += [partition_of(integration_id), token, integration_id, policies or "W" * len(events), *events]
        (accepted,), need = scripts.append.call_sync(self.client, arguments)
        return accepted, need

    def append_groups(self, groups: Sequence[Sequence[Any]]) -> list[int]:
        """Append several groups, each partition, token, integration, policies and events; return their outcomes."""
        flat = [part for group in groups for part in group]
        arguments: list[Any] = [prefix(), "", 0, PLENTY, PLENTY, 0, len(groups), *flat]
        outcomes, _ = scripts.append.call_sync(self.client, arguments)
        return list(outcomes)

    def claim(
        self,
        integration_id: str,
        token: str,
        *,
        after: bytes = b"0",
        wanted: int = 50,
        rate: float = 0.0,
        burst: int = 20,
        now_ms: int = 0,
        worker: str = "w1",
    ) -> Claim | None:
        """Claim events of one integration; None when the lease is lost."""
        arguments = [prefix(), worker, now_ms, burst, 1, partition_of(integration_id), token, integration_id]
        (answer,) = scripts.claim.call_sync(self.client, [*arguments, after, wanted, rate])
        if not answer:
            return None
        wait_ms, started, *flat = answer
        return Claim([Entry(*entry) for entry in zip(flat[::2], flat[1::2], strict=True)], wait_ms, started)

    def end(
        self,
        integration_id: str,
        entry: Entry,
        token: str,
        *,
        outcome: str = "finished",
        event: str = "e1",
        repeated: bool = False,
        sends: Sequence[Out] = (),
        most: int = PLENTY,
    ) -> tuple[list[bytes], list[bytes]]:
        """End an event; return the lost tokens and the congested outboxes."""
        return self.settle([End(integration_id, token, entry, outcome, event if repeated else "", sends)], most)

    def settle(self, operations: Sequence["End | Early"], most: int = PLENTY) -> tuple[list[bytes], list[bytes]]:
        """Settle; operations of one integration in a row share a group, as a worker writes them."""
        targets = list({send.target: None for operation in operations for send in operation.sends})
        groups = [(place, list(group)) for place, group in groupby(operations, lambda each: (each.integration_id, each.token))]
        arguments: list[Any] = [prefix(), most, SHARE, PLENTY, len(groups)]
        for (integration_id, token), _ in groups:
            arguments += [partition_of(integration_id), token]
        arguments.append(len(targets))
        for target in targets:
            arguments += [partition_of(target), target]
        arguments.append(len(groups))
        for number, ((integration_id, _), group) in enumerate(groups, 1):
            arguments += [number, integration_id, len(group)]
            for operation in group:
                arguments += operation.arguments(targets)
        lost, congested, _ = scripts.settle.call_sync(self.client, arguments)
        return lost, congested

    def inbox(self, integration_id: str) -> list[Entry]:
        """Return what waits for workflows."""
        return [Entry(name, fields[b"e"]) for name, fields in self.client.xrange(key("inbox", integration_id))]

    def outbox(self, integration_id: str) -> list[str]:
        """Return the bodies of the messages that wait for the connection."""
        entries = self.client.xrange(key("outbox", integration_id))
        packs = [orjson.loads(fields[b"p"]) if b"p" in fields else [orjson.loads(fields[b"m"])] for _, fields in entries]
        return [message["m"]["body"] for pack in packs for message in pack]

    def queue(self, integration_id: str, *bodies: str, reply: str = "") -> None:
        """Put messages into an outbox as a run that ended did."""
        for body in bodies:
            message: JSONObject = {"m": {"body": body}}
            if reply:
                message["r"] = reply
            self.client.xadd(key("outbox", integration_id), {"m": orjson.dumps(message)})
        self.client.sadd(key("outboxes"), integration_id)

    def sent(self, integration_id: str) -> dict[str, int]:
        """Return the counts of what went out, all hours together."""
        return self._counts("sent", integration_id)

    def counts(self, integration_id: str) -> dict[str, int]:
        """Return the counts of what came in, all hours together."""
        return self._counts("ledger", integration_id)

    def _counts(self, ledger: str, integration_id: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for name in self.client.scan_iter(match=key(ledger, integration_id, "*")):
            for outcome, n in self.client.hgetall(name).items():
                found[outcome.decode()] = found.get(outcome.decode(), 0) + int(n)
        return found

    def ledger(self, integration_id: str) -> list[LedgerLine]:
        """Return the hours of an integration; every one of them is balanced."""
        lines = read_ledger(self.client, [integration_id])[integration_id]
        assert all(line.balanced for line in lines), lines
        return lines

    def line(self, integration_id: str) -> LedgerLine:
        """Return all hours of an integration as one."""
        lines = self.ledger(integration_id)
        return LedgerLine(
            0,
            sum(line.received for line in lines),
            sum(line.messages for line in lines),
            sum(line.finished for line in lines),
            sum(line.unmatched for line in lines),
            _added([line.parked for line in lines]),
            _added([line.dropped for line in lines]),
            sum(line.waiting for line in lines),
        )

    def kinds(self, integration_id: str) -> list[EventKind]:
        """Return the kinds of the events that wait."""
        return [TriggerEvent.from_json(entry.stored).kind for entry in self.inbox(integration_id)]

    def numbers(self, integration_id: str) -> list[Any]:
        """Return the numbers of the messages that wait."""
        events = [TriggerEvent.from_json(entry.stored) for entry in self.inbox(integration_id)]
        return [event.data["number"] for event in events if event.kind is EventKind.MESSAGE]


def _added(groups: Sequence[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for group in groups:
        for name, n in group.items():
            total[name] = total.get(name, 0) + n
    return total


def stored(number: int = 0, size: int = 0) -> bytes:
    """Return the stored form of a message; with `size`, of that many bytes."""
    event = TriggerEvent(new_id(), EventKind.MESSAGE, int(time.time() * 1000), {"number": number, "pad": ""}).to_json()
    return event if not size else event.replace(b'"pad":""', b'"pad":"' + b"x" * (size - len(event)) + b'"')


def ids_apart(count: int) -> list[str]:
    """Return integration ids, each in a partition of its own."""
    found: dict[int, str] = {}
    while len(found) < count:
        integration_id = new_id()
        found.setdefault(partition_of(integration_id), integration_id)
    return list(found.values())


def desired(integration_id: str, host: str = "far.example", kind: type[FakeConnector] = FakeConnector) -> Desired:
    """Return an integration of the fake type as a listener wants it."""
    config = FakeConfig(host=host)
    return Desired(integration_id, "a1", "Far", kind, config, Source(integration_id, ("t",)), digest=host)


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Let the loop turn until something holds; `TimeoutError` when it does not."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def with_client(work: Callable[[AsyncRedis], Awaitable[None]], timeout: float = 5.0) -> None:
    """Run `work` with a client, then close it."""
    client = async_client(timeout)
    try:
        await work(client)
    finally:
        await client.aclose()


def tell_where_tasks_stand() -> None:
    """Print what every task of this loop waits for, for the reader of a failed test."""
    for task in asyncio.all_tasks():
        task.print_stack()


class Inside:
    """Runs `main(stop)` on an event loop in a thread, beside a test that uses the database; raises what it raised."""

    def __init__(self, main: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
        self._main = main
        self._ready = threading.Event()
        self._frozen = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event
        self.task: asyncio.Task[None]

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self.thaw()
        self.stop()

    def stop(self) -> None:
        """Ask it to end in good order and wait for it."""
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(30)
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(tell_where_tasks_stand)
            self._thread.join(1)
            raise AssertionError("it did not end")
        error, self._error = self._error, None
        if error is not None:
            raise error

    def ask_to_stop(self) -> None:
        """Ask it to end; called on its loop."""
        self._stop.set()

    def freeze(self) -> None:
        """Stand still, as a process that the system does not let run; nothing is renewed, closed or written."""
        self._frozen.clear()
        self.loop.call_soon_threadsafe(self._frozen.wait, 30)

    def thaw(self) -> None:
        """Go on after `freeze`."""
        self._frozen.set()

    def call(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine there and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def _run(self) -> None:
        try:
            asyncio.run(self._enter())
        except BaseException as error:  # noqa: BLE001  (raised where the test ends)
            self._error = error
            self._ready.set()

    async def _enter(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self.loop.call_soon(self._ready.set)  # once `main` has begun and waits for something
        await self._main(self._stop)


def quick(**changes: Any) -> Limits:
    """Return limits with which tests end soon."""
    return Limits(**{"partitions": 4, "lease_seconds": 0.9, "throttle_per_second": 0.0, **changes})
