"""What is said of certificates: for whom, by whom, for how long."""

from datetime import UTC, datetime, timedelta

import trustme

from wegnology.lib.peer_certificates import describe_own, presented
from wegnology.lib.tls import Tls


def pair(days: int) -> tuple[str, str]:
    """Return a certificate that is valid for some days more, and its key."""
    leaf = trustme.CA().issue_cert("device", common_name="device 7", not_after=datetime.now(UTC) + timedelta(days=days, hours=1))
    return leaf.cert_chain_pems[0].bytes().decode(), leaf.private_key_pem.bytes().decode()


def test_the_own_certificate_is_named_with_its_end() -> None:
    found = describe_own(Tls(True, None, *pair(100)))
    assert "device 7 (valid for 100 more days, until" in found.detail
    assert "The usual public authorities are trusted." in found.detail
    assert found.advice == ""


def test_an_end_that_is_near_is_a_warning() -> None:
    assert describe_own(Tls(True, None, *pair(20))).advice == "The own certificate ends in 20 days: have it renewed."


def test_one_that_has_ended_says_so() -> None:
    found = describe_own(Tls(True, None, *pair(-3)))
    assert "device 7 (expired on" in found.detail
    assert found.advice == "The own certificate has expired: have it renewed."


def test_what_cannot_be_read_is_left_out() -> None:
    assert describe_own(Tls(True, "no certificate")).detail == "Trusted: the given authority."
    assert describe_own(Tls(False)).detail == "Any certificate of the other side is accepted."
    assert presented(object()) == ""
