"""Particle devices: their events as they publish them, and calls of their functions. https://docs.particle.io/reference/cloud-apis/api/

One stream of server-sent events for an integration, whatever the number of its event names: Particle allows 100 streams at a time
and 100 openings within five minutes from one address. It is asked for what all names have in common, the rest is filtered here.
Nothing is acknowledged, and Particle resumes no stream: what is published during a gap is missed.
"""

import json
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, ClassVar, Literal, NoReturn, TypedDict
from urllib.parse import quote

from pydantic import field_validator

from integrations.connectors.base import (
    CONNECT_PHASE_SECONDS,
    CheckStep,
    Connector,
    Delivery,
    Finding,
    Phase,
    Promise,
    Sender,
    Source,
    connectors,
    run_phases,
)
from integrations.events import EventKind
from integrations.exceptions import Disconnected, IntegrationError, Refused, SendFailed, SendUnknown, Unreachable
from wegnology.lib.arrivals import Arrivals
from wegnology.lib.connection_faults import advise_socket_error, explain_socket_error
from wegnology.lib.egress import EgressRefused
from wegnology.lib.endpoints import service_url
from wegnology.lib.http_client import HttpClient, MayHaveArrived, Origin
from wegnology.lib.http_line import Head, HttpLine
from wegnology.lib.marking import marked
from wegnology.lib.outgoing import Content, Setting
from wegnology.lib.schema import Field, Schema, SecretStr, Templated, ui
from wegnology.lib.sse import EventReader, EventTooLarge, ServerEvent
from wegnology.lib.tls import CertificateUnusable
from wegnology.lib.types import JSONObject, JSONValue

CLOUD = "https://api.particle.io"
_TOKEN_PATH = "/v1/access_tokens/current"  # noqa: S105  (an address)
_FAULT_BYTES = 64 * 1024
_CALLS_AT_ONCE = 8
_MINE = "mine"


class ParticleConfig(Schema):
    """Whose events are listened to, and the login."""

    access_token: Templated[SecretStr] = Field(
        min_length=1,
        max_length=1024,
        title="Access Token Template",
        description="A token of your Particle account or of an API user. One that expires ends the connection when it does.",
        json_schema_extra=ui(section="Particle"),
    )
    device_name_or_id: Templated[str | None] = Field(
        None,
        min_length=1,
        max_length=1024,
        alias="deviceNameOrId",
        title="Device Name or ID Template",
        description="Only events of this device. Blank or mine: those of all devices of the account, product or organization.",
        json_schema_extra=ui(section="Particle"),
    )
    product_slug_or_id: Templated[str | None] = Field(
        None,
        min_length=1,
        max_length=1024,
        alias="productSlugOrId",
        title="Product Slug or ID Template",
        description="Only events of devices of this product.",
        json_schema_extra=ui(section="Particle"),
    )
    org_slug_or_id: Templated[str | None] = Field(
        None,
        min_length=1,
        max_length=1024,
        alias="orgSlugOrId",
        title="Org Slug or ID Template",
        description="Only events of devices of this organization.",
        json_schema_extra=ui(section="Particle"),
    )

    @field_validator("access_token")
    @classmethod
    def _token(cls, token: SecretStr) -> SecretStr:
        text = token.get_secret_value()
        if not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError(marked("An access token is one word of plain letters and digits."))
        return token

    @property
    def device(self) -> str:
        """The device; empty for all."""
        device = self.device_name_or_id or ""
        return "" if device.lower() == _MINE else device

    @property
    def headers(self) -> dict[str, str]:
        """What logs in."""
        return {"Authorization": f"Bearer {self.access_token.get_secret_value()}"}

    def stream(self, prefix: str = "") -> str:
        """Return the path of the stream of events whose names begin with `prefix`."""
        org, product = self.org_slug_or_id, self.product_slug_or_id
        parts = [f"/orgs/{_quoted(org)}" if org else "", f"/products/{_quoted(product)}" if product else ""]
        parts += [f"/devices/{_quoted(self.device)}"] if self.device else [] if org or product else ["/devices"]
        return f"/v1{''.join(parts)}/events{f'/{_quoted(prefix)}' if prefix else ''}"


