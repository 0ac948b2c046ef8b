"""The generated form: every kind of field, and the way from what was typed to raw JSON and back."""

import json
from enum import StrEnum
from typing import Any, ClassVar, Literal

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from wegnology.lib.choices import Choice, Option
from wegnology.lib.fields import JSONTextField, LinesField, Secret, SecretField, parse_json
from wegnology.lib.forms import SchemaFields
from wegnology.lib.row_fields import RowsField
from wegnology.lib.schema import ConfigInvalid, Field, Schema, SecretStr, Templated, ui
from wegnology.lib.types import JSONObject, JSONValue


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Header(Schema):
    header_key: str = Field(max_length=20)
    header_value: str


class LampConfig(Schema):
    protocol: Literal["plain", "tls"] = Field("plain", description="How the lamp is spoken to.")
    host: Templated[str] = Field(title="Host name", description="Name or address.", min_length=1)
    port: Templated[int] = Field(ge=1, le=65535)
    level: int = Field(5, ge=1, le=10)
    ratio: float | None = None
    clean: bool = True
    colour: Colour | None = None
    password: Templated[SecretStr | None] = Field(None, json_schema_extra=ui(section="Login"))
    ca_certificate: Templated[str | None] = Field(
        None, json_schema_extra=ui(section="TLS", when={"protocol": ["tls"]}, multiline=True)
    )
    private_key: SecretStr | None = Field(
        None, json_schema_extra=ui(section="TLS", when={"protocol": ["tls"], "clean": [True]}, multiline=True)
    )
    names: list[str] = Field(default_factory=list)
    headers: list[Header] = Field(default_factory=list, max_length=3)
    limits: dict[str, int] = Field(default_factory=dict)


LAMP = SchemaFields(LampConfig)
FILLED = {
    "config_protocol": "plain",
    "config_host": "lamp.local",
    "config_port": "1883",
    "config_level": "5",
    "config_clean": "on",
}


def lamp_form(typed: dict[str, str] | None = None, stored: JSONObject | None = None) -> forms.Form:
    """Return a form as a page builds it, with what was typed."""
    data = None
    if typed is not None:
        data = QueryDict(mutable=True)
        data.update(typed)
    cls: type[forms.Form] = type("LampForm", (forms.Form,), LAMP.form_fields(stored or {}))
    return cls(data, initial=LAMP.initial(stored or {}))


def raw_of(changes: dict[str, str], stored: JSONObject | None = None) -> JSONObject:
    """Return the raw settings that a filled form with these changes leads to."""
    form = lamp_form({**FILLED, **changes}, stored)
    assert form.is_valid(), form.errors
    return LAMP.to_raw(form.cleaned_data, lambda name: (stored or {}).get(name))


@pytest.mark.parametrize(
    ("name", "field", "required"),
    [
        ("protocol", forms.TypedChoiceField, False),
        ("host", forms.CharField, True),
        ("port", forms.CharField, True),
        ("level", forms.IntegerField, False),
        ("ratio", forms.FloatField, False),
        ("clean", forms.BooleanField, False),
        ("colour", forms.TypedChoiceField, False),
        ("password", SecretField, False),
        ("names", LinesField, False),
        ("headers", RowsField, False),
        ("limits", JSONTextField, False),
    ],
)
def test_each_kind_of_setting_has_its_field(name: str, field: type[forms.Field], required: bool) -> None:
    form_field = LAMP.form_fields({})[f"config_{name}"]
    assert type(form_field) is field
    assert form_field.required is required


def test_labels_say_where_a_template_may_stand() -> None:
    labels = {name: form_field.label for name, form_field in LAMP.form_fields({}).items()}
    assert labels["config_host"] == "Host name Template"
    assert labels["config_caCertificate"] == "Ca certificate Template"
    assert labels["config_protocol"] == "Protocol"


def test_help_is_text_not_markup() -> None:
    class Tagged(Schema):
        name: str = Field(description="Such as <id>.")

    assert SchemaFields(Tagged).form_fields({})["config_name"].help_text == "Such as &lt;id&gt;."


def test_sections_follow_the_schema() -> None:
    assert list(LAMP.sections()) == ["", "Login", "TLS"]
    assert LAMP.sections()["TLS"] == ["config_caCertificate", "config_privateKey"]


def test_conditions_reach_the_page_as_data() -> None:
    attrs = LAMP.form_fields({})["config_privateKey"].widget.attrs
    assert json.loads(attrs["data-when"]) == {"config_protocol": ["tls"], "config_clean": ["true"]}


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ({"config_port": "8883"}, 8883),
        ({"config_port": "{{globals.port}}"}, "{{globals.port}}"),
        ({"config_port": "many"}, "many"),
    ],
)
def test_a_templated_number_becomes_a_number_or_stays_text(typed: dict[str, str], kept: JSONValue) -> None:
    assert raw_of(typed)["port"] == kept


