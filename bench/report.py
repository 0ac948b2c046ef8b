"""What the benchmark says: lines as it goes, and at the end a table with the targets."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from bench.load import Measured


@dataclass(frozen=True)
class Figure:
    """One measured figure. `target` is what it should reach, in words; `reached` is None where nothing is asked."""

    part: str
    system: str
    name: str
    value: float
    unit: str
    target: str = ""
    reached: bool | None = None


def say(line: str = "") -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def number(value: float) -> str:
    """Return a number with three significant digits or more, thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.2f}"


def say_load(title: str, measured: Measured) -> None:
    """Print one load: rate, latency, cost, and whether all that was sent came out."""
    load = measured.load
    first = load.streams[0]
    say(f"  {title}: {number(load.rate)}/s, p50 {number(first.latency.p50)} ms, p99 {number(first.latency.p99)} ms")
    costs = [f"{name} {number(cost)}" for name, cost in (measured.cpu_us | measured.others_us).items()]
    say(f"    CPU µs a message: {', '.join(costs)}; of the system {number(measured.own_us)}")
    say(f"    {books(measured)}")


def books(measured: Measured) -> str:
    """Say whether sent = received = ledger."""
    load = measured.load
    sent = sum(stream.sent for stream in load.streams)
    out = sum(stream.distinct for stream in load.streams)
    twice = sum(stream.received - stream.distinct for stream in load.streams)
    disordered = sum(stream.disordered for stream in load.streams)
    aside = sum(stream.sent for stream in load.streams if not stream.answered)
    text = f"sent {sent:,} = acknowledged {load.acknowledged:,} = out {out:,}"
    text += (f" + {aside:,} not waited for" if aside else "") + f"; twice {twice}, out of order {disordered}"
    if measured.ledger is not None:
        text += f"; ledger: {measured.ledger}"
    return f"{'exact' if exact(measured) else 'NOT EXACT'}: {text}"


def exact(measured: Measured) -> bool:
    """Say whether everything that was sent came out once, in order, and stands so in the books."""
    load = measured.load
    sent = sum(stream.sent for stream in load.streams)
    whole = load.lost == 0 and load.acknowledged == sent
    once = all(stream.received == stream.distinct and not stream.disordered for stream in load.streams)
    books = measured.ledger
    return whole and once and (books is None or (books.received == sent == books.finished and not books.unbalanced))


def say_table(figures: Sequence[Figure]) -> None:
    """Print all figures with their targets."""
    rows = [("part", "system", "figure", "value", "target")]
    for figure in figures:
        verdict = "" if figure.reached is None else f"{figure.target}: {'reached' if figure.reached else 'NOT REACHED'}"
        rows.append((figure.part, figure.system, figure.name, f"{number(figure.value)} {figure.unit}", verdict))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        say("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