class ParticleOutgoing(Schema):
    """A function call."""

    name: Templated[str] = Field(
        min_length=1, title="Function Name Template", description="Name of the function.", examples=["brew"]
    )
    device: Templated[str | None] = Field(
        None, title="Device Template", description="Name or id of the device; needed where the integration names none."
    )
    product: Templated[str | None] = Field(
        None, title="Product Template", description="Slug or id of the device's product; blank: that of the integration, if any."
    )
    arg: Annotated[str, Content("arg")] = Field("", title="Argument", description="What the function is given.")


class ParticleDirect(Schema):
    """A login of the node's own, in place of an integration."""

    access_token: Annotated[Templated[str | None], Setting("accessToken")] = Field(
        None,
        max_length=1024,
        title="Access Token Template",
        description="Calls with this token; better a secret global than the token itself.",
        examples=["{{globals.particleToken}}"],
    )


class ParticleAnswer(TypedDict):
    """What a function call gave; `error` stands alone where it failed."""

    id: Annotated[str, Field(examples=["e00fce68f1b2c3d4e5f60718"])]
    last_app: Annotated[str | None, Field(examples=[""])]
    connected: Annotated[bool, Field(examples=[True])]
    return_value: Annotated[int, Field(examples=[1])]


class ParticleMessage(TypedDict):
    """An event of a device. Null: Particle gave none."""

    type: Literal["message"]
    name: Annotated[str, Field(examples=["temperature"])]
    data: Annotated[str | None, Field(examples=['{"celsius": 31}'], description="As published; never parsed.")]
    coreid: Annotated[str | None, Field(examples=["e00fce68f1b2c3d4e5f60718"], description="Id of the device.")]
    published_at: Annotated[str | None, Field(examples=["2026-03-01T12:00:00.000Z"])]
    ttl: Annotated[int | str | None, Field(examples=[60], description="In seconds; Particle sends a number or a text.")]


class ParticleConnect(TypedDict):
    """The stream is open."""

    type: Literal["connect"]
    eventNames: Annotated[list[str], Field(examples=[["temperature", "alarm/*"]])]


class ParticleDisconnect(TypedDict):
    """The stream is gone."""

    type: Literal["disconnect"]
    disconnectReason: Annotated[str, Field(examples=["Particle closed the event stream"])]


class ParticleFailure(TypedDict):
    """No stream could be opened."""

    type: Literal["failure"]
    failureReason: Annotated[str, Field(examples=["Particle does not accept the access token (401)"])]


