"""Storage of workflows, in a real Redis."""

import asyncio
from typing import Any

import pytest

from integrations.exceptions import LeaseLost
from integrations.runtime.keys import key
from tests.factories import application, workflow
from tests.servers.redis import RedisServer
from wegnology.lib.redis import async_client, sync_client
from workflows.forgetting import KEPT_SECONDS, forget_deleted
from workflows.nodes.base import NodeFailed
from workflows.storage import MAX_KEYS, Storages, WorkflowStorage

pytestmark = pytest.mark.usefixtures("redis_here")


class Open:
    """Lets everything through."""

    def tick(self) -> None:
        """Never refuses."""


class Shut:
    """Lets nothing through."""

    def tick(self) -> None:
        raise LeaseLost("another worker has it")


def with_storage(story: Any, workflow: str = "w1", gate: Any = None) -> Any:
    async def run() -> Any:
        client = async_client()
        try:
            return await story(WorkflowStorage(Storages(client), workflow, gate or Open()))
        finally:
            await client.aclose()

    return asyncio.run(run())


def test_values_are_stored_by_key_and_workflow() -> None:
    async def story(storage: WorkflowStorage) -> None:
        assert await storage.get("a") is None
        await storage.set("a", {"n": [1, None, "ü"]})
        await storage.set("b", 2.5)
        assert await storage.get("a") == {"n": [1, None, "ü"]}
        assert await storage.all() == {"a": {"n": [1, None, "ü"]}, "b": 2.5}
        await storage.remove("a")
        await storage.remove("a")
        assert await storage.all() == {"b": 2.5}

    with_storage(story)
    assert with_storage(lambda storage: storage.all(), "w2") == {}


@pytest.mark.parametrize(
    ("before", "amount", "after"),
    [(None, 1, 1), (5, -2.5, 2.5), (0.1, 0.2, 0.30000000000000004), (2**53 - 2, 1, 2**53 - 1), (1e300, 1e300, 2e300)],
)
def test_adding(before: Any, amount: float, after: Any) -> None:
    async def story(storage: WorkflowStorage) -> None:
        if before is not None:
            await storage.set("n", before)
        assert await storage.add("n", amount) == after
        assert await storage.get("n") == after

    with_storage(story)


def test_adding_side_by_side_loses_nothing() -> None:
    async def story(storage: WorkflowStorage) -> None:
        await asyncio.gather(*(storage.add("n", 1) for _ in range(500)))
        assert await storage.get("n") == 500

    with_storage(story)


def test_one_of_many_side_by_side_is_first() -> None:
    async def story(storage: WorkflowStorage) -> None:
        swaps = await asyncio.gather(*(storage.swap("p", number) for number in range(50)))
        assert sum(not known for known, _ in swaps) == 1
        latches = await asyncio.gather(*(storage.latch("l", True, False) for _ in range(50)))
        assert sum(now and not was for was, now in latches) == 1
        passes = await asyncio.gather(*(storage.may_pass("t", 60_000) for _ in range(50)))
        assert sum(passed for passed, _ in passes) == 1

    with_storage(story)


def test_places_are_no_keys() -> None:
    async def story(storage: WorkflowStorage) -> None:
        assert await storage.swap("p", [1]) == (False, None)
        assert await storage.swap("p", None) == (True, [1])
        assert await storage.swap("p", 2) == (True, None)
        assert await storage.latch("l", False, True) == (False, False)
        assert await storage.latch("l", True, True) == (False, True)
        assert await storage.latch("l", True, False) == (True, True)
        assert await storage.latch("l", True, True) == (True, False)
        passed, since = await storage.may_pass("t", 0)
        assert (passed, since) == (True, None)
        passed, since = await storage.may_pass("t", 3_600_000)
        assert not passed
        assert since is not None
        assert await storage.all() == {}

    with_storage(story)


@pytest.mark.parametrize(
    ("work", "text"),
    [
        (lambda s: s.set("a", "x" * 20_000), "a stored value may have 16384 bytes as JSON, this one has 20002"),
        (lambda s: s.set("", 1), "1 to 255 characters, this one has 0"),
        (lambda s: s.get("k" * 256), "1 to 255 characters, this one has 256"),
        (lambda s: s.swap("p", "x" * 20_000), "a stored value may have 16384 bytes"),
    ],
)
def test_bounds(work: Any, text: str) -> None:
    with pytest.raises(NodeFailed, match=text) as caught:
        with_storage(work)
    assert caught.value.name == "StorageError"


def test_only_numbers_can_be_added_to() -> None:
    async def story(storage: WorkflowStorage, value: Any, amount: float) -> None:
        await storage.set("n", value)
        await storage.add("n", amount)

    with pytest.raises(NodeFailed, match="is not a number"):
        with_storage(lambda storage: story(storage, "five", 1))
    with pytest.raises(NodeFailed, match="is not a finite number"):
        with_storage(lambda storage: story(storage, 1.7e308, 1.7e308))


def test_so_many_keys_and_no_more() -> None:
    async def story(storage: WorkflowStorage) -> None:
        async with async_client() as client:
            await client.hset(key("storage", "w1"), mapping={f"k{number}": 1 for number in range(MAX_KEYS)})
        await storage.set("k7", 2)
        with pytest.raises(NodeFailed, match="stores 10000 keys already"):
            await storage.set("one more", 1)

    with_storage(story)


def test_no_effect_after_the_lease_is_lost() -> None:
    with pytest.raises(LeaseLost):
        with_storage(lambda storage: storage.set("a", 1), gate=Shut())
    assert with_storage(lambda storage: storage.all()) == {}


def test_redis_away_is_a_failure_with_its_reason(redis_here: RedisServer, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1"
    with pytest.raises(NodeFailed, match="the storage is away"):
        with_storage(lambda storage: storage.get("a"))


@pytest.mark.django_db
def test_what_a_deleted_workflow_kept_is_forgotten_unless_it_comes_back() -> None:
    async def story(storage: WorkflowStorage) -> None:
        await storage.set("a", 1)
        await storage.swap("p", 1)

    here = workflow(application())
    with_storage(story, here.pk)
    with_storage(story, "gone")
    client = sync_client()
    forget_deleted(client)
    forget_deleted(client)
    assert [client.ttl(key(kind, here.pk)) for kind in ("storage", "state")] == [-1, -1]
    for kind in ("storage", "state"):
        assert 0 < client.ttl(key(kind, "gone")) <= KEPT_SECONDS
    client.expire(key("storage", here.pk), 100)  # it was deleted, and restored
    forget_deleted(client)
    assert client.ttl(key("storage", here.pk)) == -1
