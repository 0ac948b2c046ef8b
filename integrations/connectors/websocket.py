"""WebSocket servers, as a client. https://www.rfc-editor.org/rfc/rfc6455

Whatever arrives is a message; nothing is acknowledged, so what arrives while disconnected is missed. Redirects are not followed.
"""

import asyncio
import base64
import binascii
import secrets
import ssl
import struct
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, NotRequired, Self, TypedDict
from urllib.parse import SplitResult, urlsplit

from pydantic import field_validator, model_validator
from websocket import ABNF, WebSocketException

from integrations.connectors.base import CONNECT_PHASE_SECONDS, Connector, Delivery, Source, connectors
from integrations.events import EventKind
from integrations.exceptions import Disconnected, IntegrationError, Refused, SendFailed, SendLater, SendUnknown, Unreachable
from wegnology.lib.arrivals import Arrivals
from wegnology.lib.connection_faults import explain_socket_error
from wegnology.lib.egress import EgressRefused
from wegnology.lib.frames import FrameLine, UpgradeRefused, upgrade
from wegnology.lib.opening import open_socket
from wegnology.lib.schema import Field, Schema, SecretStr, Templated, ui
from wegnology.lib.tls import CertificateUnusable, Tls, pem_field
from wegnology.lib.types import JSONObject

_ENCODINGS = {"utf8": "utf-8", "utf-8": "utf-8", "ascii": "ascii", "latin1": "latin-1", "binary": "latin-1"}
_ENCODINGS |= {"ucs2": "utf-16-le", "utf16le": "utf-16-le"}
_LOST = 1006