@connectors.register
class ParticleConnector(Connector[ParticleConfig, ParticleOutgoing]):
    """One event stream of a Particle cloud."""

    name: ClassVar[str] = "particle"
    label: ClassVar[str] = "Particle"
    icon: ClassVar[str] = "memory"
    notice: ClassVar[str] = (
        "Particle recommends webhooks for new work. An event stream, as here, misses what devices publish while there is no "
        "connection."
    )
    Config: ClassVar[type[Schema]] = ParticleConfig
    topics_label: ClassVar[str] = "Event Names"
    topics_help: ClassVar[str] = "One name a line. A name that ends in * stands for all that begin so; * alone for all."
    Outgoing: ClassVar[type[Schema] | None] = ParticleOutgoing
    Direct: ClassVar[type[Schema] | None] = ParticleDirect
    direct_ways: ClassVar[tuple[tuple[str, ...], ...]] = (("accessToken",),)
    answer: ClassVar[type | None] = ParticleAnswer
    send_node: ClassVar[str] = "ParticleCallNode"
    cannot: ClassVar[Mapping[Promise, str]] = {
        Promise.COMES_AGAIN: "An event stream knows no acknowledgements, and Particle resumes none where it ended.",
        Promise.WAITS: "Particle sends events as devices publish them, and keeps none for who does not read.",
    }
    payloads: ClassVar[Mapping[EventKind, type]] = {
        EventKind.MESSAGE: ParticleMessage,
        EventKind.CONNECT: ParticleConnect,
        EventKind.DISCONNECT: ParticleDisconnect,
        EventKind.FAILURE: ParticleFailure,
    }
    refused: ClassVar[tuple[type[Exception], ...]] = (EgressRefused, CertificateUnusable, ssl.SSLCertVerificationError)
    probe_limit: ClassVar[float] = 19.0
    phase_seconds: ClassVar[float] = CONNECT_PHASE_SECONDS
    silence_seconds: ClassVar[float] = 18.0
    """Particle writes something every 9 s: a stream that was silent for so long is dead."""
    call_seconds: ClassVar[float] = 40.0
    """How long a call may take; Particle itself gives a device half a minute."""
    authority: ClassVar[str | None] = None
    """Who signed the cloud's certificate, in PEM form; None: the usual public authorities."""

    def __init__(self, config: ParticleConfig, source: Source) -> None:
        """Keep the settings."""
        super().__init__(config, source)
        self._origin = self.origin()
        self._names = frozenset(topic for topic in source.topics if not topic.endswith("*"))
        self._prefixes = tuple(topic[:-1] for topic in source.topics if topic.endswith("*"))
        self._line: HttpLine | None = None
        self._paused = False
        self._events = EventReader()
        self._arrivals: Arrivals[Delivery] = Arrivals()

    def __repr__(self) -> str:
        return f"<ParticleConnector {self.source.integration_id}>"

    @classmethod
    def origin(cls) -> Origin:
        """Return where Particle's cloud is."""
        return Origin.parse(service_url(cls.name, CLOUD), cls.authority)

    @classmethod
    def check_topics(cls, topics: Sequence[str]) -> dict[int, str]:
        """Return faults of event names by position."""
        faults: dict[int, str] = {}
        for at, topic in enumerate(topics):
            if not topic.isprintable() or len(topic) > 1024:
                faults[at] = marked("An event name has at most 1024 characters, all of them printable.")
            elif topic in topics[:at]:
                faults[at] = marked("This event name is there twice.")
        return faults

    @property
    def path(self) -> str:
        """The path of the stream: what all event names have in common is left to Particle to filter."""
        wanted = sorted([*self._names, *self._prefixes])
        first, last = (wanted[0], wanted[-1]) if wanted else ("", "")
        common = next(
            (at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), min(len(first), len(last))
        )
        return self.config.stream(first[:common])

    # -- receiving

    async def connect(self) -> JSONObject:
        """Open the stream; without event names only the token is tried."""
        line = self._line = await self._origin.line(self.phase_seconds)
        await (self._open_stream(line) if self.source.topics else self._show_token(line))
        return {"eventNames": list(self.source.topics)}

    async def receive(self) -> Sequence[Delivery]:
        """Return every event that is there; raises `Disconnected`."""
        return await self._arrivals.take()

    def pause(self, paused: bool) -> None:
        """Stop or resume reading the stream."""
        self._paused = paused
        if self._line is not None:
            self._line.pause(paused)

    async def probe(self) -> None:
        """Wait for the next byte: Particle writes at least every 9 s. While paused, only a closed line is noticed."""
        line = self._line
        if line is None or self._arrivals.ended is not None:
            raise self._arrivals.ended or Disconnected("Not connected")
        if self._paused or not self.source.topics:
            if not line.alive():
                raise Disconnected("The connection was lost")
            if not self._paused:
                await self._show_token(line)
            return
        try:
            await line.next_byte(line.heard + self.silence_seconds)
        except TimeoutError as error:
            raise Disconnected(f"Particle was silent for {self.silence_seconds:g} s") from error

    def explain(self, error: BaseException) -> str:
        """Say in plain words what went wrong."""
        if isinstance(error, IntegrationError):
            return str(error)
        return explain_socket_error(error, self._origin.host, self._origin.port)

    def advise(self, error: BaseException) -> str:
        """Say what to do about it."""
        if isinstance(error, IntegrationError):
            return next(iter(getattr(error, "__notes__", ())), "")
        return advise_socket_error(error, self._origin.host, self._origin.port)

    async def close(self) -> None:
        """Close the stream."""
        line, self._line = self._line, None
        if line is not None:
            line.close()
        self._arrivals.end(Disconnected("The connection was closed"))

    async def _open_stream(self, line: HttpLine) -> None:
        headers = {**self.config.headers, "Accept": "text/event-stream"}
        head = await line.request("GET", self._origin.path + self.path, headers, seconds=self.phase_seconds)
        if head.status != 200:
            await self._refuse(line, head)
        if not head.headers.get("content-type", "").startswith("text/event-stream"):
            raise Refused(f"{self._origin.host} answered with something else than an event stream")
        line.follow(self._on_data, self._on_end)

    async def _show_token(self, line: HttpLine) -> str:
        """Ask something that needs the token; returns when it expires, where that is told."""
        head = await line.request("GET", self._origin.path + _TOKEN_PATH, self.config.headers, seconds=self.phase_seconds)
        if head.status == 401 or head.status == 429 or head.status >= 500:
            await self._refuse(line, head)
        body = await line.body(_FAULT_BYTES, seconds=self.phase_seconds)
        if head.status != 200:
            return ""
        told = _fields(body).get("expires_at")
        return told if isinstance(told, str) else ""

    async def _refuse(self, line: HttpLine, head: Head) -> NoReturn:
        body = await line.body(_FAULT_BYTES, seconds=self.phase_seconds)
        raise _fault(head, body, self.config)

    def _on_data(self, data: bytes) -> None:
        try:
            for event in self._events.feed(data):
                if event.name in self._names or (self._prefixes and event.name.startswith(self._prefixes)):
                    self._arrivals.put(_delivery(event))
        except EventTooLarge as error:
            self._arrivals.end(Disconnected(f"Particle sent {error}"))

    def _on_end(self, error: Exception | None) -> None:
        if error is None:
            self._arrivals.end(Disconnected("Particle closed the event stream"))
            return
        lost = Disconnected("The connection was lost")
        lost.__cause__ = error
        self._arrivals.end(lost)

    # -- checking

    @classmethod
    async def check(cls, config: ParticleConfig, source: Source) -> AsyncIterator[CheckStep]:
        """Go to the cloud, show the token, open the stream; nothing is consumed: streams are copies."""
        trial = cls(config, source)
        opening = trial._origin.opening(cls.phase_seconds)

        async def show_token() -> Finding:
            trial._line = HttpLine(opening.take(), trial._origin.header)
            until = await trial._show_token(trial._line)
            said = marked("Particle accepts the token.")
            return Finding(f"{said} It is valid until {until}." if until else said)

        async def open_stream() -> Finding:
            line = trial._line
            if line is None or not line.reusable:
                await trial.close()
                line = trial._line = await trial._origin.line(cls.phase_seconds)
            await trial._open_stream(line)
            return Finding(f"Particle opened {trial.path}.")

        stream = [Phase(marked("Open the event stream"), open_stream)] if source.topics else []
        try:
            async for step in run_phases([*opening.phases(), Phase(marked("Show the access token"), show_token), *stream], trial):
                yield step
        finally:
            opening.close()
            await trial.close()

    # -- sending

    @classmethod
    def sender(cls, config: ParticleConfig, source: Source) -> "ParticleSender":
        """Return what calls functions."""
        return ParticleSender(cls(config, source))

    @classmethod
    def failure_answer(cls, error: SendFailed) -> JSONObject:
        """Return `{error: {message}}`."""
        return {"error": {"message": str(error)}}