def test_values_have_their_json_types() -> None:
    changes = {"config_level": "7", "config_ratio": "0.5", "config_colour": "blue", "config_names": "a\n\n b "}
    changes |= {"config_headers-0-headerKey": "X", "config_headers-0-headerValue": " 1 "}
    changes |= {"config_headers-1-headerKey": "", "config_headers-1-headerValue": "", "config_limits": '{"a": 1}'}
    raw = raw_of(changes)
    assert raw == {
        "protocol": "plain",
        "host": "lamp.local",
        "port": 1883,
        "level": 7,
        "ratio": 0.5,
        "clean": True,
        "colour": "blue",
        "names": ["a", "b"],
        "headers": [{"headerKey": "X", "headerValue": "1"}],
        "limits": {"a": 1},
    }
    LampConfig.check(raw)
    json.dumps(raw)


def test_an_unticked_box_is_false_and_an_empty_input_is_left_out() -> None:
    form = lamp_form({name: text for name, text in FILLED.items() if name != "config_clean"})
    assert form.is_valid()
    raw = LAMP.to_raw(form.cleaned_data, lambda name: None)
    assert raw["clean"] is False
    assert "ratio" not in raw
    assert "password" not in raw


def test_what_is_stored_comes_back_into_the_form_except_secrets() -> None:
    stored: JSONObject = {
        "host": "a",
        "port": "{{globals.p}}",
        "password": "hunter2",
        "privateKey": "PEM",
        "headers": [{"headerKey": "b"}],
        "limits": {"a": 1},
    }
    html = lamp_form(stored=stored).as_p()
    assert "{{globals.p}}" in html
    assert "hunter2" not in html
    assert "PEM" not in html
    assert html.count("A value is stored and not shown") == 2
    assert html.count("Remove the stored value") == 2
    assert "&quot;a&quot;: 1" in html
    assert 'name="config_headers-0-headerKey" value="b"' in html


def test_a_form_with_faults_shows_no_secret_that_was_typed() -> None:
    form = lamp_form({**FILLED, "config_host": "", "config_password": "hunter2", "config_privateKey": "PEM"})
    assert not form.is_valid()
    assert "hunter2" not in form.as_p()
    assert "PEM" not in form.as_p()


def test_an_empty_secret_keeps_what_is_stored() -> None:
    assert raw_of({"config_password": ""}, {"password": "old"})["password"] == "old"


def test_a_new_secret_replaces_and_the_box_removes() -> None:
    assert raw_of({"config_password": "new", "config_password-clear": "1"}, {"password": "old"})["password"] == "new"
    assert "password" not in raw_of({"config_password-clear": "1"}, {"password": "old"})


def test_a_required_secret_may_be_kept_but_not_removed() -> None:
    field = SecretField(stored=True)
    assert field.clean(Secret.KEEP) is Secret.KEEP
    with pytest.raises(ValidationError):
        field.clean(Secret.CLEAR)
    with pytest.raises(ValidationError):
        SecretField(stored=False).clean(Secret.KEEP)


def test_settings_that_others_switch_off_are_named() -> None:
    raw: JSONObject = {"protocol": "plain", "host": "a", "caCertificate": "PEM", "privateKey": "KEY"}
    assert LAMP.irrelevant(raw) == ["caCertificate", "privateKey"]
    assert LAMP.irrelevant({**raw, "protocol": "tls"}) == []
    assert LAMP.irrelevant({**raw, "protocol": "tls", "clean": False}) == ["privateKey"]


def test_defaults_count_in_conditions() -> None:
    assert LAMP.irrelevant({"caCertificate": "PEM"}) == ["caCertificate"]


def test_a_condition_may_name_the_values_that_do_not_fit() -> None:
    class Shade(Schema):
        colour: Literal["none", "red", "blue"] = "none"
        depth: int | None = Field(None, json_schema_extra=ui(when={"colour": {"not": ["none"]}}))

    shade = SchemaFields(Shade)
    assert json.loads(shade.form_fields({})["config_depth"].widget.attrs["data-when"]) == {"config_colour": {"not": ["none"]}}
    assert shade.irrelevant({"depth": 1}) == ["depth"]
    assert shade.irrelevant({"depth": 1, "colour": "red"}) == []


class GateConfig(Schema):
    choices: ClassVar[tuple[Choice, ...]] = (
        Choice(
            "login",
            "Login",
            "How to get <in>.",
            (
                Option("none", "None"),
                Option("code", "Code", needs={"code": "Enter the code."}),
                Option("key", "Key", needs={"key": "Enter the key.", "ring": ""}, when={"lock": ["new"]}, otherwise="No lock."),
            ),
            default="code",
        ),
    )
    lock: Literal["old", "new"] = "old"
    code: Templated[SecretStr | None] = None
    key: str | None = Field(None, json_schema_extra=ui(when={"lock": ["new"]}))
    ring: str | None = None


