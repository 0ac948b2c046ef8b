"""Rows of inputs: what is typed becomes objects, and a stored secret is kept by its row and never shown."""

from typing import Any

import pytest
from django import forms
from django.http import QueryDict

from wegnology.lib.forms import SchemaFields
from wegnology.lib.schema import ConfigInvalid, Field, Schema, SecretStr, Templated
from wegnology.lib.types import JSONObject


class Header(Schema):
    key: str = Field(title="Name", min_length=1)
    value: Templated[SecretStr] = Field(title="Value", min_length=2)
    note: str | None = None


class FeedConfig(Schema):
    url: str = ""
    headers: list[Header] = Field([], max_length=4)


FEED = SchemaFields(FeedConfig)
STORED: JSONObject = {
    "headers": [
        {"key": "A", "value": "CANARY-1"},
        {"key": "A", "value": "CANARY-2"},
        {"key": "B", "value": "CANARY-3", "note": "n"},
    ]
}


def feed_form(typed: dict[str, str] | None, stored: JSONObject = STORED) -> forms.Form:
    data = None
    if typed is not None:
        data = QueryDict(mutable=True)
        data.update({f"config_headers-{name}": text for name, text in typed.items()})
    cls: type[forms.Form] = type("FeedForm", (forms.Form,), FEED.form_fields(stored))
    return cls(data, initial=FEED.initial(stored))


def rows(*entries: tuple[str, str, str]) -> dict[str, str]:
    """Return what a browser sends for rows of (was, key, value)."""
    sent: dict[str, str] = {}
    for at, (was, key, value) in enumerate(entries):
        sent |= {f"{at}-key": key, f"{at}-value": value, f"{at}-note": ""} | ({f"{at}-was": was} if was else {})
    return sent


def raw_of(typed: dict[str, str], stored: JSONObject = STORED) -> Any:
    form = feed_form(typed, stored)
    assert form.is_valid(), form.errors
    assert "CANARY" not in form.as_p()
    return FEED.to_raw(form.cleaned_data, stored.get).get("headers", [])


def test_the_page_shows_rows_without_secrets() -> None:
    html = feed_form(None).as_p()
    assert "CANARY" not in html
    for at, (key, was) in enumerate([("A", "A#0"), ("A", "A#1"), ("B", "B#0")]):
        assert f'name="config_headers-{at}-key" value="{key}"' in html
        assert f'name="config_headers-{at}-was" value="{was}"' in html
    assert html.count("Stored, not shown") == 3
    assert 'name="config_headers-4-key"' in html


KEPT = [("A#0", "A", ""), ("A#1", "A", ""), ("B#0", "B", "")]


def test_what_is_not_typed_is_kept() -> None:
    assert raw_of(rows(*KEPT, ("", "", "")) | {"2-note": "n"}) == STORED["headers"]
    form = feed_form(rows(*KEPT) | {"2-note": "n"})
    assert not form.has_changed()


def test_rows_are_renamed_moved_changed_removed_and_added() -> None:
    sent = rows(("B#0", "Renamed", ""), ("A#1", "A", ""), ("A#0", "A", "new"), ("", "C", "{{globals.c}}"))
    assert raw_of(sent) == [
        {"key": "Renamed", "value": "CANARY-3"},
        {"key": "A", "value": "CANARY-2"},
        {"key": "A", "value": "new"},
        {"key": "C", "value": "{{globals.c}}"},
    ]
    assert feed_form(sent).has_changed()
    assert raw_of(rows(*KEPT) | {"0-remove": "1", "1-key": ""}) == [{"key": "B", "value": "CANARY-3"}]


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([("", "A", "")], "Row 1: Value is missing."),
        ([("A#0", "A", ""), ("", "", "secret")], "Row 2: Name is missing."),
    ],
)
def test_a_row_must_be_whole(entries: list[tuple[str, str, str]], said: str) -> None:
    form = feed_form(rows(*entries))
    assert form.errors["config_headers"] == [said]
    assert "secret" not in form.as_p().replace("secret-", "")


def test_a_row_that_went_meanwhile_is_told() -> None:
    form = feed_form(rows(("X#0", "X", "")))
    assert form.is_valid()
    with pytest.raises(ConfigInvalid, match="headers: A row was changed by somebody else"):
        FEED.to_raw(form.cleaned_data, STORED.get)


@pytest.mark.parametrize("was", ["A", "A#x", "#", "A#99999999999", "A#-1"])
def test_an_odd_origin_is_a_new_row(was: str) -> None:
    assert feed_form(rows((was, "A", ""))).errors


def test_faults_of_the_schema_name_the_row() -> None:
    form = feed_form(rows(("A#0", "A", ""), ("", "C", "x")))
    assert form.is_valid()
    with pytest.raises(ConfigInvalid) as caught:
        FeedConfig.check(FEED.to_raw(form.cleaned_data, STORED.get))
    FEED.add_errors(form, caught.value)
    assert form.errors["config_headers"] == ["Row 2, Value: This must have at least 2 characters."]


def test_secrets_that_no_form_can_keep_are_refused() -> None:
    """A field that would show them is a fault of the program, not something to find out later."""

    class Odd(Schema):
        tokens: dict[str, SecretStr] = Field(default_factory=dict)

    with pytest.raises(TypeError, match="rows of texts"):
        SchemaFields(Odd).form_fields({})
