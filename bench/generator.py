"""The load generator: one process that publishes at QoS 1 on a few lines and listens at QoS 0 on another.

It is told a `Plan` as its argument, says `begin` and `end` on its output around the measured time, so that the others'
processor time can be read at the same moments, and last the `LoadResult` as JSON. While it loads it only counts; what came
is kept and read when the load is over.
"""

import gc
import json
import select
import socket
import sys
import time
from dataclasses import asdict

from bench.plan import Latency, LoadResult, Plan, Stream, StreamResult
from bench.wire import FIRST_NUMBER, PACKET_IDS, PUBACK_BYTES, StampCounter, Template, answer_at_once, marks, open_line, stamp_us

_READ_BYTES = 1 << 20
_PAUSE_SECONDS = 0.005
"""Pause of the closed loop between two looks: many messages a system call, far shorter than the window lasts."""


class Source:
    """The messages of one stream, in the order in which they are published."""

    def __init__(self, stream: Stream, position: int) -> None:
        self.stream = stream
        self.sent = 0
        self._base = FIRST_NUMBER * (position + 1)
        self._templates = [
            Template(f"bench/in/{number:04d}", f"d{number:04d}", stream.ballast)
            for number in range(stream.first, stream.first + stream.count)
        ]
        self._heads = [template.head for template in self._templates]

    def packets(self, count: int, lines: int) -> list[bytes]:
        """Return the next `count` packets, joined by line; a topic always takes the same line, which keeps its order."""
        heads, topics, stamp = self._heads, self.stream.count, b"%d" % stamp_us()
        parts: list[list[bytes]] = [[] for _ in range(lines)]
        for number in range(self.sent, self.sent + count):
            topic = number % topics
            parts[topic % lines].append(heads[topic] % (PACKET_IDS[number % 65_535], self._base + number, stamp))
        self.sent += count
        return [b"".join(part) for part in parts]

    def bodies(self, count: int) -> dict[int, list[bytes]]:
        """Return the next `count` messages without packets, by number of the input."""
        stamp = b"%d" % stamp_us()
        found: dict[int, list[bytes]] = {}
        for number in range(self.sent, self.sent + count):
            at = number % self.stream.count
            found.setdefault(self.stream.first + at, []).append(self._templates[at].body % (self._base + number, stamp))
        self.sent += count
        return found


