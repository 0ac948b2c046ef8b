"""One declaration of settings: what it says of its fields, how it is checked and resolved."""

from typing import Annotated, Any, Literal, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import field_validator, model_validator

from wegnology.lib.known_globals import KnownGlobals
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
            {"host": "there is no global `host`", "port": "there is no global `port`"},
        ),
        (
            {"host": "{{globals.host}}"},
            {"host": {}},
            {"host": "globals.host is an object, where text is expected (line 1, column 1)"},
        ),
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


class Header(Schema):
    """A row."""

    name: str = Field(min_length=1)
    value: Templated[SecretStr] = Field(max_length=20)


class DeepConfig(Schema):
    """Secrets and templates below the surface."""

    url: Templated[str] | None = None
    level: Templated[int] | None = None
    headers: list[Header] = Field([], max_length=2)
    tokens: dict[str, SecretStr] = Field(default_factory=dict)
    words: Templated[list[str]] = Field(default_factory=list)

    @field_validator("url")
    @classmethod
    def _url(cls, url: str | None) -> str | None:
        if url and not url.startswith("ws"):
            raise ValueError("A URL starts with ws.")
        return url

    @model_validator(mode="after")
    def _rules(self) -> Self:
        if self.headers and not self.url:
            raise ValueError("url: Headers need a URL.")
        if any(header.name.lower() == "host" for header in self.headers):
            raise ValueError("headers: Not Host.")
        if self.level and self.url and self.url.endswith(str(self.level)):
            raise ValueError("level: Not twice.")
        return self


DEEP: JSONObject = {
    "url": "wss://{{globals.host}}",
    "headers": [{"name": "a", "value": "{{globals.token}}"}, {"name": "b", "value": "plain"}],
    "tokens": {"x": "one"},
    "words": ["{{globals.host}}", "word"],
}


def test_marks_are_seen_at_any_depth() -> None:
    assert DeepConfig.templated_fields() == {"url", "level", "words"}
    assert DeepConfig.templates(DEEP).keys() == {"url", "headers.0.value", "words.0"}
    seen: dict[str, Any] = {}
    marked = DeepConfig.map_secrets(DEEP, lambda value, place: f"<{seen.setdefault(place, value) and place}>")
    assert seen == {"headers.0.value": "{{globals.token}}", "headers.1.value": "plain", "tokens.x": "one"}
    assert marked["headers"] == [{"name": "a", "value": "<headers.0.value>"}, {"name": "b", "value": "<headers.1.value>"}]
    assert (marked["tokens"], marked["url"], marked["words"]) == ({"x": "<tokens.x>"}, DEEP["url"], DEEP["words"])
    assert "plain" not in str(DeepConfig.masked(DEEP))


def test_secrets_in_values_of_a_wrong_shape_are_masked_too() -> None:
    raw: JSONObject = {"headers": [{"name": "a", "value": {"b": "hidden"}}, {"value": 12345}], "tokens": {"x": ["hidden"]}}
    masked = str(DeepConfig.masked(raw))
    assert "hidden" not in masked
    assert "12345" not in masked


def test_what_is_deep_resolves() -> None:
    config = DeepConfig.resolve(DEEP, {"globals": {"host": "h", "token": "a&b"}})
    assert (config.url, config.words) == ("wss://h", ["h", "word"])
    assert [header.value.get_secret_value() for header in config.headers] == ["a&b", "plain"]


DEEP_FAULTS: list[tuple[dict[str, Any], dict[str, str]]] = [
    (
        {"headers": [{"name": "a", "value": "{{globals"}]},
        {"headers.0.value": "the tag is not closed: }} is missing (line 1, column 1)"},
    ),
    ({"headers": [{"name": "", "value": "{{globals.t}}"}]}, {"headers.0.name": "String should have at least 1 character."}),
    ({"headers": [{"value": "{{globals.t}}"}]}, {"headers.0.name": MISSING}),
    (
        {"headers": [{"name": "a", "value": "{{globals.t}}"}] * 3},
        {"headers": "List should have at most 2 items after validation, not 3."},
    ),
    ({"url": "http://a", "level": "{{globals.t}}"}, {"url": "A URL starts with ws."}),
    ({"headers": [{"name": "a", "value": "{{globals.t}}"}]}, {"url": "Headers need a URL."}),
    ({"url": "{{globals.u}}", "headers": [{"name": "Host", "value": "{{globals.t}}"}]}, {"headers": "Not Host."}),
    ({"url": "ws://7", "level": 7, "words": ["{{globals.t}}"]}, {"level": "Not twice."}),
    ({"url": "ws://7", "level": "{{globals.t}}"}, {}),
    ({"url": "{{globals.t}}", "level": 7}, {}),
    ({"url": "{{globals.t}}", "words": [1]}, {"words.0": "Input should be a valid string."}),
]


@pytest.mark.parametrize(("raw", "expected"), DEEP_FAULTS)
def test_what_can_be_judged_with_templates_open_is_judged(raw: dict[str, Any], expected: dict[str, str]) -> None:
    if expected:
        assert errors(DeepConfig.check, raw) == expected
    else:
        DeepConfig.check(raw)


def test_rules_left_open_are_judged_when_resolved() -> None:
    raw: JSONObject = {"url": "ws://7", "level": "{{globals.t}}"}
    assert errors(DeepConfig.resolve, raw, {"globals": {"t": 7}}) == {"level": "Not twice."}


def test_faults_of_resolving_name_the_place_and_repeat_no_value() -> None:
    known = KnownGlobals({"token": "x" * 30, "broker": 1}, frozenset({"token"}), {"lost": "the key 12345678 is not there"})
    raw: JSONObject = {
        "url": "{{globals.brokr}}",
        "headers": [{"name": "a", "value": "{{globals.token}}"}, {"name": "b", "value": "{{globals.lost}}"}],
    }
    assert errors(DeepConfig.resolve, raw, {"globals": known}) == {
        "url": "there is no global `brokr`; did you mean `broker`?",
        "headers.1.value": "the secret global `lost` cannot be opened: the key 12345678 is not there",
    }
    raw = {"url": "ws", "headers": [{"name": "a", "value": "{{globals.token}}"}]}
    assert errors(DeepConfig.resolve, raw, {"globals": known}) == {"headers.0.value": "This must have at most 20 characters."}
    assert "x" * 30 not in repr(known)
