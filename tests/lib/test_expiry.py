"""When logins end: read from certificates and from shared access signatures."""

from datetime import UTC, datetime, timedelta

import pytest
import trustme

from wegnology.lib.expiry import Expiry, expiries, expiry_badge
from wegnology.lib.types import JSONObject

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def certificate(days: int, name: str = "lamp") -> str:
    """Return a certificate that ends some days after `NOW`."""
    leaf = trustme.CA(organization_name="Plant").issue_cert("lamp.local", common_name=name, not_after=NOW + timedelta(days=days))
    return leaf.cert_chain_pems[0].bytes().decode()


def test_certificates_are_found_wherever_they_stand() -> None:
    config: JSONObject = {"port": 1, "certificate": certificate(90), "caCertificate": certificate(10, "authority"), "headers": []}
    found = expiries(config)
    shown = [(entry.field, entry.subject, entry.days_left(NOW)) for entry in found]
    assert shown == [("caCertificate", "authority", 10), ("certificate", "lamp", 90)]
    assert all("Plant" in entry.issuer for entry in found)


def test_each_certificate_of_a_chain_counts() -> None:
    assert len(expiries({"caCertificate": certificate(1) + certificate(2)})) == 2


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("Endpoint=sb://ns/;SharedAccessSignature=SharedAccessSignature sr=sb%3a%2f%2fns&sig=abc%3d&se=1780315200&skn=send", NOW),
        ("SharedAccessSignature sr=x&sig=abc&skn=send&se=1780315200", NOW),
        ("https://acc.blob/x?sv=2024&se=2026-06-01T12%3A00%3A00Z&sig=abc", NOW),
        ("?se=2026-06-01&sig=abc", NOW.replace(hour=0)),
    ],
)
def test_signatures_say_when_they_end(text: str, ends: datetime) -> None:
    (found,) = expiries({"connectionString": text})
    assert found.not_after == ends
    assert found.field == "connectionString"
    assert "abc" not in repr(found)
    assert found.subject == ("Signature of send" if "skn" in text else "Shared access signature")


@pytest.mark.parametrize(
    "text",
    [
        "Endpoint=sb://ns/;SharedAccessKeyName=send;SharedAccessKey=abc=",
        "https://example.com/?se=1780315200",
        "x?sig=a&se=never",
        "x?sig=a&se=99999999999999999999999",
        "-----BEGIN CERTIFICATE-----\njunk\n-----END CERTIFICATE-----",
        "{{globals.certificate}}",
        "",
    ],
)
def test_what_does_not_end_or_cannot_be_read_is_left_out(text: str) -> None:
    assert expiries({"field": text}) == []


@pytest.mark.parametrize(
    ("left", "words", "tone"),
    [
        (timedelta(days=400), "400 days left", "success"),
        (timedelta(days=30), "30 days left", "success"),
        (timedelta(days=30, seconds=-1), "29 days left", "warning"),
        (timedelta(days=1), "1 day left", "warning"),
        (timedelta(seconds=1), "Last day", "warning"),
        (timedelta(seconds=-1), "Expired", "danger"),
    ],
)
def test_the_badge_counts_days(left: timedelta, words: str, tone: str) -> None:
    badge = expiry_badge(Expiry("certificate", "lamp", "", NOW + left), NOW)
    assert (badge.words, badge.tone) == (words, tone)
    assert "2026" in badge.detail or "2027" in badge.detail
