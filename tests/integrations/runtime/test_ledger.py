"""The ledger is balanced for every hour at any moment, whatever happens to events."""

import random

import pytest

from integrations.runtime import inbox
from integrations.runtime.keys import key, partition_of
from integrations.runtime.ledger import line_of
from integrations.runtime.status import ConnectionState, Status
from tests.integrations.runtime.hub import SHARE, Entry, Hub, Out, ids_apart, stored

HOUR_MS = 3_600_000


class Walk:
    """Random things that happen to three integrations, and what must be true after each."""

    def __init__(self, hub: Hub, seed: int) -> None:
        self.hub = hub
        self.chance = random.Random(seed)
        self.ids = ids_apart(3)
        self.target = self.ids[0]
        self.listen = {i: hub.hold("listen", i) for i in self.ids}
        self.run = {i: hub.hold("run", i) for i in self.ids}
        self.stale = [f"p0/{number}" for number in range(3)]
        self.received = dict.fromkeys(self.ids, 0)
        self.claimed: dict[str, list[Entry]] = {i: [] for i in self.ids}
        self.sequence = 0
        if seed % 2:
            hub.client.set(key("status", self.target), Status(ConnectionState.CONNECTED).to_json())  # then messages make packs

    def step(self) -> None:
        often, seldom = [self.append, self.claim, self.end, self.end], [self.lose, self.replay, self.discard]
        action = self.chance.choice(often * 3 + seldom)
        action(self.chance.choice(self.ids))

    def token(self, current: str) -> str:
        """Return the current token, one time in five a stale one."""
        return current if self.chance.random() < 0.8 else self.chance.choice(self.stale)

    def append(self, i: str) -> None:
        """Append messages of all policies, now and then with a stale token, now and then asked twice."""
        policies = "".join(self.chance.choice("WWDwdX") for _ in range(self.chance.randint(1, 8)))
        events = [inbox.TOO_LARGE if policy == "X" else stored(size=self.chance.randint(120, 400)) for policy in policies]
        token = self.token(self.listen[i])
        self.sequence += 1
        for _ in range(self.chance.choice([1, 1, 2])):
            accepted, _ = self.hub.append(
                i, events, token, policies=policies, listener="p1", sequence=self.sequence, most=12, most_bytes=12 * SHARE
            )
        self.received[i] += max(accepted, 0)

    def claim(self, i: str) -> None:
        """Claim a few, now and then with a stale token."""
        answer = self.hub.claim(i, self.token(self.run[i]), wanted=4)
        self.claimed[i] += answer.entries if answer else []

    def end(self, i: str) -> None:
        """End what was claimed once: some of it ended, was dropped or discarded meanwhile."""
        if not self.claimed[i]:
            return
        entry = self.chance.choice(self.claimed[i])
        outcome = self.chance.choice(["finished", "finished", "unmatched", "parked:failed", "parked:stops the worker"])
        token = self.token(self.run[i])
        sends = [Out(self.target, "x", f"w:{n}") for n in range(self.chance.randint(0, 2))]
        event = entry.identifier.decode()
        self.hub.end(i, entry, token, outcome=outcome, event=event, repeated=self.chance.random() < 0.3, sends=sends, most=5)

    def lose(self, i: str) -> None:
        """Let other processes take over."""
        self.stale.append(self.listen[i])
        self.stale.append(self.run[i])
        self.listen[i], self.run[i] = self.hub.hold("listen", i, "p2"), self.hub.hold("run", i, "w2")

    def replay(self, i: str) -> None:
        """Put an event back as a person does."""
        self.received[i] += self.hub.append(i, [stored()], "*", policies="w", most=24, most_bytes=24 * SHARE)[0]

    def discard(self, i: str) -> None:
        """Delete the integration, sometimes."""
        if self.chance.random() < 0.2:
            inbox.discard(self.hub.client, i)

    def look(self) -> None:
        """Check what must always hold."""
        total = 0
        for i in self.ids:
            line, waiting = self.hub.line(i), self.hub.inbox(i)
            size = sum(len(entry.stored) for entry in waiting)
            assert line.received == self.received[i]
            assert line.waiting == len(waiting) <= 24
            beyond = sum(max(0, len(entry.stored) - SHARE) for entry in waiting)
            assert int(self.hub.client.hget(key("box", i), "bytes") or 0) == (beyond if waiting else 0)
            assert bool(waiting) == bool(self.hub.client.sismember(key("ready", partition_of(i)), i))
            total += size
        assert int(self.hub.client.get(key("bytes")) or 0) == total
        packed = int(self.hub.client.get(key("packed", self.target)) or 0)
        assert packed == len(self.hub.outbox(self.target)) - self.hub.client.xlen(key("outbox", self.target))
        sent = self.hub.sent(self.target)
        gone = sum(n for name, n in sent.items() if name.startswith("dropped"))
        assert sent.get("queued", 0) == gone + len(self.hub.outbox(self.target))
        assert bool(self.hub.outbox(self.target)) == bool(self.hub.client.sismember(key("outboxes"), self.target))


@pytest.mark.parametrize("seed", range(4))
def test_received_is_finished_and_parked_and_dropped_and_waiting_after_every_step(hub: Hub, seed: int) -> None:
    walk = Walk(hub, seed)
    for _ in range(200):
        walk.step()
        walk.look()
    assert sum(walk.received.values()) > 50


def test_an_end_counts_in_the_hour_of_receipt(hub: Hub) -> None:
    (i,) = ids_apart(1)
    two_hours_ago = _now_ms(hub) - 2 * HOUR_MS
    hour = two_hours_ago - two_hours_ago % HOUR_MS
    hub.client.xadd(key("inbox", i), {"e": b"old"}, id=f"{two_hours_ago}-0")
    hub.client.hincrby(key("ledger", i, hour), "messages", 1)
    hub.append(i, [b"new"], hub.hold("listen", i))
    old, new = hub.inbox(i)
    run = hub.hold("run", i)
    assert [(line.hour_ms == hour, line.waiting) for line in hub.ledger(i)] == [(False, 1), (True, 1)]
    hub.end(i, old, run)
    assert [(line.finished, line.waiting) for line in hub.ledger(i)] == [(0, 1), (1, 0)]
    hub.end(i, new, run, outcome="unmatched")
    assert [(line.finished, line.unmatched) for line in hub.ledger(i)] == [(0, 1), (1, 0)]


def test_an_hour_that_does_not_add_up_is_not_balanced() -> None:
    assert line_of(0, {"messages": 2, "signals": 1, "finished": 1, "parked:failed": 1}, waiting=1).balanced
    assert not line_of(0, {"messages": 2, "finished": 1}, waiting=0).balanced
    assert not line_of(0, {"messages": 1, "finished": 1}, waiting=1).balanced


def _now_ms(hub: Hub) -> int:
    seconds, microseconds = hub.client.time()
    return int(seconds) * 1_000 + int(microseconds) // 1_000
