"""What the pages of the admin take in an installation that is full: time of the server, without the network."""

import json
import os
import subprocess
import sys

from bench.parts import Bench
from bench.procs import BenchFailed
from bench.report import Figure, number, say

INTEGRATIONS = 1_000
ROUNDS = 7
LIMIT_MS = 300.0


def pages(bench: Bench) -> list[Figure]:
    """Every page that a person opens, with 1,000 integrations: CPU of the web process and of Redis, the best of several."""
    folder = bench.folder / "pages"
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "WEGNOLOGY_STATE_DIR": str(folder)}
    environment.pop("DATABASE_URL", None)
    rounds = 3 if bench.options.quick else ROUNDS
    command = [sys.executable, "-m", "bench.pages_process", str(INTEGRATIONS), str(rounds)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    if done.returncode:
        raise BenchFailed(f"the process that measures pages failed: {done.stderr.strip()[-500:]}")
    found: dict[str, tuple[float, int]] = json.loads(done.stdout.strip().splitlines()[-1])
    figures = []
    for name, (milliseconds, queries) in found.items():
        say(f"  {name}: {number(milliseconds)} ms, {queries} queries")
        figures.append(Figure("pages", "ours", name, milliseconds, "ms", f"<= {LIMIT_MS:.0f}", milliseconds <= LIMIT_MS))
    return figures
