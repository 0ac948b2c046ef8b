"""`make counterparts`: run servers to point integrations at, and give them faults from the keyboard."""

import shlex
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from tests.servers.counterparts import COUNTERPARTS, FIRST_PORT, Absent, OpenDoor, open_doors
from tests.servers.proxy import FAULTS

HELP = """
  DOOR FAULT               switch a fault: particle hang
  DOOR publish NAME TEXT   let a message arrive: mqtt publish demo/in '{"t": 31}'
  list                     the doors and what to enter in an integration
  faults                   what there is
  quit"""
_APART = 10
"""Ports of each counterpart."""


def main(names: Sequence[str]) -> int:
    """Start the named counterparts, all without a name; run until told to stop."""
    unknown = set(names) - COUNTERPARTS.keys()
    if unknown:
        _say(f"There is no {', '.join(sorted(unknown))}, but {', '.join(COUNTERPARTS)}")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with ExitStack() as stack:
        doors: dict[str, OpenDoor] = {}
        for at, name in enumerate(COUNTERPARTS):
            if names and name not in names:
                continue
            try:
                doors |= {one.door.name: one for one in open_doors(name, stack, FIRST_PORT + at * _APART)}
            except Absent as error:
                _say(f"{name}: not started: {error}")
        _list(doors)
        _say(f"Ctrl-C stops them. Meanwhile:{HELP}\nready")
        _listen(doors)
    return 0


def _listen(doors: dict[str, OpenDoor]) -> None:
    try:
        for line in sys.stdin:
            if line.strip() == "quit":
                return
            try:
                _say(_do(line, doors))
            except (ValueError, RuntimeError, OSError) as error:
                _say(f"{error}")
        signal.pause()
    except KeyboardInterrupt:
        pass


def _do(line: str, doors: dict[str, OpenDoor]) -> str:
    """Carry out one line; returns what to say. Raises `ValueError` where it makes no sense."""
    words = shlex.split(line)
    if not words:
        return ""
    if words == ["list"]:
        _list(doors)
        return ""
    if words == ["faults"]:
        own = {f"{name} {fault}": meaning for name, one in doors.items() for fault, meaning in one.door.faults.items()}
        return "\n".join(f"  {name:10} {meaning}" for name, meaning in (FAULTS | own).items())
    if words[0] not in doors or len(words) < 2:
        raise ValueError(f"Not understood.{HELP}")
    one = doors[words[0]]
    if words[1] == "publish":
        if len(words) != 4 or one.door.publish is None:
            raise ValueError("publish takes a name and a text")
        one.door.publish(words[2], words[3])
        return "published"
    return f"{words[0]}: {one.fault(words[1])}"


def _list(doors: dict[str, OpenDoor]) -> None:
    for name, one in doors.items():
        _say(f"{name:20} port {one.proxy.port}")
        for label, value in one.settings.items():
            _say(f"    {label}: {value}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n" if text else "")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
