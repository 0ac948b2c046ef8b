"""Templates: the fast way and the library's way agree, faults name their place, bounds hold."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wegnology.lib import templating
from wegnology.lib.config_templates import render_config
from wegnology.lib.template_by_library import MAX_MARKS
from wegnology.lib.template_views import MAX_ITERATIONS
from wegnology.lib.templating import (
    TemplateError,
    check_template,
    compile_template,
    parse_json_template,
)

CONTEXT: dict[str, Any] = {
    "data": {
        "topic": "demo/in/s1",
        "temperature": 35.5,
        "whole": 1.0,
        "huge": 1e21,
        "tiny": 1e-7,
        "count": 12345678901234567890,
        "markup": "& < > \" ' ` =",
        "yes": True,
        "no": False,
        "nothing": None,
        "key with spaces": "spaced",
        "items": [1, None, [2.0, "x"], {"name": "n"}],
        "empty": [],
    },
    "globals": {"threshold": 30},
    "length": 3,
}

SAME_EITHER_WAY = [
    ("plain text", "plain text"),
    ("", ""),
    ("{{data.topic}}", "demo/in/s1"),
    ("t={{data.temperature}}!", "t=35.5!"),
    ("{{data.whole}} {{data.huge}} {{data.tiny}}", "1 1e+21 1e-7"),
    ("{{data.count}}", "12345678901234567890"),
    ("{{data.markup}}", "&amp; &lt; &gt; &quot; &#x27; &#x60; &#x3D;"),
    ("{{{data.markup}}}", "& < > \" ' ` ="),
    ("{{data.yes}} {{data.no}} [{{data.nothing}}] [{{data.missing}}] [{{data.topic.deeper}}]", "true false [] [] []"),
    ("{{data.[key with spaces]}}", "spaced"),
    ("{{data.items}}", "1,,2,x,[object Object]"),
    ("{{data}}", "[object Object]"),
    ("{{data.items.[3].name}}{{data.items.[0]}}{{data.items.[9]}}", "n1"),
    ("{{data.items.length}}", "4"),
    ("{{this.globals.threshold}} {{./globals/threshold}} {{@root.globals.threshold}}", "30 30 30"),
    ("{{upper data.topic}} {{lower 'ABC'}} [{{trim '  x '}}]", "DEMO/IN/S1 abc [x]"),
    ("{{add data.temperature 1}} {{subtract 3 1}} {{multiply 2 0.5}} {{divide 1 0}}", "36.5 2 1 Infinity"),
    ("{{eq data.temperature 35.5}} {{ne 1 1}} {{gt 2 1}} {{gte 2 2}} {{lt 2 1}} {{lte 1 2}}", "true false true true false true"),
    ("{{length data.items}} {{length data.topic}} {{length data.missing}}", "4 10 0"),
    ("{{defaultTo data.missing 'none'}} {{defaultTo data.no 1}} {{defaultTo data.nothing 0}}", "none false 0"),
    ("{{jsonEncode data.markup}} {{jsonEncode data.whole}} {{jsonEncode data.missing}}", '"& < > \\" \' ` =" 1 null'),
    ("{{upper (defaultTo data.missing (lower data.topic))}}", "DEMO/IN/S1"),
    ("{{join data.items '-'}} {{lookup data 'topic'}} {{includes data.topic 'in'}}", "1--2,x-[object Object] demo/in/s1 true"),
]

LIBRARY_ONLY = [
    ("{{#if data.yes}}a{{else}}b{{/if}}", "a"),
    ("{{#unless data.empty}}none{{/unless}}", "none"),
    ("{{#each data.items}}{{@index}}:{{this}} {{/each}}", "0:1 1: 2:2,x 3:[object Object] "),
    ("{{#each globals}}{{@key}}={{this}}{{#if @last}}.{{/if}}{{/each}}", "threshold=30."),
    ("{{#with data}}{{topic}} {{../globals.threshold}}{{/with}}", "demo/in/s1 30"),
    ("{{#gt data.temperature globals.threshold}}hot{{else}}cold{{/gt}}", "hot"),
    ("{{#if (gt data.temperature 99)}}x{{else if data.yes}}y{{/if}}", "y"),
    ("a {{~! comment ~}} b", "ab"),
    ("{{!-- {{data.topic}} --}}x", "x"),
    ("\\{{data.topic}}", "{{data.topic}}"),
    ("{{#if data.yes}}\\{{x}}{{/if}}", "{{x}}"),
    ("{{#if data.yes}}\\\\{{data.topic}}{{/if}}", "\\demo/in/s1"),
    ("{{#if data.yes}}{{{{raw}}}}{{x}}{{{{/raw}}}}{{/if}}", "{{x}}"),
    ("{{#if data.no}}a{{else unless data.no}}b{{/if}}", "b"),
    ("{{&data.markup}}", "& < > \" ' ` ="),
]


@pytest.mark.parametrize(("source", "expected"), SAME_EITHER_WAY)
@pytest.mark.parametrize("by_library", [False, True], ids=["fast", "library"])
def test_renders_the_same_either_way(source: str, expected: str, by_library: bool) -> None:
    assert templating._compile(source, True, by_library=by_library).render(CONTEXT) == expected


@pytest.mark.parametrize(("source", "expected"), LIBRARY_ONLY)
def test_blocks(source: str, expected: str) -> None:
    assert compile_template(source).render(CONTEXT) == expected


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=8,
)


@given(value=_values, path=st.sampled_from(["a", "a.b", "a.[0]", "a.b.[1].a", "a.length"]), escape=st.booleans())
def test_any_value_prints_the_same_either_way(value: Any, path: str, escape: bool) -> None:
    source = f"<{{{{{path}}}}}|{{{{{{{path}}}}}}}>"
    fast = templating._compile(source, escape, by_library=False).render({"a": value})
    assert fast == templating._compile(source, escape, by_library=True).render({"a": value})


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{data.topic", "the tag is not closed: }} is missing (line 1, column 1)"),
        ("a\n b{{{x}}", "the tag is not closed: }}} is missing (line 2, column 3)"),
        ("{{}}", "the tag is empty (line 1, column 1)"),
        ("x {{nosuch data.topic}}", "there is no helper 'nosuch' (line 1, column 3)"),
        ("{{eq 1}}", "the helper eq takes 2 value(s) (a, b), here are 1 (line 1, column 1)"),
        (
            "{{dashboardUrl id a=1}}",
            "dashboardUrl has no meaning here, where there are no dashboards: write the address out (line 1, column 1)",
        ),
        ("{{upper (nosuch 1)}}", "there is no helper 'nosuch' (line 1, column 1)"),
        ("{{data.items.0}}", "data.items.0 is not a path: write a number as [0] (line 1, column 1)"),
        ("{{#if a}}x", "the block is not closed: {{/if}} is missing (line 1, column 1)"),
        ("{{#if a}}{{#each b}}{{/if}}", "{{/if}} closes a block that is not open; {{/each}} is expected (line 1, column 21)"),
        ("{{/if}}", "{{/if}} closes a block that is not open (line 1, column 1)"),
        ("{{#upper a}}x{{/upper}}", "the helper upper is no block; write {{upper ...}} (line 1, column 1)"),
        (
            "{{#if a}}{{else  if b}}{{/if}}",
            "{{else  if b}} is not possible: after else stands nothing, if or unless (line 1, column 10)",
        ),
        (
            "{{#if a}}{{else eq 1 2}}{{/if}}",
            "{{else eq 1 2}} is not possible: after else stands nothing, if or unless (line 1, column 10)",
        ),
        ("{{#eq a}}x{{/eq}}", "the helper eq takes 2 value(s) (a, b), here are 1 (line 1, column 1)"),
        ("{{elseif b}}", "there is no helper 'elseif' (line 1, column 1)"),
        ("{{> other}}", "partials and decorators are not available (line 1, column 1)"),
    ],
)
def test_faults_name_their_place(source: str, text: str) -> None:
    with pytest.raises(TemplateError) as caught:
        check_template(source)
    assert str(caught.value) == text


_PIECES = [
    "{{",
    "}}",
    "{{{",
    "}}}",
    "{{#if ",
    "{{/if}}",
    "{{#each data.items}}",
    "{{/each}}",
    "{{else}}",
    "else ",
    "eq ",
    "upper ",
    "(",
]
_PIECES += [
    ")",
    "data.items",
    "this",
    "@index",
    "[0]",
    ".",
    "'a'",
    "1",
    " ",
    "~",
    "\\",
    "!--",
    "--",
    "as |x|",
    "#",
    "/",
    "^",
    "&",
    "\n",
]


@given(st.text(alphabet="{}#/ab.[]() \"'=~!&|\\0@^>", max_size=30) | st.lists(st.sampled_from(_PIECES), max_size=12).map("".join))
def test_no_template_crashes(source: str) -> None:
    with contextlib.suppress(TemplateError):
        compile_template(source).render(CONTEXT)


def test_a_password_template_keeps_every_character() -> None:
    secret = "a&b<c>\"d'`e=f"
    assert render_config("{{globals.p}}|{{{globals.p}}}|{{defaultTo globals.p 1}}", {"globals": {"p": secret}}) == "|".join(
        [secret] * 3
    )


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{globals.port}}", "there is no global `port`"),
        ("{{globals.nothing}}", r"globals.nothing has no value \(line 1, column 1\)"),
        ("mqtt://{{globals.object}}", r"globals.object is an object, where text is expected \(line 1, column 8\)"),
        ("{{globals.array}}", r"globals.array is an array, where text is expected \(line 1, column 1\)"),
        ("{{#if globals.object}}{{globals.port}}{{/if}}", "there is no global `port`"),
        ("{{upper globals.port}}", "there is no global `port`"),
        ("{{globals.arrays}}", "there is no global `arrays`; did you mean `array`\\?"),
        ("{{globals.object.b}}", r"globals.object.b has no value \(line 1, column 1\)"),
        ("{{#if globals.object}}{{globals.nothing}}{{/if}}", r"globals.nothing has no value \(line 1, column 23\)"),
        ("{{#if globals.object}}{{globals.object}}{{/if}}", "an object stands where text is expected"),
        ("{{#if globals.object}}{{globals.array}}{{/if}}", r"an array stands where text is expected \(line 1, column 23\)"),
    ],
)
def test_settings_are_strict(source: str, text: str) -> None:
    with pytest.raises(TemplateError, match=f"^{text}$"):
        render_config(source, {"globals": {"object": {"a": 1}, "array": [1], "nothing": None}})


def test_settings_may_test_for_what_is_missing() -> None:
    assert render_config("{{#if globals.port}}{{globals.port}}{{else}}1883{{/if}}", {"globals": {}}) == "1883"


def test_paths_are_known() -> None:
    assert compile_template("{{data.a}}{{upper globals.b}}{{data.a}}").paths == ("data.a", "globals.b")


def test_json_templates() -> None:
    template = compile_template('{"topic": {{jsonEncode data.topic}}, "n": {{defaultTo data.n 0}}}')
    assert parse_json_template(template, CONTEXT) == {"topic": "demo/in/s1", "n": 0}


def test_a_json_template_that_gives_no_json_says_where() -> None:
    with pytest.raises(TemplateError, match=r"did not give valid JSON: .* at position 6, near"):
        parse_json_template(compile_template('{"a": {{data.missing}}}'), CONTEXT)


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("{{jsonDecode data.topic}}", "(line 1, column 1)"),
        ("a\n  {{jsonDecode data.topic}}", "(line 2, column 3)"),
        ("{{data.topic}}\n{{upper (jsonDecode data.topic)}}", "(line 2, column 1)"),
        ("{{#if data.yes}}\n{{jsonDecode data.topic}}{{/if}}", "(line 2, column 1)"),
        ("{{#if data.yes}}{{data.topic}}{{/if}}{{jsonDecode data.topic}}{{data.topic}}", "(line 1, column 38)"),
        ("{{#if (jsonDecode data.topic)}}a{{/if}}", "(line 1, column 1)"),
        ("{{#if data.no}}a{{else}}b{{jsonDecode data.topic}}{{/if}}", "(line 1, column 26)"),
        ("{{#each data.items}}{{! none }}{{#eq @index 2}}{{jsonDecode @root.data.topic}}{{/eq}}{{/each}}", "(line 1, column 48)"),
        ("{{~#if data.yes~}} {{~ jsonDecode (defaultTo data.nothing '}}') ~}} {{~/if}}", "(line 1, column 20)"),
        ("\\\\{{#if data.yes}}\\{{x}}{{jsonDecode data.topic}}{{/if}}", "(line 1, column 25)"),
    ],
)
@pytest.mark.parametrize("strict", [False, True], ids=["node", "setting"])
def test_what_fails_while_rendering_names_its_place(source: str, place: str, strict: bool) -> None:
    template = compile_template(source)
    with pytest.raises(TemplateError) as caught:
        (template.render_strictly if strict else template.render)({**CONTEXT, "data": {**CONTEXT["data"], "items": [1, 2, 3]}})
    assert str(caught.value).endswith(place)


def test_a_place_within_an_inner_template() -> None:
    with pytest.raises(TemplateError, match=r"in the inner template: .* \(line 1, column 2\) \(line 1, column 1\)$"):
        compile_template("{{template a}}").render({"a": "-{{jsonDecode b}}", "b": "{"})


def test_a_place_after_long_loops_is_not_looked_for() -> None:
    """A template that fails late would cost twice."""
    template = compile_template("{{#each a}}{{this}}{{/each}}{{jsonDecode b}}")
    with pytest.raises(TemplateError, match=r"column 29\)$"):
        template.render({"a": [0] * (MAX_MARKS - 2), "b": "{"})
    with pytest.raises(TemplateError, match=r"^[^(]+$"):
        template.render({"a": [0] * MAX_MARKS, "b": "{"})


def test_a_field_may_have_the_name_of_what_we_use_inside() -> None:
    assert compile_template("{{#if literal}}{{literal}} {{upper '}}'}}{{/if}}").render({"literal": "x"}) == "x }}"


def test_iterations_are_bounded() -> None:
    template = compile_template("{{#each a}}{{#each @root.a}}x{{/each}}{{/each}}")
    with pytest.raises(TemplateError, match=rf"more than {MAX_ITERATIONS} elements \(line 1, column 12\)$"):
        template.render({"a": [0] * 200})


def test_the_text_is_bounded() -> None:
    template = compile_template("{{a}}" * 20)
    with pytest.raises(TemplateError, match="more than"):
        template.render({"a": "x" * 1_000_000})
