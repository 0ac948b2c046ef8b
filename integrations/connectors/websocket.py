"""WebSocket servers, as a client. https://www.rfc-editor.org/rfc/rfc6455

Whatever arrives is a message; nothing is acknowledged, so what arrives while disconnected is missed. Redirects are not followed.
"""

import base64
import socket
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, ClassVar, Literal, NotRequired, Self, TypedDict
from urllib.parse import SplitResult, urlsplit

from pydantic import field_validator, model_validator
from websocket import ABNF, WebSocketException

from integrations.connectors.base import (
    CONNECT_PHASE_SECONDS,
    CheckStep,
    Connector,
    Delivery,
    Finding,
    Phase,
    Promise,
    Source,
    connectors,
    run_phases,
)
from integrations.events import EventKind
from integrations.exceptions import Disconnected, IntegrationError, Refused, SendFailed, SendLater, SendUnknown, Unreachable
from wegnology.lib.arrivals import Arrivals
from wegnology.lib.byte_encodings import encoded, is_utf8
from wegnology.lib.byte_texts import text_of
from wegnology.lib.connection_faults import advise_socket_error, explain_socket_error
from wegnology.lib.credential_types import NO_CREDENTIAL, Credential, HttpCredential
from wegnology.lib.egress import EgressRefused
from wegnology.lib.frame_talk import LOST, FrameTalk, TalkEnded
from wegnology.lib.marking import marked
from wegnology.lib.opening import Opening, open_socket
from wegnology.lib.schema import Field, Schema, SecretStr, Templated, ui
from wegnology.lib.tls import CertificateUnusable, Tls
from wegnology.lib.tls_fields import (
    ca_certificate_field,
    certificate_field,
    check_pair,
    no_verification_field,
    private_key_field,
    tls_of,
)
from wegnology.lib.types import JSONObject
from wegnology.lib.upgrading import UpgradeRefused, advise_upgrade, explain_upgrade, upgrade
from wegnology.lib.websocket_logins import LoginElsewhere, OpeningRequest, login_faults, opening_request


class WebsocketHeader(Schema):
    """One header of the request that opens the connection."""

    header_key: str = Field(min_length=1, max_length=1024, title="Name", description="Name of the header.")
    header_value: Templated[SecretStr] = Field(
        min_length=1, max_length=1024, title="Value Template", description="Value of the header; kept like a password."
    )

    @field_validator("header_key", "header_value")
    @classmethod
    def _one_line(cls, text: str | SecretStr) -> str | SecretStr:
        value = text if isinstance(text, str) else text.get_secret_value()
        if "\r" in value or "\n" in value:
            raise ValueError(marked("A header is one line."))
        return text


