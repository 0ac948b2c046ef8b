"""What the load generator is told and what it answers, as JSON between two processes."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Stream:
    """Messages to a range of inputs, in turn. `rate` is messages a second; `ballast` enlarges each by about so many bytes.

    A stream that is not `answered` is sent and not waited for.
    """

    first: int
    count: int
    rate: float = 0.0
    ballast: int = 0
    answered: bool = True


@dataclass(frozen=True)
class Plan:
    """One load: closed loop with `window` messages under way, or, with window 0, each stream at its rate."""

    port: int
    streams: list[Stream]
    window: int = 0
    warmup: float = 3.0
    seconds: float = 10.0
    drain: float = 30.0
    publishers: int = 2

    def to_json(self) -> str:
        """Return the form that `from_json` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        """Read the form that `to_json` returns."""
        raw: dict[str, Any] = json.loads(text)
        raw["streams"] = [Stream(**stream) for stream in raw["streams"]]
        return cls(**raw)


@dataclass(frozen=True)
class Latency:
    """Milliseconds from just before the publish to the receipt of what came of it."""

    count: int = 0
    p50: float = 0.0
    p90: float = 0.0
    p99: float = 0.0
    worst: float = 0.0


@dataclass(frozen=True)
class StreamResult:
    """What became of one stream, whole run; the latency is that of messages sent in the measured time."""

    sent: int
    received: int
    distinct: int
    disordered: int
    latency: Latency
    answered: bool = True


@dataclass(frozen=True)
class LoadResult:
    """What the generator saw. `seconds`, `arrived` and `cpu_seconds` belong to the measured time."""

    seconds: float
    arrived: int
    cpu_seconds: float
    acknowledged: int
    streams: list[StreamResult] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Messages a second that came out in the measured time."""
        return self.arrived / self.seconds

    @property
    def lost(self) -> int:
        """Messages of the answered streams that never came out."""
        return sum(stream.sent - stream.distinct for stream in self.streams if stream.answered)

    @classmethod
    def from_json(cls, text: str) -> "LoadResult":
        """Read what the generator printed."""
        raw: dict[str, Any] = json.loads(text)
        raw["streams"] = [StreamResult(**{**stream, "latency": Latency(**stream["latency"])}) for stream in raw["streams"]]
        return cls(**raw)
