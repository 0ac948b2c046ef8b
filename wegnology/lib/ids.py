"""Identifiers: 24 hex digits that sort by the time they were made.

Eight digits of seconds, ten of a random process mark, six of a counter: the form of a MongoDB object id, which is
what clients of the original product expect to see.
"""

import os
import secrets
from collections.abc import Iterator
from itertools import chain, repeat
from time import time

_MOST = 1 << 24
_counter = chain(range(secrets.randbelow(_MOST // 2), _MOST), chain.from_iterable(repeat(range(_MOST))))
_process_mark = secrets.token_hex(5)
_second: tuple[int, Iterator[str]] = (0, iter(()))
"""The second at hand and its identifiers: the counter goes on in each."""


def _after_fork() -> None:
    global _second, _process_mark
    _process_mark = secrets.token_hex(5)
    _second = (0, iter(()))


os.register_at_fork(after_in_child=_after_fork)


def new_id() -> str:
    """Return a new identifier, unique across processes."""
    global _second
    now = int(time())
    second, identifiers = _second  # another thread may go on to the next
    if second != now:
        identifiers = map(f"{now:08x}{_process_mark}%06x".__mod__, _counter)
        _second = (now, identifiers)
    return next(identifiers)
