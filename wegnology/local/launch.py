"""Become another program: `launch.py listener` runs that line of the Procfile, `launch.py -- program arguments` anything else.

Run by path and without site-packages, so that it costs no time. It sets what a supervisor cannot: on Linux the program is told to
stop when its parent dies, whatever killed the parent, so that no orphan is left behind; it may open as many files as the system
allows, since every connection is one; and lines of the Procfile run with the better allocator where the machine has it.
"""

import ctypes
import os
import re
import resource
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

PROCFILE = Path(__file__).resolve().parent.parent.parent / "Procfile"
RELEASE = "release"

_JEMALLOC = "narenas:1,background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0"
"""One arena: Python allocates in one thread at a time. What is not used any more goes back to the system after a second."""
_OPEN_FILES = 65_536
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LINE = re.compile(r"^([A-Za-z0-9_-]+):\s*(.+)$")


def procfile(path: Path = PROCFILE) -> dict[str, str]:
    """Return the command lines of a Procfile by name, in its order."""
    matches = (_LINE.match(line) for line in path.read_text().splitlines())
    return {match[1]: match[2] for match in matches if match}


def become(arguments: list[str]) -> None:
    """Replace this process; the process id stays. Does not return."""
    _stop_with_parent()
    _allow_open_files()
    if arguments[0] == "--":
        os.execvp(arguments[1], arguments[1:])  # noqa: S606  (no shell wanted: the arguments are a program's)
    line = procfile()[arguments[0]]
    os.environ.update(allocating(os.environ))
    os.chdir(PROCFILE.parent)
    os.execv("/bin/sh", ["sh", "-c", f"exec {line}"])  # noqa: S606  (the shell is what a Procfile line is written for)


def allocator() -> Path | None:
    """Return jemalloc where this machine has it."""
    places = [Path("/usr/lib", getattr(sys.implementation, "_multiarch", "")), Path("/usr/lib64")]
    return next((path for place in places if (path := place / "libjemalloc.so.2").exists()), None)


def allocating(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what is to be added to the environment of our processes, so that memory costs them less time and they give it back.

    What somebody preloads or sets for jemalloc himself stays.
    """
    library = allocator()
    if library is None or "LD_PRELOAD" in environment:
        return {}
    return {"LD_PRELOAD": str(library), "MALLOC_CONF": environment.get("MALLOC_CONF", _JEMALLOC)}


def _stop_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    become(sys.argv[1:])
