"""Run the benchmark: `python -m bench --help`."""

import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from bench.api import api
from bench.costs import costs
from bench.insight import insight
from bench.node_red import NodeRed
from bench.options import Options, parse
from bench.ours import Ours
from bench.pages import pages
from bench.parts import OURS_ONLY, PART_BY_NAME, Bench
from bench.procs import BenchFailed
from bench.report import Figure, say, say_table
from bench.type_parts import TYPE_PARTS

ALL_PARTS = PART_BY_NAME | TYPE_PARTS | {"costs": costs, "insight": insight, "api": api, "pages": pages}


def _machine() -> str:
    kernel = platform.release().partition("-")[0]
    return f"{os.cpu_count()} cores, {platform.machine()}, Linux {kernel}, Python {platform.python_version()}"


def _bench(options: Options, folder: Path) -> Bench:
    cache = options.cache
    bench = Bench(folder, options, {})
    if options.ours:
        bench.makers["ours"] = Ours
    if options.peer:
        bench.makers["node-red"] = lambda place: NodeRed(place, cache)
    return bench


def run(options: Options, folder: Path) -> list[Figure]:
    """Run the parts that were asked for; one that cannot be measured does not keep the others from it."""
    bench = _bench(options, folder)
    figures: list[Figure] = []
    for part in options.parts:
        if (part in OURS_ONLY or part in TYPE_PARTS or part in ("costs", "insight", "api", "pages")) and not options.ours:
            continue
        measured = ALL_PARTS[part]
        say(f"{part}: {(measured.__doc__ or '').strip()}")
        try:
            figures += measured(bench)
        except BenchFailed as error:
            say(f"  not measured: {error}")
        say()
    return figures


def main() -> int:
    """Measure, print, write the file that was asked for. A target that is not reached fails nothing."""
    options = parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that what was started is stopped
    say(f"{time.strftime('%Y-%m-%d')}, {_machine()}, load before {os.getloadavg()[0]:.2f}")
    say(f"published at QoS {options.out_qos} through {'the input' if options.own_out else 'one connection'}")
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        figures = run(options, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    say_table(figures)
    if options.json_file:
        about = {"date": time.strftime("%Y-%m-%d"), "machine": _machine(), "figures": [asdict(figure) for figure in figures]}
        options.json_file.write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
