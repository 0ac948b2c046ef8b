"""Clients of boto3 whose every connection is judged (`wegnology.lib.egress`) and can be ended from another thread.

A client's requests leave through `Lines`, by botocore's own hook `before-send`: pools of urllib3 with guarded connections and a
TLS context shared by all. botocore keeps what it is good at: signing, retrying what a service asks to repeat, reading answers.
Nothing is taken from the environment or from files: no profile, no proxy, no endpoint. Measured: 140 KiB a client.
"""

import contextlib
import os
import socket
import ssl
import threading
import weakref
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import boto3
import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError
from urllib3 import Timeout
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError

from wegnology.lib.egress import EgressRefused
from wegnology.lib.egress_clients import guarded_pool_manager
from wegnology.lib.marking import marked
from wegnology.lib.tls import Tls, tls_context

_NOWHERE = (None, None, os.devnull, None)
_NOTHING = (None, None, None, None)
_making = threading.Lock()  # making a client reads and fills caches of the session, which no lock guards
_session: Any = None


class Keys(NamedTuple):
    """A login at AWS for one region."""

    access_key_id: str
    secret_access_key: str
    region: str

    def __repr__(self) -> str:
        return f"<Keys {self.access_key_id} {self.region}>"


class Lines:
    """The connections of one client."""

    def __init__(self, connect_seconds: float, answer_seconds: float, *, at_once: int = 1, send_again: bool = False) -> None:
        """`send_again`: a request whose connection was lost is sent once more, so that it may arrive twice."""
        self._send_again = send_again
        self._closed = False
        self._connections: weakref.WeakSet[Any] = weakref.WeakSet()
        self._manager = guarded_pool_manager(
            num_pools=2,
            maxsize=at_once,
            retries=False,
            timeout=Timeout(connect=connect_seconds, read=answer_seconds),
            ssl_context=tls_context(Tls()),
        )
        pools: dict[str, Any] = dict(self._manager.pool_classes_by_scheme)
        tracked: dict[str, Any] = {scheme: partial(self._pool, pool) for scheme, pool in pools.items()}
        self._manager.pool_classes_by_scheme = tracked

    def _pool(self, pool_class: Any, *arguments: Any, **options: Any) -> Any:
        pool = pool_class(*arguments, **options)
        connection_class = pool.ConnectionCls

        def connection(**settings: Any) -> Any:
            made = connection_class(**settings)
            made.connect = partial(self._connect, connection_class, weakref.ref(made))
            self._connections.add(made)
            return made

        pool.ConnectionCls = connection
        return pool

    def _connect(self, connection_class: Any, of: "weakref.ref[Any]") -> None:
        """Connect, unless all was closed: urllib3 makes a connection that was cut anew, unknowing."""
        connection: Any = of()
        connection_class.connect(connection)
        if self._closed:
            connection.close()
            raise ConnectionError("The connections are closed")

    def send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """Carry one request; the hook of botocore. Raises `EgressRefused`, `ssl.SSLError` and `OSError`."""
        if self._closed:
            raise ConnectionError("The connections are closed")
        try:
            with _plain(request.url):
                try:
                    return self._sent(request)
                except ProtocolError:
                    if not self._send_again or self._closed:
                        raise
                return self._sent(request)
        finally:
            if self._closed:  # meanwhile, by another thread: nothing may stay open
                self._drop()

    def _sent(self, request: AWSPreparedRequest) -> AWSResponse:
        answer = self._manager.urlopen(
            request.method,
            request.url,
            body=request.body,
            headers=request.headers,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        response = AWSResponse(request.url, answer.status, answer.headers, answer)
        _ = response.content  # reads all of it, which gives the connection back
        return response

    def end(self) -> None:
        """Close, and end what is under way: whoever waits for an answer gets an error at once."""
        self._closed = True
        for connection in list(self._connections):
            sock = connection.sock
            if sock is not None:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close idle connections, and those in use when they are done; may be called twice."""
        self._closed = True
        self._drop()

    def _drop(self) -> None:
        pools = self._manager.pools
        for pool in [pools.get(key) for key in pools.keys()]:  # noqa: SIM118  (it is no mapping; it cannot be iterated)
            if pool is not None:
                pool.close()  # clearing alone leaves this to the garbage collector
        self._manager.clear()


@contextlib.contextmanager
def _plain(url: str) -> Iterator[None]:
    """Turn errors of urllib3 into the error of the network that they wrap."""
    try:
        yield
    except ReadTimeoutError as error:
        raise TimeoutError(f"{url.split('/')[2]} did not answer in time") from error
    except HTTPError as error:
        root = _root(error)
        raise root if root is not None else ConnectionError(f"Talking to {url.split('/')[2]} failed") from error


def _root(error: BaseException) -> Exception | None:
    """Return the innermost cause that says what happened on the network."""
    found: Exception | None = None
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, EgressRefused | ssl.SSLError | OSError):
            found = seen
        arguments = [part for part in seen.args if isinstance(part, Exception)]
        seen = seen.__cause__ or seen.__context__ or (arguments[0] if arguments else None)
    return found


def aws_client(service: str, keys: Keys, endpoint: str | None, lines: Lines, *, attempts: int = 1) -> Any:
    """Return a client of boto3; takes some milliseconds of computing and no I/O. Made where nothing waits: not on a loop.

    `attempts` beyond 1 repeat what the service throttled or could not do at the moment.
    """
    config = Config(
        proxies={},
        ignore_configured_endpoint_urls=True,
        parameter_validation=True,
        retries={"total_max_attempts": attempts, "mode": "standard"},
    )
    with _making:
        client = _the_session().client(
            service,
            region_name=keys.region,
            aws_access_key_id=keys.access_key_id,
            aws_secret_access_key=keys.secret_access_key,
            endpoint_url=endpoint,
            config=config,
        )
    client.meta.events.register(f"before-send.{client.meta.service_model.service_id.hyphenize()}", lines.send)
    return client


def _the_session() -> Any:
    global _session
    if _session is None:
        settings = {"config_file": _NOWHERE, "credentials_file": _NOWHERE, "profile": _NOTHING, "ca_bundle": _NOTHING}
        _session = boto3.session.Session(botocore_session=botocore.session.Session(session_vars=settings))
    return _session


# ---- what errors mean


class Telling(NamedTuple):
    """What a code of AWS means, without a full stop, and what to do about it, with one."""

    said: str
    advice: str


_UNKNOWN_KEY = Telling(
    marked("AWS does not know this access key ID"),
    marked("Copy the access key ID from the AWS console anew, or make a new access key there: this one may have been deleted."),
)
_WRONG_SECRET = Telling(
    marked("The secret access key does not belong to the access key ID"),
    marked("Enter the secret access key anew. AWS shows it only once: if it is lost, make a new access key."),
)
_EXPIRED = Telling(
    marked("The access key has expired"), marked("Use an access key of an AWS user: keys of a session do not last.")
)
_DENIED_TELLING = Telling(marked("AWS does not allow it to this user"), marked("Allow it in the policy of the AWS user."))
_TELLS: dict[str, Telling] = {
    "InvalidClientTokenId": _UNKNOWN_KEY,
    "UnrecognizedClientException": _UNKNOWN_KEY,
    "InvalidAccessKeyId": _UNKNOWN_KEY,
    "SignatureDoesNotMatch": _WRONG_SECRET,
    "InvalidSignatureException": _WRONG_SECRET,
    "MissingAuthenticationToken": Telling(marked("AWS demands a login"), marked("Enter an access key.")),
    "IncompleteSignature": Telling(
        marked("AWS cannot read the login"), marked("Write access key ID and region as AWS writes them.")
    ),
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "RequestExpired": Telling(
        marked("AWS finds the request too old or too young"), marked("Set the clock of the machine that the hub runs on.")
    ),
    "AccessDenied": _DENIED_TELLING,
    "AccessDeniedException": _DENIED_TELLING,
    "OptInRequired": Telling(
        marked("The AWS account is not signed up for this service"), marked("Sign up for it in the AWS console.")
    ),
    "AuthFailure": Telling(marked("AWS refuses the login"), marked("Make a new access key for the AWS user.")),
    "InvalidSecurity": Telling(marked("AWS wants the request over HTTPS"), marked("Use an address that begins with https://.")),
}
_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})


def code_of(error: BaseException) -> str:
    """Return AWS's own code of an error, "" when it has none. The older, longer names lose their first part."""
    if not isinstance(error, ClientError):
        return ""
    return str(error.response.get("Error", {}).get("Code", "")).rpartition(".")[2]


def is_denied(error: BaseException) -> bool:
    """Say whether AWS knows the user and does not allow what was asked."""
    return code_of(error) in _DENIED


def is_refusal(error: BaseException) -> bool:
    """Say whether AWS will answer the same until somebody changes something."""
    return code_of(error) in _TELLS


def telling(error: BaseException, also: Mapping[str, Telling]) -> Telling | None:
    """Return what the code of an error means; `also` holds the codes of a service."""
    code = code_of(error)
    return also.get(code) or _TELLS.get(code)


def explain_aws(error: ClientError, also: Mapping[str, Telling]) -> str:
    """Say in plain words what AWS answered, with its own code."""
    code, told = code_of(error), telling(error, also)
    said = str(error.response.get("Error", {}).get("Message", "")).strip()
    if told is not None and code not in _DENIED:
        return f"{told.said} ({code})."
    words = told.said if told is not None else "AWS answered with an error"
    return f"{words} ({code or 'no code'}){f': {said}' if said else '.'}"
