"""What settling is asked to do, as tests write it and as `settle.lua` reads it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

SHARE = 250
"""An event larger than this, in bytes, is counted for what it is larger. Appends of tests say the same where it matters."""


class Entry(NamedTuple):
    """One entry of an inbox as a claim hands it out."""

    identifier: bytes
    stored: bytes


class Out(NamedTuple):
    """A message that a run sends."""

    target: str
    body: str
    visit: str = "w:1"

    @property
    def stored(self) -> bytes:
        """The form in which it lies in the outbox."""
        return orjson.dumps({"m": {"body": self.body}})


class End(NamedTuple):
    """The end of an event. `event` is its id when earlier sends of it may exist."""

    integration_id: str
    token: str
    entry: Entry
    outcome: str = "finished"
    event: str = ""
    sends: Sequence[Out] = ()

    def arguments(self, targets: list[str]) -> list[Any]:
        """Return it as `settle.lua` reads it."""
        sends = [[*([send.visit] if self.event else []), targets.index(send.target) + 1, send.stored] for send in self.sends]
        head = [self.outcome, self.entry.identifier, len(self.entry.stored), self.event, len(sends)]
        return head + [part for send in sends for part in send]


class Early(NamedTuple):
    """A send of an event whose runs go on."""

    integration_id: str
    token: str
    identifier: bytes
    out: Out
    event: str = "e1"

    @property
    def sends(self) -> Sequence[Out]:
        """What it sends."""
        return [self.out]

    def arguments(self, targets: list[str]) -> list[Any]:
        """Return it as `settle.lua` reads it."""
        return ["S", self.identifier, self.event, self.out.visit, targets.index(self.out.target) + 1, self.out.stored]