class WebsocketHeader(Schema):
    """One header of the request that opens the connection."""

    header_key: str = Field(min_length=1, max_length=1024, title="Name", description="Name of the header.")
    header_value: str = Field(min_length=1, max_length=1024, title="Value", description="Value of the header.")

    @field_validator("header_key", "header_value")
    @classmethod
    def _one_line(cls, text: str) -> str:
        if "\r" in text or "\n" in text:
            raise ValueError("A header is one line.")
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
    disable_ssl_verification: bool = Field(
        False,
        alias="disableSSLVerification",
        title="Disable SSL Verification",
        description="Accept any certificate of the server. Whoever is on the way to it can then read and change everything.",
        json_schema_extra=ui(section="Security"),
    )
    username: Templated[str | None] = Field(
        None,
        min_length=1,
        max_length=1024,
        title="Username Template",
        description="For basic authentication; may be blank beside a password.",
        json_schema_extra=ui(section="Authentication"),
    )
    password: Templated[SecretStr | None] = Field(
        None,
        min_length=1,
        max_length=1024,
        title="Password Template",
        description="For basic authentication.",
        json_schema_extra=ui(section="Authentication"),
    )
    private_key: Templated[SecretStr | None] = pem_field(
        "Private Key Template",
        "For logging in with a certificate: its private key in PEM form, without a passphrase.",
        "Authentication",
    )
    certificate: Templated[str | None] = pem_field(
        "Certificate Template", "For logging in with a certificate: the certificate in PEM form.", "Authentication"
    )
    headers: list[WebsocketHeader] = Field(
        [],
        max_length=50,
        title="Headers",
        description="Sent with the request that opens the connection.",
        json_schema_extra=ui(section="Headers"),
    )
    ca_certificate: Templated[str | None] = pem_field(
        "CA Certificate Template",
        "The authority that signed the server's certificate, in PEM form. Blank: the usual public ones.",
        "Security",
        {"disableSSLVerification": [False]},
    )

    @field_validator("url")
    @classmethod
    def _url(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError("This is not a valid URL.") from None
        if parts.scheme not in ("ws", "wss") or not parts.hostname or port == 0 or any(c.isspace() for c in url):
            raise ValueError("A URL here starts with ws:// or wss:// and names a host.")
        if parts.username or parts.password:
            raise ValueError("Give username and password in their own fields, not in the URL.")
        return url

    @model_validator(mode="after")
    def _authentication(self) -> Self:
        if self.username and not self.password:
            raise ValueError("password: A username needs a password.")
        if self.certificate and self.password:
            raise ValueError("certificate: Log in either with a certificate or with username and password, not with both.")
        if bool(self.certificate) is not bool(self.private_key):
            raise ValueError(f"{'privateKey' if self.certificate else 'certificate'}: Certificate and private key go together.")
        if self.disable_ssl_verification and self.ca_certificate:
            raise ValueError("caCertificate: Not used when SSL verification is disabled.")
        if self.password and any(header.header_key.lower() == "authorization" for header in self.headers):
            raise ValueError("headers: An Authorization header and a password exclude each other.")
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
        key = self.private_key.get_secret_value() if self.private_key else None
        return Tls(not self.disable_ssl_verification, self.ca_certificate, self.certificate, key)

    def header_lines(self) -> list[str]:
        """Return the headers to send, with the login."""
        lines = [f"{header.header_key}: {header.header_value}" for header in self.headers]
        if self.password:
            login = f"{self.username or ''}:{self.password.get_secret_value()}"
            lines.append(f"Authorization: Basic {base64.b64encode(login.encode()).decode()}")
        return lines


class WebsocketOutgoing(Schema):
    """A message to send."""

    message: Templated[str] = Field(
        title="Message Template", description="What to send.", examples=["{{jsonEncode working.alert}}"]
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
    Config: ClassVar[type[Schema]] = WebsocketConfig
    topics_label: ClassVar[str] = ""
    Outgoing: ClassVar[type[Schema] | None] = WebsocketOutgoing
    send_node: ClassVar[str] = "WebsocketMessageNode"
    sends_live: ClassVar[bool] = True
    send_waits: ClassVar[bool] = True
    payloads: ClassVar[Mapping[EventKind, type]] = {
        EventKind.MESSAGE: WebsocketMessage,
        EventKind.CONNECT: WebsocketConnect,
        EventKind.DISCONNECT: WebsocketDisconnect,
        EventKind.FAILURE: WebsocketFailure,
    }
    transient: ClassVar[tuple[type[Exception], ...]] = (WebSocketException, OSError, TimeoutError)
    refused: ClassVar[tuple[type[Exception], ...]] = (EgressRefused, CertificateUnusable, ssl.SSLCertVerificationError)
    phase_seconds: ClassVar[float] = CONNECT_PHASE_SECONDS

    def __init__(self, config: WebsocketConfig, source: Source) -> None:
        """Keep the settings."""
        super().__init__(config, source)
        self._line: FrameLine | None = None
        self._headers: JSONObject = {}
        self._arrivals: Arrivals[Delivery] = Arrivals()
        self._paused = False
        self._pongs: dict[bytes, asyncio.Future[None]] = {}
        self._sending: list[tuple[int, asyncio.Future[None]]] = []

    def __repr__(self) -> str:
        return f"<WebsocketConnector {self.source.integration_id}>"

    async def connect(self) -> JSONObject:
        """Open; returns the headers of the server's answer."""
        config, limit = self.config, self.phase_seconds
        host, port = config.address
        sock = await open_socket(host, port, tls=config.tls, timeout=limit)
        try:
            ws = await upgrade(sock, config.url, timeout=limit, headers=config.header_lines())
        except UpgradeRefused as error:
            raise (Refused if error.final else Unreachable)(str(error)) from error
        self._headers = {str(name): str(value) for name, value in (ws.getheaders() or {}).items()}
        self._line = FrameLine(ws, self._on_frame, self._on_lost, self._on_flushed, ABNF.OPCODE_TEXT)
        return {"headers": dict(self._headers)}

    async def receive(self) -> Sequence[Delivery]:
        """Return every message that is there; raises `Disconnected`."""
        return await self._arrivals.take()

    def pause(self, paused: bool) -> None:
        """Stop or resume reading the socket."""
        self._paused = paused
        if self._line is not None:
            self._line.pause(paused)

    async def probe(self) -> None:
        """Send a ping and wait for its pong. While paused nothing is read: only a closed line is noticed."""
        line = self._line
        if line is None or self._arrivals.ended is not None:
            raise self._arrivals.ended or _Closed(_LOST, "Not connected")
        if self._paused:
            if not line.alive():
                raise _Closed(_LOST, "Connection Lost")
            return
        mark = secrets.token_bytes(8)
        pong = self._pongs[mark] = asyncio.get_running_loop().create_future()
        line.send(mark, ABNF.OPCODE_PING)
        try:
            async with asyncio.timeout(self.phase_seconds):
                await pong
        except TimeoutError as error:
            raise _Closed(_LOST, "The server did not answer a ping") from error
        finally:
            self._pongs.pop(mark, None)

    async def send(self, message: WebsocketOutgoing) -> JSONObject:
        """Send one frame; returns when the kernel took all of it."""
        data, opcode = _frame(message)
        line = self._line
        if line is None or self._arrivals.ended is not None:
            raise SendLater("Not connected")
        line.send(data, opcode)
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sending.append((line.written, sent))
        try:
            async with asyncio.timeout(self.phase_seconds):
                await sent
        except TimeoutError as error:
            raise SendUnknown(f"The server did not take the message within {self.phase_seconds:g} s") from error
        return {}

    def event_data(self, kind: EventKind, error: Exception) -> JSONObject:
        """Return code and reason."""
        code = error.code if isinstance(error, _Closed) else _LOST
        return {"message": {"statusCode": code, "reason": self.explain(error)}}

    def explain(self, error: BaseException) -> str:
        """Say in plain words what went wrong."""
        if isinstance(error, WebSocketException):
            return f"{self.config.address[0]} did not speak WebSocket as expected: {error}"
        if isinstance(error, IntegrationError):
            return str(error)
        return explain_socket_error(error, *self.config.address)

    async def close(self) -> None:
        """Say goodbye and free everything."""
        line, self._line = self._line, None
        if line is not None:
            line.close()
        self._end(_Closed(_LOST, "Connection Lost"))

    # -- called by the line, from the loop

    def _on_frame(self, opcode: int, data: bytes) -> None:
        if opcode == ABNF.OPCODE_CLOSE:
            code = struct.unpack("!H", data[:2])[0] if len(data) > 1 else 1005
            self._end(_Closed(code, data[2:].decode(errors="replace") or "Connection Lost"))
            if self._line is not None:
                self._line.close()
        elif opcode == ABNF.OPCODE_PONG:
            pong = self._pongs.pop(data, None)
            if pong is not None and not pong.done():
                pong.set_result(None)
        else:
            body: dict[str, Any] = {"data": "", "length": len(data)}
            try:
                body["data"] = data.decode()
            except UnicodeDecodeError:
                body |= {"data": base64.b64encode(data).decode(), "encoding": "base64"}
            message: JSONObject = {"type": "message", "headers": self._headers, "message": body}
            self._arrivals.put(Delivery(message, time.time_ns() // 1_000_000, None, len(data)))

    def _on_flushed(self) -> None:
        if self._line is not None and self._sending:
            taken = self._line.written - self._line.unsent
            for _, sent in [entry for entry in self._sending if entry[0] <= taken]:
                if not sent.done():
                    sent.set_result(None)
            self._sending = [entry for entry in self._sending if entry[0] > taken]

    def _on_lost(self, error: Exception | None) -> None:
        lost = _Closed(_LOST, "Connection Lost")
        lost.__cause__ = error
        self._end(lost)

    def _end(self, reason: _Closed) -> None:
        self._arrivals.end(reason)
        sending, self._sending = self._sending, []
        for _, sent in sending:
            if not sent.done():
                sent.set_exception(SendUnknown("The connection was lost while sending"))
        for pong in self._pongs.values():
            if not pong.done():
                pong.set_exception(reason)


def _frame(message: WebsocketOutgoing) -> tuple[bytes, int]:
    """Return data and opcode of an outgoing message; raises `SendFailed` where its encoding does not fit."""
    encoding = message.encoding.lower()
    try:
        if encoding in ("", "utf8", "utf-8"):
            return message.message.encode(), ABNF.OPCODE_TEXT
        if encoding in ("base64", "base64url"):
            text = message.message.strip().replace("-", "+").replace("_", "/")
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True), ABNF.OPCODE_BINARY
        if encoding == "hex":
            return bytes.fromhex(message.message), ABNF.OPCODE_BINARY
        return message.message.encode(_ENCODINGS[encoding]), ABNF.OPCODE_BINARY
    except KeyError:
        raise SendFailed(f"There is no encoding {message.encoding[:50]!r}") from None
    except (ValueError, binascii.Error):
        raise SendFailed(f"The message is not valid {encoding}") from None
