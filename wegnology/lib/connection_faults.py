"""What it means when a connection fails, and what to do about it, in plain sentences."""

import errno
import socket
import ssl

from wegnology.lib.egress import EgressRefused
from wegnology.lib.marking import marked
from wegnology.lib.opening import HandshakeFailed
from wegnology.lib.tls import CertificateUnusable


def explain_socket_error(error: BaseException, host: str, port: int) -> str:
    """Say in plain words why a connection failed."""
    if isinstance(error, HandshakeFailed):
        return str(error)
    if isinstance(error, ssl.SSLError):
        return explain_tls(error, host, port)
    if isinstance(error, socket.gaierror):
        return f"Unknown host: {host}"
    if isinstance(error, ConnectionRefusedError):
        return f"{host} refused connections to port {port}"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return f"{host} port {port} closed the connection"
    if isinstance(error, OSError) and error.strerror and not isinstance(error, TimeoutError):
        return f"{host} port {port}: {error.strerror}"
    return str(error) or type(error).__name__


def explain_tls(error: ssl.SSLError, host: str, port: int) -> str:
    """Say in plain words why TLS failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate of {host} is not trusted: {error.verify_message}"
    reason = (error.reason or "").upper()
    if "CERTIFICATE_REQUIRED" in reason or "HANDSHAKE_FAILURE" in reason:
        return f"{host} demands a client certificate"
    if "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason):
        return f"{host} does not accept the client certificate: {reason.replace('_', ' ').lower()}"
    if "WRONG_VERSION_NUMBER" in reason:
        return f"{host} does not speak TLS on port {port}"
    return f"TLS with {host} failed: {(error.reason or 'unknown reason').replace('_', ' ').lower()}"


def advise_socket_error(error: BaseException, host: str, port: int) -> str:
    """Say what a person can do about a failed connection; "" when nothing can be said."""
    if isinstance(error, CertificateUnusable):
        return marked("Paste it anew: the whole text, with its BEGIN and END lines.")
    if isinstance(error, EgressRefused):
        return marked("Use another address. Which ones this installation connects to is decided by who operates it.")
    if isinstance(error, HandshakeFailed):
        return marked(
            "Check that the protocol fits the port. Servers that demand a client certificate may hang up like this as well."
        )
    if isinstance(error, ssl.SSLError):
        return _advise_tls(error, host, port)
    if isinstance(error, socket.gaierror):
        return marked(
            "Check the spelling of the host. A name that is only known in some network must be known where this hub runs."
        )
    if isinstance(error, TimeoutError):
        return f"Nothing answered in time: check host and port, and that no firewall drops what goes to port {port}."
    if isinstance(error, OSError):
        return _advise_refusal(error, host, port)
    return ""


def _advise_refusal(error: OSError, host: str, port: int) -> str:
    if isinstance(error, ConnectionRefusedError):
        return f"Check the port: nothing listens on port {port} of {host}, or a firewall says no for it."
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return marked("The other side hung up: it may speak another protocol on this port, or not welcome this address.")
    if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL):
        return marked("There is no way from here to that address: check the network of the machine that the hub runs on.")
    return ""


def _advise_tls(error: ssl.SSLError, host: str, port: int) -> str:
    shown = " ".join(getattr(error, "__notes__", ()))
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{_advise_trust(error, host)} {shown}".strip()
    reason = (error.reason or "").upper()
    if "WRONG_VERSION_NUMBER" in reason:
        return f"Choose a protocol without TLS, or the port of {host} that speaks TLS."
    if "CERTIFICATE_REQUIRED" in reason or "HANDSHAKE_FAILURE" in reason:
        return marked("Give a certificate and its private key that the other side accepts.")
    if "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason):
        return marked("Give a certificate that an authority signed which the other side trusts, and that has not expired.")
    return ""


def _advise_trust(error: ssl.SSLCertVerificationError, host: str) -> str:
    said = error.verify_message.lower()
    if "expired" in said:
        return f"Whoever runs {host} must renew its certificate."
    if "not yet valid" in said:
        return marked("Compare the clocks of both machines.")
    if "mismatch" in said or "not valid for" in said:
        return marked("Use one of the names in the certificate as the host.")
    return marked("Give the authority that signed it as CA Certificate.")
