"""Which globals a template names: every way to write one is seen, and what reads all of them says so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wegnology.lib.config_templates import render_config
from wegnology.lib.known_globals import KnownGlobals
from wegnology.lib.template_names import global_names
from wegnology.lib.templating import TemplateError


@pytest.mark.parametrize(
    ("text", "keys", "needed"),
    [
        ("plain", "", ""),
        ("{{globals.a}}", "a", "a"),
        ("mqtt.{{ globals.a }}.{{{globals.b-1}}}", "a b-1", "a b-1"),
        ("{{globals.a.deep.[0]}}", "a", "a"),
        (
            "{{globals/a}}{{this.globals.b}}{{@root.globals.c}}{{./globals.d}}{{&globals.e}}{{~globals.f~}}",
            "a b c d e f",
            "a b c d e f",
        ),
        ("{{globals.[a]}}{{[globals].b}}", "a b", "a b"),
        ("{{upper globals.a}}{{upper (lower globals.b)}}", "a b", "a b"),
        ("{{defaultTo globals.a 1}}{{upper (defaultTo globals.b (lower globals.c))}}", "a b c", ""),
        ("{{#if globals.a}}{{globals.b}}{{else}}{{globals.c}}{{/if}}{{globals.d}}", "a b c d", "d"),
        ("{{#if (eq globals.a globals.b)}}x{{/if}}", "a b", ""),
        ("{{#with globals.a as |g|}}{{g.x}}{{../globals.b}}{{/with}}", "a b", ""),
        ("{{#each globals.a}}{{this}}{{/each}}{{globals.b}}", "a b", "b"),
        ("{{format globals.a pattern=globals.b}}", "a b", "a b"),
        ("{{! globals.a }}{{!-- globals.b --}}", "", ""),
        ("{{lookup globals.a 'globals.b'}}", "a", "a"),
        ("\\{{globals.a}}", "", ""),
        ("{{globals.a", "a", "a"),
        ("{{data.globals.a}}", "", ""),
    ],
)
def test_names(text: str, keys: str, needed: str) -> None:
    names = global_names(text)
    assert (names.keys, names.needed, names.whole) == (frozenset(keys.split()), frozenset(needed.split()), False)


@pytest.mark.parametrize(
    "text",
    [
        "{{jsonEncode globals}}",
        "{{jsonEncode this}}",
        "{{jsonEncode .}}",
        "{{jsonEncode @root}}",
        "{{#with globals}}{{a}}{{/with}}",
        "{{#each globals as |value key|}}{{value}}{{/each}}",
        "{{lookup (lookup this 'globals') 'a'}}",
        "{{#if globals.a}}{{jsonEncode this}}{{/if}}",
        "{{#each globals.a}}x{{else}}{{jsonEncode this}}{{/each}}",
        "{{#each globals.a}}{{jsonEncode ..}}{{/each}}",
        "{{#each globals.a}}{{jsonEncode ../globals}}{{/each}}",
        "{{{{raw}}}} {{globals}} {{{{/raw}}}}",
    ],
)
def test_what_reads_all_globals_says_so(text: str) -> None:
    assert global_names(text).whole


_PIECES = [
    "{{globals.s}}",
    "{{upper globals.s}}",
    "{{#each globals}}{{this}}{{/each}}",
    "{{#each globals as |v k|}}{{v}}{{/each}}",
    "{{#with globals.o}}{{x}}{{/with}}",
    "{{lookup globals 's'}}",
    "{{jsonEncode this}}",
    "{{jsonEncode ..}}",
    "{{@root.globals.s}}",
    "{{../globals.s}}",
    "{{s}}",
    "{{this}}",
    "{{#if globals.s}}",
    "{{/if}}",
    "{{#with globals}}",
    "{{/with}}",
    "{{#each globals.o}}",
    "{{/each}}",
    "{{else}}",
]


def _render(text: str) -> tuple[str, str]:
    """Return what a template prints over a secret global, or the error."""
    known = KnownGlobals({"s": "CANARY", "o": {"x": "o"}}, frozenset({"s"}))
    try:
        return render_config(text, {"globals": known}), ""
    except TemplateError as error:
        return "", str(error)


@given(pieces=st.lists(st.sampled_from(_PIECES), max_size=6))
def test_whatever_prints_a_global_names_it(pieces: list[str]) -> None:
    """No template gets at the secret without being seen to: else a page would show it. No error repeats it."""
    text = "".join(pieces)
    printed, said = _render(text)
    assert "canary" not in said.lower()
    if "canary" in printed.lower():
        assert global_names(text).mentions("s")
