"""The last messages of an integration, each with what became of it, for pages, the API and whoever follows live."""

import base64
import binascii
import contextlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.conf import settings
from django.utils.translation import gettext as _

from integrations.runtime.keys import key
from wegnology.lib.redis import SyncRedis, sync_client
from wegnology.lib.types import JSONObject

_BODY_SEARCHED = 65_536
_HEX_WIDTH = 16
_HEX_LINES = 256
WAITING, ENDED = "waiting", "ended"


@dataclass(frozen=True, slots=True)
class Run:
    """One workflow that ran for a message; `error` is empty when it ended well."""

    workflow_id: str
    version_id: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that a run sent: through which integration, how that ended (sent, failed), and how long it took."""

    integration_id: str
    outcome: str
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Message:
    """One message. Times in milliseconds since 1970, durations in milliseconds, None where they are not known.

    `outcome`: waiting, ended (how is not known any more), finished, unmatched, `parked:<reason>` or `dropped:<reason>`.
    """

    event_id: str
    accepted_ms: int
    received_ms: int
    kind: str
    size: int
    data: JSONObject
    outcome: str
    cut: bool = False
    skipped_before: int = 0
    throttle_ms: int | None = None
    queue_ms: int | None = None
    run_ms: int | None = None
    runs: Sequence[Run] = ()
    sends: Sequence[Sent] = ()

    @property
    def send_ms(self) -> int | None:
        """How long the slowest of its sends took."""
        return max((one.milliseconds for one in self.sends), default=None)

    @property
    def topic(self) -> str:
        """Where it came from, as far as the type says so."""
        return str(self.data.get("topic") or self.data.get("event") or "")[:300] if _has_text_topic(self.data) else ""

    def holds(self, text: str) -> bool:
        """Say whether the text is in its data, topic or body, whatever the case."""
        return text.casefold() in json.dumps(self.data, ensure_ascii=False)[:_BODY_SEARCHED].casefold()


def _has_text_topic(data: JSONObject) -> bool:
    return isinstance(data.get("topic") or data.get("event"), str)


@dataclass(frozen=True, slots=True)
class Inspection:
    """Messages, newest first. `place` grows with each message and outcome: whoever follows compares it."""

    messages: list[Message] = field(default_factory=list)
    place: str = ""


def read_inspection(integration_id: str, client: SyncRedis | None = None) -> Inspection:
    """Return the last messages of an integration; raises what `RedisAway` names."""
    if client is None:
        with closing(sync_client()) as own:
            return read_inspection(integration_id, own)
    with client.pipeline(transaction=True) as pipe:
        pipe.lrange(key("messages", integration_id), 0, -1)
        pipe.lrange(key("outcomes", integration_id), 0, -1)
        pipe.xrange(key("inbox", integration_id), count=1)
        pipe.hget(key("inspected"), integration_id)
        messages, outcomes, head, count = pipe.execute()
    oldest = int(head[0][0].partition(b"-")[0]) if head else int(time.time() * 1000) + 1
    known = _joined(outcomes)
    found = [_message(orjson.loads(text), known, oldest) for text in reversed(messages)]
    latest = json.dumps(sum(binascii.crc32(text) for text in outcomes[-3:]))
    waiting = sum(message.outcome == WAITING for message in found)
    return Inspection(found, f"{int(count or 0)}-{len(outcomes)}-{latest}-{waiting}")


def find_message(inspection: Inspection, event_id: str) -> Message | None:
    """Return one of the messages."""
    return next((message for message in inspection.messages if message.event_id == event_id), None)


def matching(messages: Iterable[Message], text: str = "", outcome: str = "") -> list[Message]:
    """Return the messages that hold a text and ended so; `outcome` is the part before the reason."""
    return [
        message
        for message in messages
        if (not text or message.holds(text)) and (not outcome or message.outcome.partition(":")[0] == outcome)
    ]


def is_kept() -> bool:
    """Say whether the installation keeps messages for looking at."""
    return bool(settings.INSPECT_MESSAGES and settings.INSPECT_PER_SECOND)


def _joined(outcomes: Sequence[bytes]) -> dict[str, dict[str, Any]]:
    """Return what is known of each event: an event that ran twice has its last end, and all its sends."""
    known: dict[str, dict[str, Any]] = {}
    for text in outcomes:
        record = orjson.loads(text)
        before = known.get(record["id"], {})
        sends = [*before.get("s", ()), *record["s"]]
        known[record["id"]] = {**before, **record, "s": sends}
    return known


def _message(record: dict[str, Any], known: Mapping[str, dict[str, Any]], oldest: int) -> Message:
    end = known.get(record["id"], {})
    outcome = end.get("o") or (f"dropped:{record['r']}" if "r" in record else WAITING if record["a"] >= oldest - 1000 else ENDED)
    return Message(
        record["id"],
        record["a"],
        record["t"],
        record["k"],
        record["n"],
        record["d"],
        outcome,
        record.get("x", False),
        record.get("s", 0),
        end.get("w"),
        end.get("q"),
        end["e"] - end["b"] if "e" in end else None,
        [Run(*run) for run in end.get("f", ())],
        [Sent(*sent) for sent in end.get("s", ())],
    )


@dataclass(frozen=True, slots=True)
class View:
    """One part of a message's data as people read it: `form` is json, text or hex."""

    name: str
    form: str
    text: str
    forms: Sequence[str]


