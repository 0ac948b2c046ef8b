"""The wire form of AMQP 1.0: types, frames and messages, as much of it as a server needs that speaks with Event Hubs clients.

Source: OASIS AMQP 1.0, parts 1 to 3. Every field of a performative is written, nulls at the end too, lists never as list0 and
descriptors as small ulongs: the Python client reads frames by index.
"""

import struct
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

HEADER = b"AMQP\x00\x01\x00\x00"
SASL_HEADER = b"AMQP\x03\x01\x00\x00"
OPEN, BEGIN, ATTACH, FLOW, TRANSFER, DISPOSITION, DETACH, END, CLOSE = range(0x10, 0x19)
SASL_MECHANISMS, SASL_INIT, SASL_OUTCOME = 0x40, 0x41, 0x44
ACCEPTED, REJECTED = 0x24, 0x25
SOURCE, TARGET, ERROR = 0x28, 0x29, 0x1D
_FIELDS = {OPEN: 10, BEGIN: 8, ATTACH: 14, FLOW: 11, TRANSFER: 11, DISPOSITION: 6, DETACH: 3, END: 1, CLOSE: 1}
_MESSAGE, _DELIVERY, _DATA = 0x72, 0x71, 0x75
PROPERTIES, APPLICATION_PROPERTIES, VALUE = 0x73, 0x74, 0x77


class Symbol(str):
    """A name from a set of names, in ASCII."""


class UByte(int):
    """An unsigned number of 8 bits."""


class UShort(int):
    """An unsigned number of 16 bits."""


class UInt(int):
    """An unsigned number of 32 bits."""


class ULong(int):
    """An unsigned number of 64 bits."""


class Int(int):
    """A number of 32 bits; a plain `int` is one of 64."""


class Timestamp(int):
    """Milliseconds since 1970."""


class Described(NamedTuple):
    """A value with what it is: a code or a name."""

    descriptor: Any
    value: Any


class Strings(list[str]):
    """An array of texts."""


class Symbols(list[str]):
    """An array of symbols."""


# -- writing

_NUMBERS: dict[type, tuple[int, str]] = {
    UByte: (0x50, ">B"),
    UShort: (0x60, ">H"),
    UInt: (0x70, ">I"),
    ULong: (0x80, ">Q"),
    Int: (0x71, ">i"),
    Timestamp: (0x83, ">q"),
    int: (0x81, ">q"),
    float: (0x82, ">d"),
}


def encode(value: Any) -> bytes:
    """Return the wire form of a value."""
    if value is None:
        return b"\x40"
    if isinstance(value, bool):
        return b"\x41" if value else b"\x42"
    if type(value) in _NUMBERS:
        code, form = _NUMBERS[type(value)]
        return bytes([code]) + struct.pack(form, value)
    if isinstance(value, uuid.UUID):
        return b"\x98" + value.bytes
    if isinstance(value, Described):
        return b"\x00" + _descriptor(value.descriptor) + encode(value.value)
    if isinstance(value, Strings | Symbols):
        return _array(value, 0xB1 if isinstance(value, Strings) else 0xB3)
    if isinstance(value, str | bytes):
        return _variable(value)
    if isinstance(value, dict):
        return _compound(0xD1, [part for pair in value.items() for part in pair])
    return _compound(0xD0, value)


def _descriptor(code: Any) -> bytes:
    return b"\x53" + bytes([code]) if isinstance(code, int) and code < 256 else encode(code)