GATE = SchemaFields(GateConfig)


class TestChoices:
    def test_a_choice_stands_before_its_settings_and_conditions_name_it(self) -> None:
        assert GATE.sections() == {"": ["config_lock", "config_login", "config_code", "config_key", "config_ring"]}
        fields = GATE.form_fields({})
        login = fields["config_login"]
        assert (login.label, login.help_text, login.required) == ("Login", "How to get &lt;in&gt;.", False)
        assert json.loads(login.widget.attrs["data-options-when"]) == {"key": {"config_lock": ["new"]}}
        assert json.loads(fields["config_key"].widget.attrs["data-when"]) == {"config_lock": ["new"], "config_login": ["key"]}
        assert "data-when" not in fields["config_lock"].widget.attrs

    @pytest.mark.parametrize(
        ("stored", "shown"),
        [({}, "code"), ({"lock": "old"}, "none"), ({"code": "{{globals.x}}"}, "code"), ({"lock": "new", "ring": "r"}, "key")],
    )
    def test_what_is_stored_says_what_was_chosen(self, stored: JSONObject, shown: str) -> None:
        assert GATE.initial(stored)["config_login"] == shown

    def test_without_a_choice_the_settings_say_it(self) -> None:
        assert GATE.chosen({}, {"code": "1"}) == GATE.chosen({"config_login": ""}, {"code": "1"}) == {"login": "code"}
        assert GATE.chosen({"config_login": "none"}, {"code": "1"}) == {"login": "none"}
        assert GATE.irrelevant({"code": "1", "lock": "old"}) == []

    @pytest.mark.parametrize(
        ("chosen", "raw", "faults", "left_out"),
        [
            ("none", {"code": "1", "key": "k"}, {}, ["code", "key"]),
            ("code", {"key": "k", "lock": "new"}, {"code": "Enter the code."}, ["key"]),
            ("key", {"code": "1", "lock": "new"}, {"key": "Enter the key."}, ["code"]),
            ("key", {"ring": "r", "lock": "new"}, {}, []),
            ("key", {"key": "k", "code": "1"}, {"login": "No lock."}, ["key", "code"]),
        ],
    )
    def test_what_was_chosen_decides(self, chosen: str, raw: JSONObject, faults: dict[str, str], left_out: list[str]) -> None:
        assert GATE.choice_faults({"login": chosen}, raw) == faults
        assert GATE.irrelevant({**raw, "login": chosen}) == left_out

    def test_nothing_else_may_be_chosen(self) -> None:
        with pytest.raises(ValidationError):
            GATE.form_fields({})["config_login"].clean("password")


def test_faults_stand_beside_their_field() -> None:
    form = lamp_form(
        {**FILLED, "config_headers-0-headerKey": "X" * 21, "config_headers-0-headerValue": "1", "config_port": "many"}
    )
    assert form.is_valid()
    with pytest.raises(ConfigInvalid) as caught:
        LampConfig.check(LAMP.to_raw(form.cleaned_data, lambda name: None))
    LAMP.add_errors(form, caught.value)
    assert "valid integer" in form.errors["config_port"][0]
    assert form.errors["config_headers"] == ["Row 1, Header key: String should have at most 20 characters."]


def test_faults_of_the_whole_stand_above() -> None:
    form = lamp_form(dict(FILLED))
    assert form.is_valid()
    LAMP.add_errors(form, ConfigInvalid({"": "These do not go together.", "elsewhere": "There is no such field."}))
    assert form.non_field_errors() == ["These do not go together.", "elsewhere: There is no such field."]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1,\n "b": }', "Line 2, column 7"),
        ('{"a": 1 "b": 2}', "Expecting ',' delimiter"),
        ('{"a": 1, "a": 2}', "“a” stands twice"),
        ("NaN", "NaN is not a JSON value"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_json_faults_point_at_the_place(text: str, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parse_json(text)
    assert said in caught.value.messages[0]


@pytest.mark.parametrize("value", [0, False, [], {}, "text", None, 1.5, {"ä": [1, None]}])
def test_json_text_round_trips(value: Any) -> None:
    field = JSONTextField(required=False)
    shown = field.prepare_value(value)
    assert field.clean(shown if shown is not None else "null") == value


def test_faulty_json_comes_back_as_it_was_typed() -> None:
    class One(forms.Form):
        value = JSONTextField()

    form = One({"value": "{oops"})
    assert not form.is_valid()
    assert "{oops" in form.as_p()
    assert "&quot;{oops" not in form.as_p()


def test_json_fields_know_whether_they_changed() -> None:
    field = JSONTextField()
    assert not field.has_changed({"a": 1}, '{ "a":1 }')
    assert field.has_changed({"a": 1}, '{"a": 2}')
    assert field.has_changed({"a": 1}, "{")
