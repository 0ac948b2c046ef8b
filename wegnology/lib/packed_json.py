"""JSON that is kept for a while, in just as much memory as it needs."""

from typing import Any

import orjson


def packed(value: Any) -> bytes:
    """Return a value as JSON text.

    What `orjson.dumps` returns holds the buffer it was written in, 4 KB or more (seen with 3.13); a copy holds its text only.
    """
    return b"%b" % orjson.dumps(value)