def _variable(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    small = {Symbol: 0xA3, str: 0xA1}.get(type(value), 0xA0)
    if len(data) < 256:
        return bytes([small, len(data)]) + data
    return bytes([small + 0x10]) + struct.pack(">I", len(data)) + data


def _compound(code: int, parts: Sequence[Any]) -> bytes:
    body = b"".join(encode(part) for part in parts)
    return bytes([code]) + struct.pack(">II", len(body) + 4, len(parts)) + body


def _array(values: Sequence[str], code: int) -> bytes:
    body = b"".join(struct.pack(">I", len(text.encode())) + text.encode() for text in values)
    return b"\xf0" + struct.pack(">IIB", len(body) + 5, len(values), code) + body


def frame(channel: int, code: int, fields: Sequence[Any], payload: bytes = b"", kind: int = 0) -> bytes:
    """Return a frame: a performative, its fields filled up with nulls, and what it carries."""
    padded = [*fields, *[None] * (_FIELDS.get(code, len(fields)) - len(fields))]
    body = encode(Described(code, padded)) + payload
    return struct.pack(">IBBH", len(body) + 8, 2, kind, channel) + body


EMPTY_FRAME = struct.pack(">IBBH", 8, 2, 0, 0)


# -- reading

_FIXED: dict[int, tuple[str, type]] = {
    0x50: (">B", UByte), 0x51: (">b", int), 0x52: (">B", UInt), 0x53: (">B", ULong), 0x54: (">b", Int), 0x55: (">b", int),
    0x56: (">?", bool), 0x60: (">H", UShort), 0x61: (">h", int), 0x70: (">I", UInt), 0x71: (">i", Int), 0x72: (">f", float),
    0x80: (">Q", ULong), 0x81: (">q", int), 0x82: (">d", float), 0x83: (">q", Timestamp),
}  # fmt: skip
_EMPTY: dict[int, Any] = {0x40: None, 0x41: True, 0x42: False, 0x43: UInt(0), 0x44: ULong(0)}


def decode(data: bytes, at: int = 0) -> tuple[Any, int]:
    """Return the value that begins at a place, and the place after it."""
    code = data[at]
    if code == 0:
        descriptor, at = decode(data, at + 1)
        value, at = decode(data, at)
        return Described(descriptor, value), at
    return _decode(code, data, at + 1)


def _decode(code: int, data: bytes, at: int) -> tuple[Any, int]:
    if code in _EMPTY:
        return _EMPTY[code], at
    if code in _FIXED:
        form, kind = _FIXED[code]
        return kind(struct.unpack_from(form, data, at)[0]), at + struct.calcsize(form)
    if code == 0x98:
        return uuid.UUID(bytes=data[at : at + 16]), at + 16
    if code == 0x45:
        return [], at
    if code & 0xF0 in (0xA0, 0xB0):
        size, at = (data[at], at + 1) if code < 0xB0 else (struct.unpack_from(">I", data, at)[0], at + 4)
        raw = bytes(data[at : at + size])
        return (raw if code & 0x0F == 0 else Symbol(raw.decode()) if code & 0x0F == 3 else raw.decode()), at + size
    return _decode_many(code, data, at)


def _decode_many(code: int, data: bytes, at: int) -> tuple[Any, int]:
    wide = code in (0xD0, 0xD1, 0xF0)
    count = struct.unpack_from(">I", data, at + 4)[0] if wide else data[at + 1]
    at += 8 if wide else 2
    parts = []
    if code in (0xE0, 0xF0):
        of, at = data[at], at + 1
    for _ in range(count):
        part, at = _decode(of, data, at) if code in (0xE0, 0xF0) else decode(data, at)
        parts.append(part)
    if code in (0xC1, 0xD1):
        return dict(zip(parts[::2], parts[1::2], strict=True)), at
    if code in (0xC0, 0xD0, 0xE0, 0xF0):
        return parts, at
    raise ValueError(f"no such type: {code:#x}")


class Frame(NamedTuple):
    """A frame as received. `fields` are as many as the performative has, and `payload` follows it."""

    channel: int
    code: int
    fields: list[Any]
    payload: bytes


def read_frame(channel: int, body: bytes) -> Frame:
    """Read what follows the eight bytes of a frame's header."""
    performative, end = decode(body)
    code = int(performative.descriptor)
    fields = performative.value
    return Frame(channel, code, [*fields, *[None] * (_FIELDS.get(code, 0) - len(fields))], body[end:])


# -- messages


class Section(NamedTuple):
    """A part of a message: its code, its value, and its bytes as they came."""

    code: int
    value: Any
    raw: bytes


def sections(message: bytes) -> Iterator[Section]:
    """Take a message apart."""
    at = 0
    while at < len(message):
        found, end = decode(message, at)
        yield Section(int(found.descriptor), found.value, message[at:end])
        at = end


def bare(message: bytes) -> tuple[dict[Any, Any], bytes]:
    """Return the message annotations, and the bytes of what the sender wrote: properties, application properties, body."""
    parts = list(sections(message))
    annotations: dict[Any, Any] = next((part.value for part in parts if part.code == _MESSAGE), {})
    return annotations, b"".join(part.raw for part in parts if part.code >= PROPERTIES)


def batch(message: bytes) -> list[bytes]:
    """Return the messages in a batch: each is a whole message in a data section."""
    return [part.value for part in sections(message) if part.code == _DATA]


def annotated(message: bytes, annotations: dict[Any, Any], delivery: dict[Any, Any] | None = None) -> bytes:
    """Put annotations before a bare message."""
    first = encode(Described(_DELIVERY, delivery)) if delivery else b""
    return first + encode(Described(_MESSAGE, annotations)) + message


def with_data(data: bytes, properties: dict[Any, Any] | None = None) -> bytes:
    """Return a bare message with bytes for a body."""
    first = encode(Described(APPLICATION_PROPERTIES, properties)) if properties else b""
    return first + encode(Described(_DATA, data))


def answer(correlation: Any, properties: dict[Any, Any], value: Any) -> bytes:
    """Return a bare message that answers a request."""
    known = [None] * 5 + [correlation]
    parts = [Described(PROPERTIES, known), Described(APPLICATION_PROPERTIES, properties), Described(VALUE, value)]
    return b"".join(encode(part) for part in parts)
