"""Webhook Reply: answers the web request that waits for this workflow."""

import re
from typing import Any, Literal

import orjson
from pydantic import Field

from wegnology.lib.javascript import number
from wegnology.lib.schema import ConfigInvalid, Schema, ui
from wegnology.lib.types import JSONObject
from workflows.nodes.base import AwaitingNode, Category, NodeFailed, Result, RunContext, nodes, path_of, template_of

MOST_BYTES = 256 * 1024
MOST_HEADERS = 50
DEFAULT_STATUS = 200
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}\Z")
_REFUSED = {
    "clear-site-data",
    "connection",
    "content-length",
    "content-security-policy",
    "keep-alive",
    "service-worker-allowed",
    "set-cookie",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
"""What belongs to the connection or to the whole site, and cookies: not for a workflow to say."""


class ReplyHeader(Schema):
    """A header of the reply."""

    key_template: str = Field(min_length=1, max_length=1024, description="Name, a template.", examples=["Content-Type"])
    value_template: str = Field(default="", max_length=8192, description="Value, a template.", examples=["application/json"])


class WebhookReplyConfig(Schema):
    """Settings of `WebhookReplyNode`."""

    reply_id_path: str = Field(
        default="data.replyId",
        max_length=1024,
        description="Payload path of the reply id, which a webhook that waits for a reply gives to its workflow.",
    )
    response_code_template: str = Field(
        default="", max_length=1024, description="Status of the answer, a template; 200 where it is no status.", examples=["201"]
    )
    body_template: str = Field(
        default="",
        max_length=65_536,
        description="Body of the answer, at most 256 KiB: a template, or a payload path to a text or to what becomes JSON.",
        examples=['{"received": "{{data.body.name}}"}'],
        json_schema_extra=ui(multiline=True),
    )
    body_template_type: Literal["string", "path"] = Field(
        default="string", description="Whether bodyTemplate is a template or a payload path."
    )
    header_info: list[ReplyHeader] = Field(default=[], max_length=MOST_HEADERS, description="Headers of the answer.")
    is_websocket_message: bool = Field(
        default=False, description="Kept from the original product: webhooks here take no WebSocket connections."
    )
    encoding_template: str = Field(default="", max_length=1024, description="Kept from the original product, for the same.")


@nodes.register
class WebhookReplyNode(AwaitingNode[WebhookReplyConfig]):
    """Answers the web request that waits for this run. The first answer counts."""

    name = "WebhookReplyNode"
    label = "Webhook: Reply"
    category = Category.OUTPUT
    Config = WebhookReplyConfig
    needs_task = True

    def __init__(self, config: WebhookReplyConfig) -> None:
        super().__init__(config)
        if config.is_websocket_message:
            raise ConfigInvalid({"isWebsocketMessage": "Webhooks here take no WebSocket connections: reply to a request."})
        self._reply_id = path_of("replyIdPath", config.reply_id_path or "data.replyId")
        self._status = template_of("responseCodeTemplate", config.response_code_template)
        is_path = config.body_template_type == "path"
        self._path = path_of("bodyTemplate", config.body_template) if is_path and config.body_template.strip() else None
        self._body = template_of("bodyTemplate", "" if is_path else config.body_template)
        self._headers = [
            (template_of(f"headerInfo.{at}.keyTemplate", header.key_template),
             template_of(f"headerInfo.{at}.valueTemplate", header.value_template))
            for at, header in enumerate(config.header_info)
        ]  # fmt: skip

    async def run(self, payload: JSONObject, context: RunContext) -> Result:
        reply_id = self._reply_id.get(payload)
        if not isinstance(reply_id, str) or not reply_id:
            raise NodeFailed(
                f"there is no reply id at {self.config.reply_id_path}: the webhook must be set to wait for a reply",
                "ReplyIdMissing",
            )
        reply: JSONObject = {"status": self._code(payload), "headers": self._pairs(payload), "body": self._text(payload)}
        if not await context.starts.reply(reply_id, reply):
            context.debug("Nobody waits for this reply: it came too late, or there was one before.", None, "warn", self.node_id)
        return payload, 0

    def _code(self, payload: JSONObject) -> int:
        code = number(self._status.render(payload).strip() or "x")
        return int(code) if 200 <= code <= 599 and code == int(code) else DEFAULT_STATUS

    def _text(self, payload: JSONObject) -> str:
        value: Any = self._path.get(payload) if self._path is not None else self._body.render(payload)
        text = value if isinstance(value, str) else "" if value is None else orjson.dumps(value).decode()
        if len(text.encode()) > MOST_BYTES:
            raise NodeFailed(f"the body of a reply may have {MOST_BYTES} bytes", "ReplyTooLarge")
        return text

    def _pairs(self, payload: JSONObject) -> list[Any]:
        return [_pair(key.render(payload).strip(), value.render(payload).strip()) for key, value in self._headers]


def _pair(name: str, value: str) -> list[str]:
    """Check a header."""
    if not _NAME.match(name) or name.lower() in _REFUSED:
        raise NodeFailed(f"{name[:80]!r} cannot be a header of the reply", "HeaderInvalid")
    if not value.isascii() or any(character < " " for character in value):
        raise NodeFailed(f"the value of the header {name} must be plain text in one line", "HeaderInvalid")
    return [name, value]