class ParticleSender(Sender[ParticleOutgoing]):
    """Calls functions of devices, over lines that are kept."""

    def __init__(self, connector: ParticleConnector) -> None:
        self._connector = connector
        self._client = HttpClient(
            connector.origin(),
            most=_CALLS_AT_ONCE,
            connect_seconds=connector.phase_seconds,
            answer_seconds=connector.call_seconds,
        )

    async def send(self, message: ParticleOutgoing, identity: str) -> JSONObject:
        """Call the function; returns Particle's answer. The argument goes under both names that the API is known to take."""
        config = self._connector.config
        body = json.dumps({"arg": message.arg, "args": message.arg}).encode()
        headers = {**config.headers, "Content-Type": "application/json", "Accept": "application/json"}
        try:
            answer = await self._client.ask("POST", _call_path(message, config), headers, body)
        except MayHaveArrived as error:
            text = f"Particle did not answer, so the function may have run: {self._connector.explain(error.__cause__ or error)}"
            raise SendUnknown(text) from error
        except (EgressRefused, CertificateUnusable, OSError) as error:
            raise SendFailed(self._connector.explain(error)) from error
        if answer.status in (200, 201, 202):
            return {name: value for name, value in _fields(answer.body).items() if name in ParticleAnswer.__annotations__}
        fault = _fault(Head(answer.status, answer.headers), answer.body, config)
        raise (SendUnknown if answer.status == 408 or answer.status >= 500 else SendFailed)(str(fault))

    async def close(self) -> None:
        """Close the lines."""
        self._client.close()


