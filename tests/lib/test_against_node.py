"""Templates, numbers and dates compared with the libraries whose behaviour they promise: handlebars.js, D3 and Moment.js."""

import itertools
import json
import subprocess
from typing import Any

import pytest

from tests.servers.npm import installed
from wegnology.lib.moments import from_ms, show, zone
from wegnology.lib.number_format import format_number
from wegnology.lib.templating import TemplateError, compile_template

pytestmark = pytest.mark.slow

CONTEXT: dict[str, Any] = {
    "text": '<b>"it\'s" & `so` = fine</b>',
    "number": 12.5,
    "whole": 3,
    "float": 2.0,
    "zero": 0,
    "empty": "",
    "yes": True,
    "no": False,
    "nothing": None,
    "list": [1, "two", None, True, 4.5],
    "none": [],
    "nested": {"a": {"b": {"c": "deep"}}, "list": [{"n": 1}, {"n": 2}], "key with space": "spaced"},
    "object": {"x": 1, "y": "z"},
}
PATHS = (
    "text",
    "number",
    "whole",
    "float",
    "zero",
    "empty",
    "yes",
    "no",
    "nothing",
    "missing",
    "list",
    "none",
    "object",
    "nested.a.b.c",
    "nested.a.missing.c",
    "list.[1]",
    "list.[9]",
    "list.length",
    "nested.[key with space]",
    "nested.list.[0].n",
    "this.whole",
    "@root.whole",
    "./whole",
)
FORMS = (
    "{{P}}",
    "{{{P}}}",
    "a {{P}} b",
    "{{#if P}}yes{{else}}no{{/if}}",
    "{{#unless P}}no{{/unless}}",
    "{{~P~}}",
    " {{~ P }} ",
    "{{#with P}}[{{this}}]{{else}}none{{/with}}",
    "{{#each P}}({{@index}}{{@key}}:{{this}}{{#if @first}}f{{/if}}{{#if @last}}l{{/if}}){{else}}nothing{{/each}}",
    "{{! a comment }}{{P}}{{!-- another }} --}}",
    "{{^P}}not{{/P}}",
    "{{#P}}<{{this}}>{{/P}}",
)
MORE = (
    "{{#each nested.list}}{{n}}{{../whole}}{{@root.number}}{{#unless @last}},{{/unless}}{{/each}}",
    "{{#each nested.list}}{{#each ../list}}{{this}}{{/each}};{{/each}}",
    "{{#each object as |value key|}}{{key}}={{value}} {{/each}}",
    "{{#if yes}}{{#if no}}a{{else}}b{{/if}}{{/if}}",
    "{{#if no}}a{{else if whole}}b{{else}}c{{/if}}",
    "{{lookup object 'y'}} {{lookup list 1}}",
    "{{#with nested}}{{a.b.c}} {{../number}}{{/with}}",
    "\\{{escaped}} {{whole}}",
    "{{#each list}}\n  {{this}}\n{{/each}}\n",
    '{ "a": {{number}}, "b": "{{{text}}}" }',
)
SPECIFIERS = (
    "",
    ",.6",
    ".2f",
    "$,.2f",
    "+.1e",
    ".3s",
    "~s",
    ".0%",
    ".1p",
    "x",
    "#x",
    "b",
    "o",
    "d",
    ",d",
    "08.2f",
    "^10",
    "*<8d",
    "(.1f",
    " .2r",
    "n",
    "0,",
    "020,.2f",
    "s",
    "c",
    "~e",
    "g",
    ".10g",
    "%",
    "$.2~s",
)
NUMBERS = (
    0,
    1,
    -1,
    12.345,
    -12.345,
    1234567.891,
    -1234567.891,
    0.00012345,
    1e21,
    1e-10,
    0.5,
    1.5,
    2.5,
    -0.4,
    999.95,
    1000,
    65535,
    0.1 + 0.2,
    123456789012,
    9.9999999,
    1e300,
)
TOKENS = (
    "YYYY-MM-DDTHH:mm:ss.SSSZ",
    "dddd, MMMM Do YYYY, h:mm:ss a",
    "ddd dd d E e DDD DDDo DDDD",
    "Q Qo W Wo WW w ww wo GGGG GG",
    "LT LTS L LL LLL LLLL l ll lll llll",
    "[at] H [o'clock]",
    "X x",
    "k kk hh A a",
    "YY Y M Mo MMM D Do m s S SS",
    "ZZ Z",
)
MOMENTS = (0, 1707491045067, 1703982600000, 951782400000, 1719792000000, -86400000, 4102444799999)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")


def asked(package: str, version: str, program: str, question: Any) -> Any:
    """Run a program in Node, with the package and a question; returns its answer."""
    folder = installed(package, version)
    (folder / "ask.mjs").write_text(program)
    done = subprocess.run(
        ["node", str(folder / "ask.mjs")], input=json.dumps(question), capture_output=True, text=True, timeout=60, check=True
    )
    return json.loads(done.stdout)


def test_templates() -> None:
    sources = [form.replace("P", path) for form, path in itertools.product(FORMS, PATHS)] + [*MORE]
    sources = [source for source in sources if not source.endswith("{{/nested.[key with space]}}")]  # refused, with its place
    program = """
import Handlebars from 'handlebars'; import { readFileSync } from 'fs';
const [context, sources] = JSON.parse(readFileSync(0, 'utf8'));
console.log(JSON.stringify(sources.map((source) => {
  try { return Handlebars.compile(source)(context); } catch (fault) { return null; }
})));
"""
    expected = asked("handlebars", "4.7.8", program, [CONTEXT, sources])
    found: list[str | None] = []
    for source in sources:
        try:
            found.append(compile_template(source).render(CONTEXT))
        except TemplateError:
            found.append(None)
    assert len(sources) > 250
    assert [row for row in zip(sources, expected, found, strict=True) if row[1] != row[2]] == []


def test_numbers() -> None:
    program = """
import { format } from 'd3-format'; import { readFileSync } from 'fs';
const [specifiers, numbers] = JSON.parse(readFileSync(0, 'utf8'));
console.log(JSON.stringify(specifiers.map((specifier) => numbers.map((number) => format(specifier)(number)))));
"""
    expected = asked("d3-format", "3.1.3", program, [SPECIFIERS, NUMBERS])
    for specifier, texts in zip(SPECIFIERS, expected, strict=True):
        assert [format_number(number, specifier) for number in NUMBERS] == texts, specifier


def test_dates() -> None:
    program = """
import moment from 'moment-timezone'; import { readFileSync } from 'fs';
const [tokens, moments, zones] = JSON.parse(readFileSync(0, 'utf8'));
console.log(JSON.stringify(tokens.map((token) => moments.map((ms) => zones.map((zone) => moment.tz(ms, zone).format(token))))));
"""
    expected = asked("moment-timezone", "0.5.48", program, [TOKENS, MOMENTS, ZONES])
    for token, by_moment in zip(TOKENS, expected, strict=True):
        assert [[show(from_ms(ms, zone(name)), token) for name in ZONES] for ms in MOMENTS] == by_moment, token
