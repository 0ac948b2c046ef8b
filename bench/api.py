"""What the REST API takes to answer lists of many integrations: time in the server, without the network."""

import json
import os
import subprocess
import sys
from pathlib import Path

from bench.options import Options
from bench.parts import Bench
from bench.procs import BenchFailed
from bench.report import Figure, number, say

INTEGRATIONS = 10_000
PER_PAGE = 100
ROUNDS = 30
LIMIT_MS = 100.0
PAGES = {
    "first page": "perPage=100",
    "last page": f"perPage=100&page={INTEGRATIONS // PER_PAGE - 1}",
    "filtered by name": "perPage=100&filterField=name&filter=*99*",
    "newest first": "perPage=100&sortField=creationDate&sortDirection=desc",
}


def api(bench: Bench) -> list[Figure]:
    """Pages of 100 out of 10,000 integrations, each with its live status; time in the server."""
    folder = bench.folder / "api"
    folder.mkdir(parents=True, exist_ok=True)
    figures = []
    for name, milliseconds in _measured(folder, bench.options).items():
        say(f"  {name}: {number(milliseconds)} ms")
        figures.append(Figure("api", "ours", name, milliseconds, "ms", f"<= {LIMIT_MS:.0f}", milliseconds <= LIMIT_MS))
    return figures


def _measured(folder: Path, options: Options) -> dict[str, float]:
    """Measure in a process of its own, over a database and a Redis of its own."""
    environment = {**os.environ, "WEGNOLOGY_STATE_DIR": str(folder), "WEGNOLOGY_API_PER_MINUTE": "1000000"}
    environment.pop("DATABASE_URL", None)
    rounds = 5 if options.quick else ROUNDS
    command = [sys.executable, "-m", "bench.api_process", str(INTEGRATIONS), str(rounds), json.dumps(PAGES)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    if done.returncode:
        raise BenchFailed(f"the process that measures the API failed: {done.stderr.strip()[-500:]}")
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found