def _call_path(message: ParticleOutgoing, config: ParticleConfig) -> str:
    device = message.device or config.device
    if not device or device.lower() == _MINE:
        raise SendFailed("Which device? deviceTemplate gave none, and the integration names none.")
    product = message.product or config.product_slug_or_id
    where = f"/products/{_quoted(product)}" if product else ""
    return f"/v1{where}/devices/{_quoted(device)}/{_quoted(message.name)}"


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _fields(body: bytes) -> JSONObject:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _delivery(event: ServerEvent) -> Delivery:
    try:
        fields: JSONValue = json.loads(event.data)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        fields = {"data": event.data}  # not Particle's form: given as it came
    data = fields.get("data")
    if data is not None and not isinstance(data, str):
        data = json.dumps(data, ensure_ascii=False)
    ttl = fields.get("ttl")
    message: JSONObject = {"type": "message", "name": event.name, "data": data}
    for name in ("coreid", "published_at"):
        value = fields.get(name)
        message[name] = value if value is None or isinstance(value, str) else str(value)
    message["ttl"] = ttl if isinstance(ttl, int | str) and not isinstance(ttl, bool) else None
    return Delivery(message, time.time_ns() // 1_000_000, None, len((data or "").encode()))


def _fault(head: Head, body: bytes, config: ParticleConfig) -> IntegrationError:
    """Turn an answer other than the one wanted into an instruction; the note is the advice."""
    status, said = head.status, _said(body, config)
    final, text, advice = _MEANINGS.get(status, (status < 500, "Particle did not do as asked", ""))
    wording = f"{text} ({status}){f': {said}' if said else ''}"
    fault = Refused(wording) if final else Unreachable(wording, retry_after=_retry_after(head))
    fault.add_note(advice or ("Try again later: the fault is on Particle's side." if status >= 500 else ""))
    return fault


_MEANINGS = {
    401: (True, "Particle does not accept the access token", "Make a new token in Particle's console and enter it here."),
    403: (
        True,
        "Particle denies access",
        "Check device, product and organization, and that the token's account may see them.",
    ),
    404: (True, "Particle knows nothing of that name", "Check device, product, organization and function."),
    408: (False, "The device did not answer in time", "Check that the device is online."),
    429: (
        False,
        "Particle takes no more requests from here for now",
        "From one address Particle allows 100 streams at a time and 100 openings in five minutes: use fewer integrations.",
    ),
}


def _said(body: bytes, config: ParticleConfig) -> str:
    """Return the cloud's own words, in one short line and without the token."""
    fields = _fields(body)
    found = [fields.get(name) for name in ("error_description", "info", "error")]
    text = next((one for one in found if isinstance(one, str) and one), "")
    return " ".join(text.replace(config.access_token.get_secret_value(), "***").split())[:300]


def _retry_after(head: Head) -> float:
    text = head.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else 0.0
