"""Become another program: `launch.py listener` runs that line of the Procfile, `launch.py -- program arguments` anything else.

Run by path and without site-packages, so that it costs no time. It sets what a supervisor cannot: on Linux the program is told to
stop when its parent dies, whatever killed the parent, so that no orphan is left behind; and it may open as many files as the
system allows, since every connection is one.
"""

import ctypes
import os
import re
import resource
import signal
import sys
from pathlib import Path

PROCFILE = Path(__file__).resolve().parent.parent.parent / "Procfile"
RELEASE = "release"

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
    os.chdir(PROCFILE.parent)
    os.execv("/bin/sh", ["sh", "-c", f"exec {line}"])  # noqa: S606  (the shell is what a Procfile line is written for)


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
