"""Hash."""

import base64
import hashlib
import hmac
from typing import Any

import pytest

from tests.workflows.nodes import run
from workflows.nodes.base import NodeFailed


def digest(data: str, payload: Any = None, **config: str) -> Any:
    return run("HashNode", {"dataTemplate": data, "destinationPath": "x", **config}, payload or {}).payload["x"]


@pytest.mark.parametrize(("name", "known"), [("MD5", "md5"), ("sha1", "sha1"), ("SHA256", "sha256"), ("SHA-512", "sha512")])
def test_algorithms(name: str, known: str) -> None:
    assert digest("grüß <dich>", algorithmTemplate=name) == hashlib.new(known, "grüß <dich>".encode()).hexdigest()


def test_encodings_and_templates() -> None:
    raw = hashlib.sha256(b"\xff\x00").digest()
    assert digest("ff00", dataEncodingTemplate="hex", encodingTemplate="base64") == base64.b64encode(raw).decode()
    assert digest("/wA=", dataEncodingTemplate="base64") == raw.hex()
    assert digest("{{m}}", {"m": "ÿ\x00"}, dataEncodingTemplate="latin1") == raw.hex()
    assert digest("ff00", dataEncodingTemplate="{{e}}", encodingTemplate="latin1", payload={"e": "hex"}) == raw.decode("latin-1")


def test_with_a_secret_it_is_an_hmac() -> None:
    assert digest("data", secretTemplate="key") == hmac.new(b"key", b"data", "sha256").hexdigest()
    assert digest("data", secretTemplate="6b6579", secretEncodingTemplate="hex") == digest("data", secretTemplate="key")


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"algorithmTemplate": "SHA3"}, "there is no algorithm 'SHA3'"),
        ({"encodingTemplate": "utf8"}, "there is no encoding 'utf8' for a digest"),
        ({"dataEncodingTemplate": "hex"}, "dataTemplate did not give hex"),
        ({"secretTemplate": "é", "secretEncodingTemplate": "base64"}, "secretTemplate did not give base64"),
        ({"dataEncodingTemplate": "utf7"}, "there is no encoding 'utf7'"),
    ],
)
def test_failures(config: dict[str, str], text: str) -> None:
    with pytest.raises(NodeFailed, match=text):
        digest("data!", **config)
