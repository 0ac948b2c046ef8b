"""urllib3, requests and boto3 through the egress guard: the name is resolved once, judged, and that address is connected to.

TLS, SNI and the Host header keep the name. Refusals arrive as `EgressRefused`, from boto3 as the
`HTTPClientError` that carries it.

    pool = guarded_pool_manager(timeout=10.0)                  # urllib3
    session = guarded_session()                                # requests; also without proxies and .netrc of the environment
    client = guard_boto(boto3_session.client("sqs", config=Config(proxies={}, ...)))
"""

import socket
from typing import Any, ClassVar

import requests
import urllib3
from botocore.awsrequest import AWSHTTPConnection, AWSHTTPConnectionPool, AWSHTTPSConnection, AWSHTTPSConnectionPool
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from wegnology.lib.egress import guarded_create_connection


class _Guarded:
    """Mixed into a connection class of urllib3."""

    _dns_host: str
    port: int
    host: str
    timeout: Any
    source_address: Any
    socket_options: Any

    def _new_conn(self) -> socket.socket:
        """Connect to a judged address, with the errors that urllib3 makes of it."""
        try:
            return guarded_create_connection((self._dns_host, self.port), self.timeout, self.source_address, self.socket_options)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error  # type: ignore[arg-type]
        except TimeoutError as error:
            text = f"Connecting to {self.host} took longer than {self.timeout} s"
            raise ConnectTimeoutError(self, text) from error
        except OSError as error:
            raise NewConnectionError(self, f"Connecting failed: {error}") from error  # type: ignore[arg-type]


class GuardedHTTPConnection(_Guarded, HTTPConnection):
    """http: of urllib3."""


class GuardedHTTPSConnection(_Guarded, HTTPSConnection):
    """https: of urllib3."""


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = GuardedHTTPConnection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = GuardedHTTPSConnection


class _BotoConnection(_Guarded, AWSHTTPConnection):  # type: ignore[misc]
    pass


class _BotoTlsConnection(_Guarded, AWSHTTPSConnection):  # type: ignore[misc]
    pass


class _BotoPool(AWSHTTPConnectionPool):  # type: ignore[misc]
    ConnectionCls: ClassVar[Any] = _BotoConnection


class _BotoTlsPool(AWSHTTPSConnectionPool):  # type: ignore[misc]
    ConnectionCls: ClassVar[Any] = _BotoTlsConnection


def guarded_pool_manager(**options: Any) -> urllib3.PoolManager:
    """Return a pool manager of urllib3 that connects to judged addresses only; `options` are urllib3's."""
    manager = urllib3.PoolManager(**options)
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager


class GuardedAdapter(HTTPAdapter):
    """The adapter of requests that connects to judged addresses only; see `guarded_session`."""

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        """Make the pools guarded ones."""
        super().init_poolmanager(connections, maxsize, block, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


def guarded_session() -> requests.Session:
    """Return a session of requests that connects to judged addresses only, whatever proxies the environment names."""
    session = requests.Session()
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, GuardedAdapter())
    return session


def guard_boto(client: Any) -> Any:
    """Make a client of boto3 connect to judged addresses only and return it. Make it with `Config(proxies={})`."""
    session = client._endpoint.http_session
    session._pool_classes_by_scheme = {"http": _BotoPool, "https": _BotoTlsPool}
    session._manager.pool_classes_by_scheme = session._pool_classes_by_scheme
    return client
