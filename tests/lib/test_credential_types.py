"""Kinds of service credentials: what is accepted, what may be shown, and which addresses get a login."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from tests.servers.certificates import Certificates
from wegnology.lib import google_keys
from wegnology.lib.credential_types import (
    CREDENTIAL_TYPES,
    CertificateCredential,
    GcpCredential,
    HttpCredential,
    credential_type_choices,
)
from wegnology.lib.schema import ConfigInvalid
from wegnology.lib.types import JSONObject


def pem(key: Any, password: bytes | None = None) -> str:
    """Return a key as text."""
    lock = BestAvailableEncryption(password) if password else NoEncryption()
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock).decode())


RSA = rsa.generate_private_key(65537, 2048)
KEY: JSONObject = {
    "type": "service_account",
    "project_id": "plant-7",
    "private_key_id": "0a1b2c",
    "private_key": pem(RSA),
    "client_email": "hub@plant-7.iam.gserviceaccount.com",
    "token_uri": "https://oauth2.googleapis.com/token",
    "universe_domain": "googleapis.com",
}
LOCKED = pem(RSA, b"passphrase")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(Path(tmp_path_factory.mktemp("certificates")))


def faults(kind: str, raw: JSONObject) -> dict[str, str]:
    """Return what is wrong with settings, by field."""
    try:
        CREDENTIAL_TYPES[kind].check(raw)
    except ConfigInvalid as error:
        return error.errors
    return {}


def http(
    method: str = "header", name: str | None = "X-Key", secret: str = "s3cret", match: str = "wss://example.com/"
) -> JSONObject:
    """Return an HTTP credential as given."""
    raw: JSONObject = {"uriMatch": match, "authMethod": method, "secretValue": secret}
    return raw if name is None else raw | {"publicValue": name}


def test_the_kinds_are_the_products() -> None:
    assert list(CREDENTIAL_TYPES) == ["aws", "azure", "gcp", "http", "certificateKeyPair"]
    assert ("gcp", "GCP") in credential_type_choices()


class TestGoogle:
    def test_a_key_file_is_accepted_and_shown_without_its_secret(self) -> None:
        raw: JSONObject = {"keyJson": json.dumps(KEY)}
        assert faults("gcp", raw) == {}
        shown = dict(GcpCredential.model_validate(raw).shown())
        assert shown == {
            "Service account": "hub@plant-7.iam.gserviceaccount.com",
            "Project": "plant-7",
            "Key id": "0a1b2c",
        }

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"type": "authorized_user"}, "type: must be service_account"),
            ({"project_id": None}, "project_id: is missing"),
            ({"project_id": 7}, "project_id: is missing"),
            ({"private_key_id": " "}, "private_key_id: is missing"),
            ({"client_email": None}, "client_email: is missing"),
            ({"client_email": "hub"}, "client_email: is not an email address"),
            ({"private_key": None}, "private_key: is missing"),
            ({"private_key": "hunter2"}, "private_key: This is not a private key in PEM form"),
            ({"private_key": LOCKED}, "private_key: The private key is protected by a passphrase"),
            ({"private_key": pem(ec.generate_private_key(ec.SECP256R1()))}, "private_key: is not an RSA key"),
            ({"token_uri": "https://evil.test/token"}, "token_uri: must be https://oauth2.googleapis.com/token"),
            ({"token_uri": None}, "token_uri: must be"),
            ({"universe_domain": "evil.test"}, "universe_domain: must be googleapis.com"),
        ],
    )
    def test_each_property_is_judged_by_name(self, change: dict[str, Any], named: str) -> None:
        text = json.dumps({name: value for name, value in {**KEY, **change}.items() if value is not None})
        fault = faults("gcp", {"keyJson": text})["keyJson"]
        assert named in fault
        assert not any(value in fault for value in ("evil.test", "hunter2", "hub"))

    def test_all_faults_are_named_together(self) -> None:
        fault = faults("gcp", {"keyJson": "{   }"})["keyJson"]
        for name in ("type", "project_id", "private_key_id", "private_key", "client_email", "token_uri"):
            assert f"{name}: " in fault

    @pytest.mark.parametrize("text", ["not JSON", "[1, 2]", "[" * 5000])
    def test_what_is_no_object_is_refused(self, text: str) -> None:
        assert "paste the whole key file" in faults("gcp", {"keyJson": text})["keyJson"]

    def test_a_setting_allows_other_sources_of_tokens(self) -> None:
        text = json.dumps({**KEY, "token_uri": "https://tokens.local/"})
        try:
            google_keys.configure(token_uris=["https://tokens.local/"])
            assert faults("gcp", {"keyJson": text}) == {}
        finally:
            google_keys.configure()
        assert "keyJson" in faults("gcp", {"keyJson": text})

    def test_without_a_universe_it_is_googles(self) -> None:
        assert faults("gcp", {"keyJson": json.dumps({n: v for n, v in KEY.items() if n != "universe_domain"})}) == {}


class TestCertificates:
    def test_a_pair_is_accepted_and_shown(self, certificates: Certificates) -> None:
        pair = certificates.client
        raw: JSONObject = {"certificate": pair.certificate, "privateKey": pair.private_key}
        assert faults("certificateKeyPair", raw) == {}
        shown = dict(CertificateCredential.model_validate(raw).shown())
        assert shown["Certificate of"] == "client"
        assert "trustme" in shown["Issued by"]

    def test_what_cannot_be_read_is_named(self, certificates: Certificates) -> None:
        pair = certificates.client
        assert list(faults("certificateKeyPair", {"certificate": "junk", "privateKey": pair.private_key})) == ["certificate"]
        assert list(faults("certificateKeyPair", {"certificate": pair.certificate, "privateKey": "junk"})) == ["privateKey"]
        locked = faults("certificateKeyPair", {"certificate": pair.certificate, "privateKey": LOCKED})
        assert "passphrase" in locked["privateKey"]

    def test_they_must_belong_together(self, certificates: Certificates) -> None:
        raw: JSONObject = {"certificate": certificates.client.certificate, "privateKey": certificates.foreign_client.private_key}
        assert "do not belong together" in faults("certificateKeyPair", raw)["privateKey"]


class TestHttp:
    @pytest.mark.parametrize("match", ["http://a.b", "https://a.b/c", "ws://a.b:80/", "WSS://a.b/c?d="])
    def test_beginnings_of_addresses(self, match: str) -> None:
        assert faults("http", http(match=match)) == {}

    @pytest.mark.parametrize(
        "match",
        ["ftp://a.b/", "example.com/", "wss:///path", "wss://a.b:x/", "https://u:p@a.b/", "https://a b/", "https://a.b/../c"],
    )
    def test_others_are_refused(self, match: str) -> None:
        assert list(faults("http", http(match=match))) == ["uriMatch"]

    @pytest.mark.parametrize(
        ("raw", "field"),
        [
            (http("header", None), "publicValue"),
            (http("header", "X Key"), "publicValue"),
            (http("header", "X-Key\r\n"), "publicValue"),
            (http("header", "X-Key", "a\r\nX-Other: b"), "secretValue"),
            (http("queryParam", None), "publicValue"),
            (http("basicAuth", "a:b"), "publicValue"),
            (http("clientCertificate", None), "publicValue"),
            (http("clientCertificate", "junk"), "publicValue"),
            (http("cookie"), "authMethod"),
        ],
    )
    def test_each_method_has_its_rules(self, raw: JSONObject, field: str) -> None:
        assert list(faults("http", raw)) == [field]

    def test_a_user_without_a_name_is_allowed(self) -> None:
        credential = HttpCredential.model_validate(http("basicAuth", None))
        assert credential.header_lines() == [("Authorization", "Basic OnMzY3JldA==")]

    def test_a_client_certificate_is_judged_as_a_pair(self, certificates: Certificates) -> None:
        pair, other = certificates.client, certificates.foreign_client
        assert faults("http", http("clientCertificate", pair.certificate, pair.private_key)) == {}
        assert list(faults("http", http("clientCertificate", pair.certificate, other.private_key))) == ["secretValue"]
        assert list(faults("http", http("clientCertificate", pair.certificate, "junk"))) == ["secretValue"]
        credential = HttpCredential.model_validate(http("clientCertificate", pair.certificate, pair.private_key))
        assert credential.pair == (pair.certificate, pair.private_key)
        assert credential.header_lines() == []
        assert ("Certificate of", "client") in credential.shown()

    @pytest.mark.parametrize(
        ("match", "url", "given"),
        [
            ("wss://example.com", "wss://example.com", True),
            ("wss://example.com", "wss://example.com/feed", True),
            ("wss://example.com", "wss://example.com:8443/feed", True),
            ("wss://example.com", "WSS://Example.COM/feed", True),
            ("wss://example.com/a/", "wss://example.com/a/b?c=d", True),
            ("wss://example.com/a?token=", "wss://example.com/a?token=1", True),
            ("wss://example.com", "wss://example.com.evil.test/feed", False),
            ("wss://example.com", "wss://example.com@evil.test/feed", False),
            ("wss://example.com", "wss://example.com:1@evil.test/feed", False),
            ("wss://example.com", "ws://example.com/feed", False),
            ("wss://example.com/a/", "wss://example.com/a", False),
            ("wss://example.com/a/", "wss://example.com/a/../b", False),
            ("wss://example.com/a/", "wss://example.com/a/%2e%2e/b", False),
            ("wss://example.com/a/", "wss://example.com/A/", False),
        ],
    )
    def test_only_addresses_that_begin_so_get_the_login(self, match: str, url: str, given: bool) -> None:
        assert HttpCredential.model_validate(http(match=match)).matches(url) is given

    def test_a_header(self) -> None:
        credential = HttpCredential.model_validate(http())
        assert credential.header_lines() == [("X-Key", "s3cret")]
        assert credential.address("wss://example.com/?a=1") == "wss://example.com/?a=1"

    @pytest.mark.parametrize(
        ("url", "wanted"),
        [
            ("wss://example.com/feed", "wss://example.com/feed?X-Key=s%26%20t"),
            ("wss://example.com/feed?a=%20b", "wss://example.com/feed?a=%20b&X-Key=s%26%20t"),
            ("wss://example.com/feed?X-Key=old&a=1", "wss://example.com/feed?a=1&X-Key=s%26%20t"),
        ],
    )
    def test_a_query_parameter(self, url: str, wanted: str) -> None:
        credential = HttpCredential.model_validate(http("queryParam", secret="s& t"))
        assert credential.address(url) == wanted
        assert credential.header_lines() == []


@pytest.mark.parametrize("kind", CREDENTIAL_TYPES.values(), ids=CREDENTIAL_TYPES.keys())
def test_nothing_shown_is_secret(kind: Any, certificates: Certificates) -> None:
    pair = certificates.client
    raws: dict[str, JSONObject] = {
        "aws": {"accessKeyId": "A" * 16, "secretAccessKey": "hunter2", "region": "eu-central-1"},
        "azure": {"account": "policy", "accountKey": "hunter2"},
        "gcp": {"keyJson": json.dumps(KEY)},
        "http": http(secret="hunter2"),
        "certificateKeyPair": {"certificate": pair.certificate, "privateKey": pair.private_key},
    }
    credential = kind.model_validate(raws[kind.name])
    text = f"{credential!r} {credential} {credential.shown()}"
    assert "hunter2" not in text
    assert "PRIVATE KEY" not in text
    assert credential.shown()
