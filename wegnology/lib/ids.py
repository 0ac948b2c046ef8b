"""Identifiers: 24 hex digits that sort by the time they were made.

Eight digits of seconds, ten of a random process mark, six of a counter: the form of a MongoDB object id, which is
what clients of the original product expect to see.
"""

import itertools
import os
import secrets
import time

_process_mark = secrets.token_hex(5)
_head = (0, "")
_counter = itertools.count(secrets.randbelow(1 << 23))


def _after_fork() -> None:
    global _head, _process_mark
    _process_mark = secrets.token_hex(5)
    _head = (0, "")


os.register_at_fork(after_in_child=_after_fork)


def new_id() -> str:
    """Return a new identifier, unique across processes."""
    global _head
    seconds = int(time.time())
    head = _head  # another thread may make a new one
    if head[0] != seconds:
        head = _head = (seconds, f"{seconds:08x}{_process_mark}")
    return f"{head[1]}{next(_counter) & 0xFFFFFF:06x}"
