"""What templates give now, as pages show it: never a secret, and why something cannot be used."""

from django import forms

from tests.lamp import LampConfig
from wegnology.lib.forms import SchemaFields
from wegnology.lib.known_globals import MASK, KnownGlobals
from wegnology.lib.schema_preview import resolved_preview, show_beside
from wegnology.lib.types import JSONObject

KNOWN = KnownGlobals({"host": "lamp<1>", "port": 70000, "token": "CANARY", "long": "x" * 300}, frozenset({"token"}))
CONTEXT: JSONObject = {"globals": KNOWN}


def shown(raw: JSONObject) -> dict[str, str]:
    return {place: one.fault or one.text for place, one in resolved_preview(LampConfig, raw, CONTEXT).items()}


def test_templates_show_what_they_give_and_texts_nothing() -> None:
    assert shown({"host": "{{globals.host}}.local", "port": 7}) == {"host": "lamp<1>.local"}
    assert len(shown({"host": "{{globals.long}}", "port": 7})["host"]) == 201


def test_secrets_are_masked() -> None:
    raw: JSONObject = {"host": "h.{{globals.token}}", "port": 7, "password": "{{globals.host}}"}
    assert shown(raw) == {"host": MASK, "password": MASK}
    assert shown({"host": "{{#if (eq globals.token 'CANARY')}}yes{{/if}}", "port": 7}) == {"host": MASK}
    assert shown({"host": "{{#each globals}}{{this}}{{/each}}", "port": 7}) == {"host": MASK}


def test_faults_stand_at_their_place() -> None:
    assert shown({"host": "{{globals.hst}}", "port": "{{globals.port}}"}) == {
        "host": "there is no global `hst`; did you mean `host`?",
        "port": "70000",
    }
    assert shown({"host": "h", "port": "{{globals.port}}"}) == {"port": "Input should be less than or equal to 65535."}


def test_errors_that_repeat_a_setting_are_scrubbed() -> None:
    raw: JSONObject = {"host": "h.{{globals.token}}.example", "port": 7, "password": "hunter2"}
    config = LampConfig.resolve(raw, CONTEXT)
    assert config.scrub("h.CANARY.example: no route; tried CANARY with hunter2") == f"{MASK}: no route; tried {MASK} with {MASK}"
    assert LampConfig.resolve({"host": "plain", "port": 7}, CONTEXT).scrub("plain is away") == "plain is away"
    assert "CANARY" not in f"{KNOWN!r} {config!r} {config}"


def test_the_form_shows_them_as_text() -> None:
    fields = SchemaFields(LampConfig)
    raw: JSONObject = {"host": "{{globals.host}}", "port": "{{globals.port}}"}
    form: forms.Form = type("LampForm", (forms.Form,), fields.form_fields(raw))(initial=fields.initial(raw))
    show_beside(form, fields.prefix, resolved_preview(LampConfig, raw, CONTEXT))
    html = form.as_p()
    assert "now <code>lamp&lt;1&gt;</code>" in html
    assert "Input should be less than or equal to 65535." in html
    assert "Name or address of the lamp." in html