def views(message: Message, wanted: str = "") -> list[View]:
    """Return each part of the data decoded; in the form that is wanted where that is possible, else in the most telling one."""
    base64_there = message.data.get("encoding") == "base64"
    return [
        view(name, value, wanted, is_base64=base64_there)
        for name, value in message.data.items()
        if not (base64_there and name == "encoding")
    ]


def view(name: str, value: Any, wanted: str = "", *, is_base64: bool = False) -> View:
    """Return one value decoded. With `is_base64` a text that reads as base64 stands for bytes."""
    if isinstance(value, dict):
        inner = value.get("encoding") == "base64"
        body = value.get("body") if inner else None
        if isinstance(body, str) and wanted == "hex":
            return View(name, "hex", hex_dump(_bytes_of(body) or b""), ("json", "hex"))
        return View(name, "json", _pretty(value), ("json", "hex") if inner else ("json",))
    if not isinstance(value, str):
        return View(name, "json", _pretty(value), ("json",))
    content = _bytes_of(value) if is_base64 else None
    if content is not None:
        return (
            View(name, "text", value, ("hex", "text"))
            if wanted == "text"
            else View(name, "hex", hex_dump(content), ("hex", "text"))
        )
    decoded = parsed(value)
    forms = ("text", "hex") if decoded is None else ("json", "text", "hex")
    form = wanted if wanted in forms else forms[0]
    texts = {"text": lambda: value, "hex": lambda: hex_dump(value.encode()), "json": lambda: _pretty(decoded)}
    return View(name, form, texts[form](), forms)


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def parsed(text: str) -> Any:
    """Return the value of a text that is a JSON object or array; None for anything else."""
    if text.lstrip()[:1] in ("{", "["):
        with contextlib.suppress(ValueError, RecursionError):
            return json.loads(text)
    return None


def _bytes_of(text: str) -> bytes | None:
    """Return what a base64 text stands for, cut to whole bytes where it was cut to size; None when it is none."""
    try:
        return base64.b64decode(text[: len(text) // 4 * 4], validate=True) if len(text) >= 4 else None
    except (ValueError, binascii.Error):
        return None


def hex_dump(content: bytes) -> str:
    """Return bytes as people read them: offset, hex, and the characters that can be shown."""
    lines = []
    for at in range(0, min(len(content), _HEX_LINES * _HEX_WIDTH), _HEX_WIDTH):
        part = content[at : at + _HEX_WIDTH]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{at:06x}  {part.hex(' '):<{_HEX_WIDTH * 3 - 1}}  {shown}")
    if len(content) > _HEX_LINES * _HEX_WIDTH:
        lines.append(_("… %(count)s bytes more") % {"count": f"{len(content) - _HEX_LINES * _HEX_WIDTH:,}"})
    return "\n".join(lines)
