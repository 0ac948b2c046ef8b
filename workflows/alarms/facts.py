"""What judges look at: facts of one application at one moment. None stands for what is not known now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from integrations.runtime.status import Status


class Subject(NamedTuple):
    """What an alarm is about. `kind` is integration, workflow, credential or application."""

    kind: str
    id: str
    name: str


class Ending(NamedTuple):
    """Something that ends: a certificate, a key, a signature."""

    subject: Subject
    what: str
    not_after: datetime


class Hourly(NamedTuple):
    """Messages of the last full hour, and how many are usual in such an hour."""

    last: int
    usual: float


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """An integration, or a workflow with an inbox of its own (then there is no status)."""

    subject: Subject
    enabled: bool = True
    status: Status | None = None
    fill: float | None = None
    """How full its inbox is, from 0 to 1."""
    waiting: int = 0
    hourly: Hourly | None = None
    parked_lately: int = 0
    parked: int = 0
    imbalances: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All of one application. `halted`: why nothing is received or run, with since how many seconds; None while all is well."""

    subject: Subject
    now: datetime
    reachable: bool = True
    """Whether Redis could be asked; else what it holds is not known."""
    sources: Sequence[SourceFacts] = ()
    endings: Sequence[Ending] = ()
    used: int = 0
    limit: int | None = None
    halted: tuple[str, float] | None = None
