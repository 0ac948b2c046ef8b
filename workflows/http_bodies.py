"""Bodies of requests that HTTP nodes make, of each type by its public name."""

import secrets
from abc import ABC, abstractmethod
from collections.abc import Sequence
from urllib.parse import urlencode

import orjson

from wegnology.lib.byte_encodings import encoded
from wegnology.lib.templating import Template, parse_json_template
from wegnology.lib.types import JSONObject

Made = tuple[bytes, str, str]
"""The body, or the address that holds it, and its type."""
MAX_BYTES = 5 * 1024 * 1024


class BodyInvalid(ValueError):
    """The body cannot be made; the text says why."""


class Body(ABC):
    """What a request sends: from one template with its encoding, or from fields."""

    def __init__(self, template: Template, encoding: Template, fields: Sequence[tuple[Template, Template]]) -> None:
        self.template = template
        self.encoding = encoding
        self.fields = fields

    def made(self, payload: JSONObject) -> Made:
        """Render; raises `BodyInvalid` and `TemplateError`."""
        made = self.rendered(payload)
        if len(made[0]) > MAX_BYTES:
            raise BodyInvalid(f"the body is larger than {MAX_BYTES // 1024 // 1024} MB")
        return made

    @abstractmethod
    def rendered(self, payload: JSONObject) -> Made:
        """Render."""


class _Text(Body):
    def rendered(self, payload: JSONObject) -> Made:
        try:
            return encoded(self.template.render(payload), self.encoding.render(payload)), "", ""
        except ValueError as error:
            raise BodyInvalid(f"bodyTemplate: {error}") from None


class _Json(Body):
    def rendered(self, payload: JSONObject) -> Made:
        return orjson.dumps(parse_json_template(self.template, payload)), "", "application/json"


class _Address(Body):
    def rendered(self, payload: JSONObject) -> Made:
        return b"", self.template.render(payload).strip(), ""


class _Form(Body):
    def rendered(self, payload: JSONObject) -> Made:
        pairs = [(key.render(payload), value.render(payload)) for key, value in self.fields]
        return urlencode(pairs).encode(), "", "application/x-www-form-urlencoded"


class _Multipart(Body):
    """RFC 7578; names as browsers write them."""

    def rendered(self, payload: JSONObject) -> Made:
        boundary = secrets.token_hex(16)
        parts = []
        for key, value in self.fields:
            name = key.render(payload).replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
            parts.append(f"{head}{value.render(payload)}\r\n")
        return f"{''.join(parts)}--{boundary}--\r\n".encode(), "", f"multipart/form-data; boundary={boundary}"


class _Nothing(Body):
    def rendered(self, payload: JSONObject) -> Made:
        return b"", "", ""


BODIES: dict[str, type[Body]] = {
    "string": _Text,
    "jsonTemplate": _Json,
    "url": _Address,
    "urlencoded": _Form,
    "multipart": _Multipart,
    "none": _Nothing,
}
