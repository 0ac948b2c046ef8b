"""Bodies of HTTP answers that were made smaller for the way: gzip and deflate. RFC 9110, 8.4. Bounded, whatever they hold."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable

ACCEPTED = "gzip, deflate"
"""For `Accept-Encoding`."""
_STEP_BYTES = 256 * 1024
_MOST_LAYERS = 3
_MOST_MEMBERS = 100
_GZIP, _ZLIB, _RAW = 31, 15, -15


class BodyInvalid(Exception):
    """The body is not in the encoding that its headers name; the text says which."""


class BodyTooLarge(Exception):
    """The body is longer than it may be."""


async def decode(body: bytes, content_encoding: str, limit: int) -> bytes:
    """Return a body as it was before it was encoded; an encoding that nobody asked for is left as it is.

    Others get a turn after every 256 KiB. Raises `BodyInvalid`, and `BodyTooLarge` beyond `limit` bytes.
    """
    layers = [name.strip().lower() for name in content_encoding.split(",") if name.strip()]
    if len(layers) > _MOST_LAYERS or any(name not in _LAYERS for name in layers):
        layers = []
    for name in reversed(layers):
        body = await _LAYERS[name](body, limit) if body else body
    if len(body) > limit:
        raise BodyTooLarge
    return body


async def _plain(body: bytes, limit: int) -> bytes:
    return body


async def _gunzip(body: bytes, limit: int) -> bytes:
    """A gzip body may have several members, one after the other: RFC 1952, 2.2."""
    whole = b""
    for _ in range(_MOST_MEMBERS):
        part, body = await _inflate(body, _GZIP, limit - len(whole))
        whole += part
        if not body.strip(b"\0"):  # some servers pad
            return whole
    raise BodyInvalid("the compressed answer has too many parts")


async def _deflated(body: bytes, limit: int) -> bytes:
    """Deflate is zlib's format; some servers leave its header away. RFC 9110, 8.4.1.2."""
    has_header = body[0] & 0x0F == 8 and int.from_bytes(body[:2]) % 31 == 0
    return (await _inflate(body, _ZLIB if has_header else _RAW, limit))[0]


async def _inflate(body: bytes, window: int, limit: int) -> tuple[bytes, bytes]:
    """Return what one stream holds, and what comes after it."""
    stream = zlib.decompressobj(window)
    kept = bytearray()
    try:
        while not stream.eof:
            part = stream.decompress(body, _STEP_BYTES)
            kept += part
            if len(kept) > limit:
                raise BodyTooLarge
            body = stream.unconsumed_tail
            if not part and not body and not stream.eof:
                raise BodyInvalid("the compressed answer ends too early")
            await asyncio.sleep(0)
    except zlib.error:
        raise BodyInvalid("the answer is not compressed as its headers say") from None
    return bytes(kept), stream.unused_data


_LAYERS: dict[str, Callable[[bytes, int], Awaitable[bytes]]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _deflated,
    "identity": _plain,
}