class _Tally:
    """What came out of one stream."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._seen = bytearray(source.sent)
        self._last = [-1] * source.stream.count
        self._received = 0
        self._disordered = 0
        self._delays: list[tuple[int, int]] = []

    def note(self, number: int, stamp: int, now: int) -> None:
        """Count one message."""
        self._received += 1
        self._seen[number] = 1
        topic = number % len(self._last)
        self._disordered += number <= self._last[topic]
        self._last[topic] = number
        self._delays.append((stamp, now - stamp))

    def result(self, begin: int, end: int) -> StreamResult:
        """Return the counts, and the latency of what was sent between two stamps."""
        delays = sorted(delay for stamp, delay in self._delays if begin <= stamp < end)
        source, distinct = self._source, sum(self._seen)
        answered = source.stream.answered
        return StreamResult(source.sent, self._received, distinct, self._disordered, _latency(delays), answered)


def _latency(delays: list[int]) -> Latency:
    if not delays:
        return Latency()

    def share(part: float) -> float:
        return round(delays[min(len(delays) - 1, int(len(delays) * part))] / 1000, 3)

    return Latency(len(delays), share(0.5), share(0.9), share(0.99), round(delays[-1] / 1000, 3))


class Generator:
    """Lines to the broker, and what went out and came in on them."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.sources = [Source(stream, position) for position, stream in enumerate(plan.streams)]
        self._ears = open_line(plan.port, "bench-subscriber", "bench/out/#")
        self._mouths = [open_line(plan.port, f"bench-publisher-{number}") for number in range(plan.publishers)]
        self._unsent: dict[socket.socket, bytes] = dict.fromkeys(self._mouths, b"")
        self._counter = StampCounter()
        self._chunks: list[tuple[int, bytes]] = []
        self._acknowledged_bytes = 0
        self._arrived = 0
        self._born = stamp_us()

    def _look(self, seconds: float) -> None:
        """Wait up to so long for anything to read, and read all of it."""
        waiting = [line for line, rest in self._unsent.items() if rest]
        readable, writable, _ = select.select([self._ears, *self._mouths], waiting, [], seconds)
        for line in writable:
            self._push(line, b"")
        for line in readable:
            data = line.recv(_READ_BYTES)
            if not data:
                raise ConnectionError("the broker closed the line of the load generator")
            if line is self._ears:
                if not self.plan.window:
                    answer_at_once(line)
                self._chunks.append((stamp_us(), data))
                self._arrived += self._counter.feed(data)
            else:
                self._acknowledged_bytes += len(data)

    def publish(self, source: Source, count: int) -> None:
        """Publish the next messages of a source, on whichever lines there are."""
        for line, data in zip(self._mouths, source.packets(count, len(self._mouths)), strict=True):
            if data:
                self._push(line, data)

    def _push(self, line: socket.socket, data: bytes) -> None:
        data = self._unsent[line] + data
        try:
            taken = line.send(data)
        except BlockingIOError:
            taken = 0
        self._unsent[line] = data[taken:]

    def _closed(self, until: float) -> None:
        """Keep the window full until a moment of the monotonic clock."""
        source = self.sources[0]
        while time.monotonic() < until:
            room = self.plan.window - (source.sent - self._arrived)
            if room > 0:
                self.publish(source, room)
            time.sleep(_PAUSE_SECONDS)
            self._look(0.05)

    def _paced(self, until: float) -> None:
        """Publish each stream at its rate until a moment of the monotonic clock."""
        start = time.monotonic()
        steps = [1 / source.stream.rate for source in self.sources]
        # Streams start apart, so that none always runs into the other.
        due = [start + step * (0.5 + 0.37 * position) for position, step in enumerate(steps)]
        while (now := time.monotonic()) < until:
            for position, source in enumerate(self.sources):
                if due[position] <= now:
                    self.publish(source, 1)
                    due[position] += steps[position]
            self._look(max(0.0, min([*due, until]) - time.monotonic()))

    def run(self) -> LoadResult:
        """Warm up, measure, wait for the rest, judge."""
        load = self._closed if self.plan.window else self._paced
        load(time.monotonic() + self.plan.warmup)
        begin, cpu, arrived, began = stamp_us(), time.process_time(), self._arrived, time.monotonic()
        say("begin")
        load(began + self.plan.seconds)
        end, cpu, arrived, ended = stamp_us(), time.process_time() - cpu, self._arrived - arrived, time.monotonic()
        say("end")
        self._drain(ended + self.plan.drain)
        return LoadResult(ended - began, arrived, cpu, self.acknowledged, self._judge(begin, end))

    @property
    def acknowledged(self) -> int:
        """How many messages the broker took."""
        return self._acknowledged_bytes // PUBACK_BYTES

    def _drain(self, deadline: float) -> None:
        """Wait until as many came as are answered, then a moment longer for what comes twice."""
        answered = sum(source.sent for source in self.sources if source.stream.answered)
        published = sum(source.sent for source in self.sources)
        while time.monotonic() < deadline:
            if self._arrived >= answered and self.acknowledged >= published:
                break
            self._look(0.1)
        linger = time.monotonic() + 0.3
        while time.monotonic() < linger:
            self._look(0.1)

    def _judge(self, begin: int, end: int) -> list[StreamResult]:
        tallies = [_Tally(source) for source in self.sources]
        for number, stamp, now in marks(self._chunks):
            if stamp < self._born:
                continue  # an answer to an earlier load
            position, place = divmod(number - FIRST_NUMBER, FIRST_NUMBER)
            tallies[position].note(place, stamp, now)
        return [tally.result(begin, end) for tally in tallies]


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run the plan given as the only argument."""
    gc.disable()
    say(json.dumps(asdict(Generator(Plan.from_json(sys.argv[1])).run())))


if __name__ == "__main__":
    main()