class WebsocketConfig(Schema):
    """How to reach a WebSocket server and log in."""

    url: Templated[str] = Field(
        min_length=1,
        max_length=1024,
        title="URL Template",
        description="The whole address with path and query; starts with ws:// or wss://.",
        json_schema_extra=ui(section="Connection", placeholder="wss://example.com/feed"),
    )
    disable_ssl_verification: bool = no_verification_field("server")
    username: Templated[str | None] = Field(
        None,
        min_length=1,
        max_length=1024,
        title="Username Template",
        description="For basic authentication; may be blank beside a password.",
        json_schema_extra=ui(section="Authentication", when=NO_CREDENTIAL),
    )
    password: Templated[SecretStr | None] = Field(
        None,
        min_length=1,
        max_length=1024,
        title="Password Template",
        description="For basic authentication.",
        json_schema_extra=ui(section="Authentication", when=NO_CREDENTIAL),
    )
    private_key: Templated[SecretStr | None] = private_key_field(NO_CREDENTIAL)
    certificate: Templated[str | None] = certificate_field(NO_CREDENTIAL)
    headers: list[WebsocketHeader] = Field(
        [],
        max_length=50,
        title="Headers",
        description="Sent with the request that opens the connection.",
        json_schema_extra=ui(section="Headers"),
    )
    ca_certificate: Templated[str | None] = ca_certificate_field("server", {"disableSSLVerification": [False]})

    @field_validator("url")
    @classmethod
    def _url(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError(marked("This is not a valid URL.")) from None
        if parts.scheme not in ("ws", "wss") or not parts.hostname or port == 0 or any(c.isspace() for c in url):
            raise ValueError(marked("A URL here starts with ws:// or wss:// and names a host."))
        if parts.username or parts.password:
            raise ValueError(marked("Give username and password in their own fields, not in the URL."))
        return url

    @model_validator(mode="after")
    def _authentication(self) -> Self:
        if self.username and not self.password:
            raise ValueError("password: " + marked("A username needs a password."))
        if self.certificate and self.password:
            raise ValueError(
                "certificate: " + marked("Log in either with a certificate or with username and password, not with both.")
            )
        check_pair(self.certificate, self.private_key)
        if self.disable_ssl_verification and self.ca_certificate:
            raise ValueError("caCertificate: " + marked("Not used when SSL verification is disabled."))
        if self.password and any(header.header_key.lower() == "authorization" for header in self.headers):
            raise ValueError("headers: " + marked("An Authorization header and a password exclude each other."))
        return self

    @property
    def parts(self) -> SplitResult:
        """The URL taken apart."""
        return urlsplit(self.url)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to connect to."""
        parts = self.parts
        return parts.hostname or "", parts.port or (443 if parts.scheme == "wss" else 80)

    @property
    def tls(self) -> Tls | None:
        """How the connection is secured, if it is."""
        if self.parts.scheme != "wss":
            return None
        return tls_of(self.disable_ssl_verification, self.ca_certificate, self.certificate, self.private_key)

    def header_lines(self) -> list[str]:
        """Return the headers to send, with the login."""
        lines = [f"{header.header_key}: {header.header_value.get_secret_value()}" for header in self.headers]
        if self.password:
            login = f"{self.username or ''}:{self.password.get_secret_value()}"
            lines.append(f"Authorization: Basic {base64.b64encode(login.encode()).decode()}")
        return lines


class WebsocketOutgoing(Schema):
    """A message to send."""

    message: Templated[str] = Field(
        title="Message Template",
        description="What to send.",
        examples=["{{jsonEncode working.alert}}"],
        json_schema_extra=ui(multiline=True),
    )
    encoding: Templated[str] = Field(
        "utf8",
        title="Encoding Template",
        description="utf8 sends text; base64 and hex send the bytes they stand for; ascii, latin1 and utf16le send bytes.",
    )


class WebsocketBody(TypedDict):
    """What arrived. `length` is in bytes; `encoding` is "base64" where the bytes are not UTF-8, and `data` is then base64."""

    data: Annotated[str, Field(examples=['{"temperature": 31}'])]
    length: Annotated[int, Field(examples=[19])]
    encoding: NotRequired[Literal["base64"]]


class WebsocketEnd(TypedDict):
    """How a connection ended or why there is none; 1006 without a word from the server."""

    statusCode: Annotated[int, Field(examples=[1006])]
    reason: Annotated[str, Field(examples=["Connection Lost"])]


class WebsocketMessage(TypedDict):
    """A message that arrived; `headers` are those of the answer that opened the connection."""

    type: Literal["message"]
    headers: Annotated[dict[str, str], Field(examples=[{"upgrade": "websocket"}])]
    message: WebsocketBody


class WebsocketConnect(TypedDict):
    """The connection is up."""

    type: Literal["connect"]
    headers: Annotated[dict[str, str], Field(examples=[{"upgrade": "websocket"}])]


class WebsocketDisconnect(TypedDict):
    """The connection is gone."""

    type: Literal["disconnect"]
    message: WebsocketEnd


class WebsocketFailure(TypedDict):
    """No connection could be made."""

    type: Literal["failure"]
    message: WebsocketEnd


class _Closed(Disconnected):
    """The connection ended; with the code that the server gave."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        super().__init__(reason)


@connectors.register
class WebsocketConnector(Connector[WebsocketConfig, WebsocketOutgoing]):
    """One connection to a WebSocket server."""

    name: ClassVar[str] = "websocket"
    label: ClassVar[str] = "WebSocket"
    icon: ClassVar[str] = "cable"
    Config: ClassVar[type[Schema]] = WebsocketConfig
    topics_label: ClassVar[str] = ""
    Outgoing: ClassVar[type[Schema] | None] = WebsocketOutgoing
    send_node: ClassVar[str] = "WebsocketMessageNode"
    sends_live: ClassVar[bool] = True
    credential_types: ClassVar[tuple[str, ...]] = (HttpCredential.name,)
    send_waits: ClassVar[bool] = True
    cannot: ClassVar[Mapping[Promise, str]] = {
        Promise.COMES_AGAIN: "A WebSocket knows no acknowledgements: what was sent is gone from the server.",
        Promise.WAITS: "A server sends when it likes, and many hang up on a client that does not read.",
    }
    payloads: ClassVar[Mapping[EventKind, type]] = {
        EventKind.MESSAGE: WebsocketMessage,
        EventKind.CONNECT: WebsocketConnect,
        EventKind.DISCONNECT: WebsocketDisconnect,
        EventKind.FAILURE: WebsocketFailure,
    }
    transient: ClassVar[tuple[type[Exception], ...]] = (WebSocketException, OSError, TimeoutError)
    refused: ClassVar[tuple[type[Exception], ...]] = (
        EgressRefused,
        CertificateUnusable,
        LoginElsewhere,
        ssl.SSLCertVerificationError,
    )
    phase_seconds: ClassVar[float] = CONNECT_PHASE_SECONDS

    def __init__(self, config: WebsocketConfig, source: Source) -> None:
        """Keep the settings."""
        super().__init__(config, source)
        self._talk: FrameTalk | None = None
        self._headers: JSONObject = {}
        self._arrivals: Arrivals[Delivery] = Arrivals()

    def __repr__(self) -> str:
        return f"<WebsocketConnector {self.source.integration_id}>"

    @classmethod
    def check_access(cls, raw: JSONObject, credential: Credential | None) -> dict[str, str]:
        """Refuse a login beside a credential, and a credential for other addresses."""
        return login_faults(raw, credential)

    @property
    def request(self) -> OpeningRequest:
        """The request that opens the connection, with the login in it; raises `LoginElsewhere`."""
        config = self.config
        return opening_request(config.url, config.header_lines(), config.tls, self.source.credential)

    async def connect(self) -> JSONObject:
        """Open; returns the headers of the server's answer."""
        host, port = self.config.address
        await self._upgrade(await open_socket(host, port, tls=self.request.tls, timeout=self.phase_seconds))
        return {"headers": dict(self._headers)}

    @classmethod
    async def check(cls, config: WebsocketConfig, source: Source) -> AsyncIterator[CheckStep]:
        """Open a line of its own and ask for a sign of life; what the server sends meanwhile is not looked at."""
        trial = cls(config, source)
        opening = Opening(*config.address, trial.request.tls, cls.phase_seconds)

        async def open_it() -> Finding:
            await trial._upgrade(opening.take())
            return Finding(marked("The server answered with a WebSocket."))

        async def ask() -> Finding:
            await trial.probe()
            return Finding(marked("The server answered a ping."))

        phases = [*opening.phases(), Phase("Open the WebSocket and log in", open_it), Phase("Ask for a sign of life", ask)]
        try:
            async for step in run_phases(phases, trial):
                yield step
        finally:
            opening.close()
            await trial.close()

    async def receive(self) -> Sequence[Delivery]:
        """Return every message that is there; raises `Disconnected`."""
        return await self._arrivals.take()

    def pause(self, paused: bool) -> None:
        """Stop or resume reading the socket."""
        if self._talk is not None:
            self._talk.pause(paused)

    async def probe(self) -> None:
        """Send a ping and wait for its pong. While paused nothing is read: only a closed line is noticed."""
        if self._talk is None or self._arrivals.ended is not None:
            raise self._arrivals.ended or _Closed(LOST, "Not connected")
        try:
            await self._talk.ping(self.phase_seconds)
        except TalkEnded as error:
            raise _Closed(error.code, error.reason) from error

    async def send(self, message: WebsocketOutgoing) -> JSONObject:
        """Send one frame; returns when the kernel took all of it."""
        data, opcode = _frame(message)
        if self._talk is None or self._talk.ended is not None:
            raise SendLater("Not connected")
        try:
            await self._talk.send(data, opcode, self.phase_seconds)
        except TimeoutError as error:
            raise SendUnknown(f"The server did not take the message within {self.phase_seconds:g} s") from error
        except TalkEnded as error:
            raise SendUnknown("The connection was lost while sending") from error
        return {}

    def event_data(self, kind: EventKind, error: Exception) -> JSONObject:
        """Return code and reason."""
        code = error.code if isinstance(error, _Closed) else LOST
        return {"message": {"statusCode": code, "reason": self.explain(error)}}

    def explain(self, error: BaseException) -> str:
        """Say in plain words what went wrong."""
        if isinstance(error, IntegrationError):
            return str(error)
        return explain_upgrade(error, self.config.address[0]) or explain_socket_error(error, *self.config.address)

    def advise(self, error: BaseException) -> str:
        """Say what to do about it."""
        return advise_upgrade(error) or advise_socket_error(error, *self.config.address)

    async def close(self) -> None:
        """Say goodbye and free everything."""
        talk, self._talk = self._talk, None
        if talk is not None:
            talk.close()
        self._arrivals.end(_Closed(LOST, "Connection Lost"))

    async def _upgrade(self, sock: socket.socket) -> None:
        """Turn an open line into a WebSocket."""
        request = self.request
        try:
            ws = await upgrade(sock, request.url, timeout=self.phase_seconds, headers=request.headers)
        except UpgradeRefused as error:
            raise (Refused if error.final else Unreachable)(str(error)) from error
        self._headers = {str(name): str(value) for name, value in (ws.getheaders() or {}).items()}
        self._talk = FrameTalk(ws, self._on_message, self._on_end)

    # -- called by the line, from the loop

    def _on_message(self, data: bytes) -> None:
        text, is_text = text_of(data)
        body: JSONObject = {"data": text, "length": len(data)}
        if not is_text:
            body["encoding"] = "base64"
        message: JSONObject = {"type": "message", "headers": self._headers, "message": body}
        self._arrivals.put(Delivery(message, time.time_ns() // 1_000_000, None, len(data)))

    def _on_end(self, reason: TalkEnded) -> None:
        closed = _Closed(reason.code, reason.reason)
        closed.__cause__ = reason.__cause__
        self._arrivals.end(closed)


def _frame(message: WebsocketOutgoing) -> tuple[bytes, int]:
    """Return data and opcode of an outgoing message; raises `SendFailed` where its encoding does not fit."""
    try:
        data = encoded(message.message, message.encoding)
    except ValueError as error:
        raise SendFailed(str(error)) from None
    return data, ABNF.OPCODE_TEXT if is_utf8(message.encoding) else ABNF.OPCODE_BINARY
