"""HTTP: asks a web server."""

from typing import Literal

import orjson
from pydantic import Field

from wegnology.lib.byte_encodings import decoded, is_utf8
from wegnology.lib.javascript import number
from wegnology.lib.paths import MAX_DEPTH, is_deeper
from wegnology.lib.schema import ConfigInvalid, Schema, ui
from wegnology.lib.templating import Template, TemplateError
from wegnology.lib.tls import Tls
from wegnology.lib.types import JSONObject, JSONValue
from workflows.http_bodies import BODIES, BodyInvalid
from workflows.http_call import HttpAnswer, HttpCall
from workflows.nodes.base import AwaitingNode, Category, NodeFailed, Result, RunContext, nodes, optional_path, template_of

MAX_SECONDS = 30.0
_DEFAULT_SECONDS = 10.0
_LENGTH = 32_768
_WITHOUT_BODY = ("GET", "HEAD")
_BY_TEMPLATE: dict[str, list[JSONValue]] = {"bodyType": ["string", "url", "jsonTemplate"]}
_BY_FIELDS: dict[str, list[JSONValue]] = {"bodyType": ["multipart", "urlencoded"]}


class BodyField(Schema):
    """A field of a form that is sent."""

    key_template: str = Field(min_length=1, max_length=_LENGTH, description="Name of the field; a template.", examples=["level"])
    value_template: str = Field(default="", max_length=_LENGTH, description="Its value; a template.", examples=["{{data.level}}"])


class Header(Schema):
    """A header that is sent."""

    key: str = Field(min_length=1, max_length=1024, description="Name of the header; may be a template.", examples=["X-Request"])
    value_template: str = Field(default="", max_length=_LENGTH, description="Its value; a template.", examples=["{{triggerId}}"])


class AuthCredentials(Schema):
    """A login of the node's own."""

    username_template: str = Field(default="", max_length=_LENGTH, description="The user's name; a template. For basic.")
    password_template: str = Field(default="", max_length=_LENGTH, description="The password; a template. For basic.")
    key_template: str = Field(default="", max_length=_LENGTH, description="The private key in PEM form; a template.")
    cert_template: str = Field(default="", max_length=_LENGTH, description="The certificate in PEM form; a template.")


