"""A client's session at an MQTT broker, over a line that is already open: WebSocket where there is one, login, subscriptions.

Protocol: MQTT 3.1.1 and 5.0, sections 3.1 to 3.11.
"""

import asyncio
import secrets
import socket
import ssl
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple, TypeVar

from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions
from websocket import ABNF

from wegnology.lib.connection_faults import advise_socket_error, explain_socket_error
from wegnology.lib.frames import FrameLine
from wegnology.lib.mqtt import Connack, LineLost, LoopClient, OnArrivals
from wegnology.lib.sockets import ByteLine, Line
from wegnology.lib.upgrading import upgrade

RECEIVE_MAXIMUM = 1_000
"""Messages that a version 5 broker may send before the first is acknowledged: as many as a line holds in memory."""
_PER_SUBSCRIBE = 8  # some brokers take no more topics in one packet
T = TypeVar("T")


class BrokerFault(Exception):
    """The broker does not take us. `lasting`: asking again changes nothing; `login`: user, password or certificate are wrong."""

    def __init__(self, text: str, advice: str, *, lasting: bool, login: bool = False) -> None:
        self.advice, self.lasting, self.login = advice, lasting, login
        super().__init__(text)


class Login(NamedTuple):
    """Who logs in, and where. `protocol` is "mqtt", "mqtts", "ws" or "wss"."""

    protocol: str
    host: str
    port: int
    v5: bool
    client_id: str
    username: str | None
    password: str | None

    @property
    def framed(self) -> bool:
        """Say whether MQTT goes in the frames of a WebSocket."""
        return self.protocol in ("ws", "wss")

    def __repr__(self) -> str:
        return f"Login({self.host}:{self.port})"


