"""What it costs to record what workflows do: the work of the part `saturation`, with recording and without, turn by turn."""

from statistics import median

from bench.load import Measured, measure
from bench.parts import INPUTS, Bench
from bench.plan import Plan, Stream
from bench.report import Figure, say_load

WINDOW = 1_000
MOST = 1.15


def insight(bench: Bench) -> list[Figure]:
    """Cost of a message with recording (timed visits, counts, samples) and with it switched off."""
    found: dict[bool, list[Measured]] = {True: [], False: []}
    for turn in range(bench.options.rounds):
        for on in (True, False) if turn % 2 else (False, True):
            found[on].append(_load(bench, on))
            say_load(f"recording {'on' if on else 'off'}, round {turn + 1}", found[on][-1])
    figures = []
    for on, rounds in found.items():
        name = "on" if on else "off"
        figures.append(Figure("insight", "ours", f"messages a second, {name}", median(one.load.rate for one in rounds), "/s"))
        cost = median(one.cpu_us["worker"] for one in rounds)
        figures.append(Figure("insight", "ours", f"CPU a message: worker, {name}", cost, "µs"))
        figures.append(Figure("insight", "ours", f"CPU a message, {name}", median(one.own_us for one in rounds), "µs"))
    ratio = median(one.own_us for one in found[True]) / median(one.own_us for one in found[False])
    return [*figures, Figure("insight", "ours", "with against without", ratio, "times", f"<= {MOST}", ratio <= MOST)]


def _load(bench: Bench, on: bool) -> Measured:
    work = bench.work(INPUTS, insight=on)
    with bench.running("ours", work) as (system, broker):
        plan = Plan(broker.port, [Stream(0, INPUTS)], window=WINDOW, seconds=bench.options.seconds)
        return measure(plan, system, broker.child.pid)