class HttpConfig(Schema):
    """Settings of `HttpNode`."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] = Field(
        default="GET", description="What to ask for.", examples=["POST"]
    )
    uri_template: str = Field(
        min_length=1,
        max_length=_LENGTH,
        description="The address, http:// or https://; a template. With a service credential also what follows its URI Match.",
        examples=["https://api.example.com/alerts/{{encodeURIComponent data.id}}"],
    )
    body_type: Literal["string", "multipart", "urlencoded", "none", "url", "jsonTemplate"] = Field(
        default="string",
        description="What is sent, except by GET and HEAD: a template of text (string) or JSON (jsonTemplate), a form (multipart "
        "or urlencoded), what another address holds (url), or nothing.",
        examples=["jsonTemplate"],
    )
    body_template: str = Field(
        default="",
        max_length=131_072,
        description="The body, or the address that holds it; a template.",
        examples=['{"level": {{jsonEncode data.level}}}'],
        json_schema_extra=ui(when=_BY_TEMPLATE, multiline=True),
    )
    body_fields: list[BodyField] = Field(
        default=[], max_length=100, description="The fields of the form.", json_schema_extra=ui(when=_BY_FIELDS)
    )
    request_encoding_template: str = Field(
        default="utf8",
        max_length=1024,
        description="How a body of type string stands for bytes: utf8, base64, hex, latin1 and others of Node.js; a template.",
    )
    header_info: list[Header] = Field(default=[], max_length=100, description="Headers to send.")
    auth_type: Literal["none", "basic", "clientCert", "credential"] = Field(
        default="none",
        description="How to log in: not at all, with user and password, with a certificate, or with a service credential, which "
        "alone keeps its secret out of the workflow. A login never follows a redirect to another host.",
    )
    auth_credentials: AuthCredentials = Field(
        default=AuthCredentials(),
        description="The login, where it is the node's own.",
        json_schema_extra=ui(when={"authType": ["basic", "clientCert"]}),
    )
    credential_name_template: str = Field(
        default="",
        max_length=1024,
        description="Name of the service credential, of kind HTTP; a template.",
        json_schema_extra=ui(when={"authType": ["credential"]}),
    )
    response_path: str = Field(
        default="",
        description="Payload path of the answer, `{statusCode, headers, body, requestDuration, request}`; `body` is decoded when "
        "it is JSON, `requestDuration` is in milliseconds. An answer of any status is an answer.",
        examples=["working.answer"],
    )
    encoding_template: str = Field(
        default="utf8",
        max_length=1024,
        description="How to write the answer's body: utf8, or base64, hex and others for bytes; a template.",
    )
    timeout_template: str = Field(
        default="10", max_length=1024, description="Seconds for all of it, redirects included; at most 30. A template."
    )
    disable_ssl_verification: bool = Field(
        default=False,
        alias="disableSSLVerification",
        description="Accept any certificate of the server. Whoever is on the way to it can then read and change everything.",
    )
    ca_cert_template: str = Field(
        default="",
        max_length=_LENGTH,
        description="The authority to trust, in PEM form; blank: the usual public ones. A template.",
    )
    disable_redirects: bool = Field(default=False, description="Give a redirect as the answer instead of following it.")
    error_behavior: Literal["throw", "payloadPath"] = Field(
        default="throw",
        description="What to do without an answer: end the run (throw), or note the error at `errorPath` (payloadPath).",
    )
    error_path: str = Field(default="", description="Payload path of the error, an object with `name` and `message`.")


@nodes.register
class HttpNode(AwaitingNode[HttpConfig]):
    """Asks a web server, over a connection that is judged like every other. An answer may have 5 MB."""

    name = "HttpNode"
    label = "HTTP"
    category = Category.DATA
    Config = HttpConfig
    needs_task = True

    def __init__(self, config: HttpConfig) -> None:
        super().__init__(config)
        faults = _faults(config)
        if faults:
            raise ConfigInvalid(faults)
        self._uri = template_of("uriTemplate", config.uri_template)
        self._body = BODIES[config.body_type](
            template_of("bodyTemplate", config.body_template),
            template_of("requestEncodingTemplate", config.request_encoding_template),
            [_pair(f"bodyFields.{at}", "keyTemplate", one.key_template, one) for at, one in enumerate(config.body_fields)],
        )
        self._headers = [_pair(f"headerInfo.{at}", "key", one.key, one) for at, one in enumerate(config.header_info)]
        self._login = _login(config)
        self._credential = template_of("credentialNameTemplate", config.credential_name_template)
        self._ca = template_of("caCertTemplate", config.ca_cert_template)
        self._timeout = template_of("timeoutTemplate", config.timeout_template)
        self._encoding = template_of("encodingTemplate", config.encoding_template)
        self._response_path = optional_path("responsePath", config.response_path)
        self._error_path = optional_path("errorPath", config.error_path) if config.error_behavior == "payloadPath" else None

    async def run(self, payload: JSONObject, context: RunContext) -> Result:
        try:
            answer = await context.http(self._call(payload))
            told = _told(answer, self._encoding.render(payload)) if self._response_path else None
        except (NodeFailed, TemplateError) as error:
            if self._error_path is None:
                raise
            name = error.name if isinstance(error, NodeFailed) else type(error).__name__
            return self._error_path.set(payload, {"name": name, "message": str(error)}), 0
        return (self._response_path.set(payload, told) if self._response_path else payload), 0

    def _call(self, payload: JSONObject) -> HttpCall:
        config = self.config
        headers = {key.render(payload): value.render(payload) for key, value in self._headers}
        body, url, kind = b"", "", ""
        if config.method not in _WITHOUT_BODY:
            try:
                body, url, kind = self._body.made(payload)
            except BodyInvalid as error:
                raise NodeFailed(str(error), "RequestInvalid") from None
        if kind and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = kind
        first, second = (template.render(payload) for template in self._login)
        return HttpCall(
            method=config.method,
            url=self._uri.render(payload).strip(),
            headers=headers,
            body=body,
            body_url=url,
            tls=Tls(not config.disable_ssl_verification, self._ca.render(payload).strip() or None),
            basic=(first, second) if config.auth_type == "basic" else None,
            pair=(first, second) if config.auth_type == "clientCert" else None,
            credential_name=self._credential.render(payload).strip() if config.auth_type == "credential" else "",
            follow=not config.disable_redirects,
            seconds=_seconds(self._timeout.render(payload)),
        )


def _pair(place: str, field: str, key: str, of: BodyField | Header) -> tuple[Template, Template]:
    return template_of(f"{place}.{field}", key), template_of(f"{place}.valueTemplate", of.value_template)


def _login(config: HttpConfig) -> list[Template]:
    """Return user and password, or certificate and private key."""
    own = config.auth_credentials
    if config.auth_type == "clientCert":
        pair = [("certTemplate", own.cert_template), ("keyTemplate", own.key_template)]
    else:
        pair = [("usernameTemplate", own.username_template), ("passwordTemplate", own.password_template)]
    return [template_of(f"authCredentials.{name}", text) for name, text in pair]


def _faults(config: HttpConfig) -> dict[str, str]:
    faults = {}
    own = config.auth_credentials
    if config.error_behavior == "payloadPath" and not config.error_path.strip():
        faults["errorPath"] = "A path is needed when errors go to the payload."
    if config.auth_type == "credential" and not config.credential_name_template.strip():
        faults["credentialNameTemplate"] = "Name the service credential to log in with."
    if config.auth_type == "clientCert" and not (own.key_template.strip() and own.cert_template.strip()):
        faults["authCredentials"] = "Logging in with a certificate needs certTemplate and keyTemplate."
    return faults


def _seconds(text: str) -> float:
    if not text.strip():
        return _DEFAULT_SECONDS
    seconds = number(text)
    if not seconds > 0:
        raise NodeFailed(f"timeoutTemplate must give a number of seconds above 0, not {text[:80]!r}", "RequestInvalid")
    return min(float(seconds), MAX_SECONDS)


def _told(answer: HttpAnswer, encoding: str) -> JSONObject:
    try:
        text = decoded(answer.body, encoding)
    except ValueError as error:
        raise NodeFailed(f"encodingTemplate: {error}", "RequestInvalid") from None
    return {
        "statusCode": answer.status,
        "headers": answer.headers,
        "body": _value_of(text) if is_utf8(encoding) else text,
        "requestDuration": answer.duration_ms,
        "request": answer.request,
    }


def _value_of(text: str) -> JSONValue:
    """Return what JSON text stands for; other text, and JSON that is nested too deep, as it is."""
    try:
        value: JSONValue = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return text if is_deeper(value, MAX_DEPTH - 20) else value