class Session:
    """From an open line to subscriptions. Each answer of the broker may take `seconds`; when one fails everything is closed."""

    __slots__ = ("_clean", "_line", "_seconds", "client", "login")

    def __init__(self, login: Login, seconds: float, *, clean: bool) -> None:
        self.client: LoopClient | None = None
        self._line: ByteLine | None = None
        self.login, self._seconds, self._clean = login, seconds, clean

    async def over(self, sock: socket.socket, on_arrivals: OnArrivals, on_lost: Any) -> None:
        """Take an open socket, and make it a WebSocket where the protocol says so. Raises what `upgrade` does."""
        login = self.login
        version = MQTTProtocolVersion.MQTTv5 if login.v5 else MQTTProtocolVersion.MQTTv311
        client_id = login.client_id or f"wegnology-{secrets.token_hex(6)}"
        client = LoopClient(client_id, version, None if login.v5 else self._clean, on_arrivals, on_lost)
        if login.username or login.password:
            client.username_pw_set(login.username, login.password)
        self._line = await self._line_over(sock, client)
        self.client = client

    async def log_in(self, session_seconds: int) -> Connack:
        """Log in; a version 5 broker is asked to keep the session for so long. Raises `BrokerFault` and `TimeoutError`."""
        client, line = self._here(), self._line
        if line is None:
            raise RuntimeError("a line is needed first")
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = session_seconds
        # Named although it is below the protocol's default: mosquitto keeps to 20 where a client says nothing, and a burst
        # then fills its queue, from which it drops.
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        asking = client.log_in(line, clean_start=self._clean, properties=properties)
        answer = await self._answer(asking, "The login")
        if answer.code:
            self.close()
            raise _login_fault(answer, self.login)
        return answer

    async def subscribe(self, topics: Sequence[str], *, retained: bool = True) -> list[tuple[str, ReasonCode]]:
        """Subscribe at QoS 1; return each topic with the broker's answer. Without `retained` version 5 sends none of those."""
        client = self._here()
        options = None if retained else SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        answers: list[tuple[str, ReasonCode]] = []
        for start in range(0, len(topics), _PER_SUBSCRIBE):
            some = topics[start : start + _PER_SUBSCRIBE]
            wanted: Any = [(topic, options if options and self.login.v5 else 1) for topic in some]
            codes = await self._answer(client.ask(lambda: client.subscribe(wanted)), "The subscription")  # noqa: B023
            answers += zip(some, codes, strict=False)
        return answers

    async def unsubscribe(self, topics: Sequence[str]) -> None:
        """Unsubscribe."""
        client = self._here()
        await self._answer(client.ask(lambda: client.unsubscribe(list(topics))), "Unsubscribing")

    def close(self) -> None:
        """Say goodbye and free everything. May be called twice."""
        client, self.client = self.client, None
        line, self._line = self._line, None
        if client is not None:
            client.hang_up()
        if line is not None:
            line.close()  # the client has it only from the login on

    def _here(self) -> LoopClient:
        if self.client is None:
            raise BrokerFault("Not connected", "", lasting=False)
        return self.client

    async def _line_over(self, sock: socket.socket, client: LoopClient) -> ByteLine:
        login = self.login
        if not login.framed:
            return Line(sock, client.feed, client.line_lost, client.publisher.flushed)
        host = f"[{login.host}]" if ":" in login.host else login.host
        url = f"{login.protocol}://{host}:{login.port}/mqtt"
        ws = await upgrade(sock, url, timeout=self._seconds, subprotocols=["mqtt"])

        def on_frame(opcode: int, data: bytes) -> None:
            if opcode == ABNF.OPCODE_BINARY:
                client.feed(data)
            elif opcode == ABNF.OPCODE_CLOSE:
                client.line_lost(None)

        return FrameLine(ws, on_frame, client.line_lost, client.publisher.flushed)

    async def _answer(self, work: Coroutine[Any, Any, T], what: str) -> T:
        """Wait for an answer of the broker."""
        host, port = self.login.host, self.login.port
        try:
            async with asyncio.timeout(self._seconds):
                return await work
        except TimeoutError as error:
            self.close()
            raise TimeoutError(f"{what} at {host} took longer than {self._seconds:g} s") from error
        except LineLost as error:
            self.close()
            cause = error.__cause__
            demanded = isinstance(cause, ssl.SSLError)  # a missing client certificate shows only now
            text = explain_socket_error(cause, host, port) if cause else f"{host} ended the connection: {error}"
            advice = advise_socket_error(cause, host, port) if cause else _HUNG_UP
            raise BrokerFault(f"{what} failed: {text}", advice, lasting=demanded) from error
        except BaseException:
            self.close()
            raise


_HUNG_UP = (
    "The broker hung up instead of answering. Brokers do so with callers they do not let in, with client IDs they do not "
    "allow, and where another protocol is spoken on this port; its log says which."
)


def _login_fault(answer: Connack, login: Login) -> BrokerFault:
    """Tell a login that needs an edit from a broker that is busy."""
    if answer.code in ((0x86, 0x87, 0x8C) if login.v5 else (4, 5)):
        advice = (
            "Check username and password, or the certificate. Some brokers let a login in only with certain client IDs; "
            f"this one was {login.client_id}."
        )
        return BrokerFault(f"The broker refused the login: {answer.reason}", advice, lasting=True, login=True)
    if answer.code in ((0x80, 0x83, 0x88, 0x89, 0x97, 0x9F) if login.v5 else (3,)):
        advice = "It may later. If this lasts, whoever runs the broker must look."
        return BrokerFault(f"The broker takes no connections now: {answer.reason}", advice, lasting=False)
    advice = "Whoever runs the broker can say why."
    if answer.code == (0x84 if login.v5 else 1):
        advice = "Choose the other protocol version."
    elif answer.code == (0x85 if login.v5 else 2):
        advice = f"The broker does not take the client ID {login.client_id}: choose one that it allows."
    return BrokerFault(f"The broker refused the connection: {answer.reason}", advice, lasting=True)
