"""One declaration of settings: what it says of its fields, how it is checked and resolved."""

from typing import Annotated, Any, Literal, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import model_validator

from wegnology.lib.schema import ConfigInvalid, Field, Schema, SecretStr, Templated, ui
from wegnology.lib.types import JSONObject

Secret = Annotated[SecretStr, Field(min_length=4, max_length=32)]


class LineConfig(Schema):
    """Settings made for these tests."""

    protocol: Literal["plain", "tls"] = "plain"
    host: Templated[str] = Field(min_length=1, max_length=20, description="Where to.")
    port: Templated[int] = Field(default=1883, ge=1, le=65535)
    client_id: str = ""
    password: Templated[SecretStr | None] = Field(default=None, json_schema_extra=ui(section="Login", when={"protocol": ["tls"]}))
    pin: Secret | None = None
    disable_ssl_verification: bool = Field(default=False, alias="disableSSLVerification")

    @model_validator(mode="after")
    def _tls_needs_a_password(self) -> Self:
        if self.protocol == "tls" and self.password is None:
            raise ValueError("password: TLS needs a password")
        return self


def errors(action: Any, *args: Any) -> dict[str, str]:
    with pytest.raises(ConfigInvalid) as caught:
        action(*args)
    return caught.value.errors


def test_fields_go_by_their_json_names() -> None:
    names = ["protocol", "host", "port", "clientId", "password", "pin", "disableSSLVerification"]
    assert list(LineConfig.fields()) == names
    assert LineConfig.templated_fields() == {"host", "port", "password"}
    assert LineConfig.secret_fields() == {"password", "pin"}


def test_how_a_form_shows_a_field() -> None:
    extra = LineConfig.fields()["password"].json_schema_extra
    assert extra == {"ui": {"section": "Login", "when": {"protocol": ["tls"]}, "multiline": False, "placeholder": ""}}


@pytest.mark.parametrize(
    "raw",
    [
        {"host": "h"},
        {"host": "h", "port": 8883, "disableSSLVerification": True},
        {"host": "{{globals.host}}", "port": "{{globals.port}}"},
        {"host": "h", "protocol": "tls", "password": "{{globals.password}}"},
        {"host": "h", "protocol": "tls", "password": "secret"},
    ],
)
def test_good_settings_pass(raw: dict[str, Any]) -> None:
    LineConfig.check(raw)


MISSING = "This field is required."
TABLE: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({}, {"host": MISSING}),
    ({"host": ""}, {"host": "String should have at least 1 character."}),
    ({"host": "h", "port": 0}, {"port": "Input should be greater than or equal to 1."}),
    ({"host": "h", "hots": "h"}, {"hots": "There is no such field."}),
    ({"host": "h", "protocol": "udp"}, {"protocol": "Input should be 'plain' or 'tls'."}),
    ({"host": "h", "protocol": "tls"}, {"password": "TLS needs a password."}),
    ({"host": "{{globals.host"}, {"host": "the tag is not closed: }} is missing (line 1, column 1)"}),
    (
        {"host": "{{globals.host}}", "port": 0, "protocol": "udp", "x": 1},
        {
            "port": "Input should be greater than or equal to 1.",
            "protocol": "Input should be 'plain' or 'tls'.",
            "x": "There is no such field.",
        },
    ),
    ({"port": "{{globals.port}}"}, {"host": MISSING}),
]


@pytest.mark.parametrize(("raw", "expected"), TABLE)
def test_every_fault_is_named_by_field(raw: dict[str, Any], expected: dict[str, str]) -> None:
    assert errors(LineConfig.check, raw) == expected


def test_resolving_renders_then_validates() -> None:
    raw: JSONObject = {"host": "{{globals.host}}.example", "port": "{{globals.port}}", "password": "{{globals.password}}"}
    context: JSONObject = {"globals": {"host": "mqtt", "port": 8883, "password": "a&b<c>\"'`="}}
    config = LineConfig.resolve(raw, context)
    assert (config.host, config.port) == ("mqtt.example", 8883)
    assert config.password is not None
    assert config.password.get_secret_value() == "a&b<c>\"'`="


@pytest.mark.parametrize(
    ("raw", "values", "expected"),
    [
        (
            {"host": "{{globals.host}}", "port": "{{globals.port}}"},
            {},
            {"host": "globals.host has no value", "port": "globals.port has no value"},
        ),
        ({"host": "{{globals.host}}"}, {"host": {}}, {"host": "globals.host is an object, where text is expected"}),
        ({"host": "{{globals.host}}"}, {"host": "h" * 21}, {"host": "String should have at most 20 characters."}),
        (
            {"host": "h", "port": "{{globals.port}}"},
            {"port": "many"},
            {"port": "Input should be a valid integer, unable to parse string as an integer."},
        ),
    ],
)
def test_what_does_not_resolve_is_named_by_field(raw: dict[str, Any], values: dict[str, Any], expected: dict[str, str]) -> None:
    assert errors(LineConfig.resolve, raw, {"globals": values}) == expected


def test_settings_are_frozen() -> None:
    config = LineConfig.resolve({"host": "h"}, {})
    with pytest.raises(ValueError, match="frozen"):
        config.host = "other"  # type: ignore[misc]


@given(secret=st.text("sx§", min_size=40, max_size=50))
def test_no_text_repeats_a_secret(secret: str) -> None:
    refused: list[JSONObject] = [{"host": "h", "pin": secret}, {"host": secret, "password": secret, "pin": secret}]
    for raw in refused:
        with pytest.raises(ConfigInvalid) as caught:
            LineConfig.resolve(raw, {})
        assert secret not in str(caught.value)
    assert secret not in repr(LineConfig.resolve({"host": "h", "password": secret}, {}))
