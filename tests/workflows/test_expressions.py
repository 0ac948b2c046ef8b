"""The expression language."""

import contextlib
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wegnology.lib.javascript import UNDEFINED
from workflows.exceptions import ExpressionError
from workflows.expressions import MAX_DEPTH, MAX_LENGTH, compile_expression
from workflows.operations import BINARY, FUNCTIONS

PAYLOAD: dict[str, Any] = {
    "data": {
        "n": 35.5,
        "one": 1,
        "text": "abc",
        "empty": "",
        "digits": "12",
        "yes": True,
        "no": False,
        "nothing": None,
        "list": [1, "b", None],
        "object": {"a": 1},
        "key with spaces": 7,
    },
    "globals": {"threshold": 30},
    "working": {"files": [1, 2]},
}

VALUES: list[tuple[str, Any]] = [
    ("{{data.n}} > {{globals.threshold}}", True),
    ("!{{working.error}} && {{data.n}} && {{data.text}}", "abc"),
    ("{{length working.files}} > 0", True),
    ("{{data.text}} === 'abc' && !!{{data.object.a}}", True),
    ("{{data.[key with spaces]}} + {{data.list.[0]}} + {{{data.one}}}", 9),
    ("{{data.list.length}} + {{data.text.length}}", 6),
    ("{{globals}} === {{globals}}", True),
    ("{{upper data.text}} === 'ABC'", True),
    # numbers and precedence
    ("1 + 2 * 3 - 4 / 2", 5),
    ("(1 + 2) * 3", 9),
    ("7 % 4 + -7 % 4 + 7 % -4", 3),
    ("2 ^ 3 ^ 2", 512),
    ("-2 ^ 2", -4),
    ("2 ^ -1", 0.5),
    ("0x1F + .5 + 1e2 + 1.", 132.5),
    ("1 << 4 >> 2", 4),
    ("1 << 33", 2),
    ("-1 >> 1", -1),
    ("1 + 1 << 1 > 3 === true", True),
    ("1 < 2 == true || false", True),
    ("1 ? 2 : 3 ? 4 : 5", 2),
    ("0 ? 2 : 0 ? 4 : 5", 5),
    ("1 / 0", math.inf),
    ("-1 / 0", -math.inf),
    ("10 ^ 400", math.inf),
    ("E > 2.718 && PI < 3.1416", True),
    # conversions
    ("'a' + 1 + null + undefined + true", "a1nullundefinedtrue"),
    ("1 + 2 + 'a'", "3a"),
    ("{{data.list}} + ''", "1,b,"),
    ("{{data.object}} + ''", "[object Object]"),
    ("'6' * '7'", 42),
    ("'12' + 1 - 1", 120),
    ("+'' + +null + +true + +' 5 '", 6),
    ("1e21 + ''", "1e+21"),
    ("0.1 + 0.2 + ''", "0.30000000000000004"),
    ("9007199254740993 + 0", 9007199254740993),
    # equality
    ("null == undefined", True),
    ("null === undefined", False),
    ("null == 0", False),
    ("{{data.missing}} === undefined", True),
    ("{{data.nothing}} === null", True),
    ("{{data.nothing.deeper}} === undefined", True),
    ("'1' == 1", True),
    ("'1' === 1", False),
    ("'1' !== 1", True),
    ("true == 1", True),
    ("true === 1", False),
    ("'' == 0", True),
    ("'abc' != 'abd'", True),
    ("1 === 1.0", True),
    ("{{data.list}} == '1,b,'", True),
    ("0 / 0 == 0 / 0", False),
    # order
    ("'b' > 'a'", True),
    ("'10' < '9'", True),
    ("'10' < 9", False),
    ("null >= 0", True),
    ("undefined >= 0", False),
    ("'x' < 1 || 'x' >= 1", False),
    ("false < true", True),
    # truth
    ("!'' && !0 && !null && !undefined && !(0/0)", True),
    ("!!'0' && !!{{data.list}} && !!{{data.object}}", True),
    ("0 || 'x'", "x"),
    ("'' && 'x'", ""),
    # functions
    ("round(2.5) + round(-2.5) + floor(-1.5) + ceil(1.2) + trunc(-1.7)", 0),
    ("sqrt(16) + abs(-2) + pow(2, 3) + min(4, 2, '3') + max({{data.list.[0]}}, 5)", 21),
    ("log(1) + log10(1000) + exp(0) + sin(0) + cos(0) + atan2(0, 1)", 5),
    ("length({{data.text}}) + length({{data.list}})", 6),
    ("includes({{data.list}}, 'b') && includes('team', 'ea') && !includes({{data.list}}, '1')", True),
    ("includes({{data.list}}, true) || includes({{data.list}}, {{data.object}}) || includes(null, 1)", False),
    ("includes({{data.list}}, null) && includes({{data.list}}, 1.0)", True),
    ("log(0)", -math.inf),
    ("asinh(0) + acosh(1) + atanh(0) + asin(0) + acos(1) + atan(0) + sinh(0) + cosh(0) + tanh(0) + tan(0)", 1),
    # texts
    ("'it\\'s' + \"\\n\\u00e4\\x41\"", "it's\näA"),
    ("true", True),
    ("undefined", UNDEFINED),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_values(text: str, value: Any) -> None:
    found = compile_expression(text).evaluate(PAYLOAD)
    assert found == value
    assert isinstance(found, bool) == isinstance(value, bool)


@pytest.mark.parametrize(
    "text", ["0/0", "'x' * 1", "undefined + 1", "-'x'", "sqrt(-1)", "min(1, 'x')", "{{data.object}} - 1", "5 % 0", "1 ^ (1/0)"]
)
def test_what_is_not_a_number(text: str) -> None:
    assert math.isnan(compile_expression(text).evaluate(PAYLOAD))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a value is missing: the expression ends here (character 1)"),
        ("1 +", "a value is missing: the expression ends here (character 4)"),
        ("* 2", "a value is missing: the expression has '*' here (character 1)"),
        ("(1", "')' is missing (character 3)"),
        ("1)", "')' is not expected here (character 2)"),
        ("1 2", "'2' is not expected here (character 3)"),
        ("1 ? 2", "':' is missing (character 6)"),
        ("data.n > 3", "'data.n' is not known; a value of the payload is written {{data.n}} (character 1)"),
        ("{{data.n > 3", "'{' cannot be read; a value is written {{data.name}} (character 1)"),
        ("'abc", "the text that starts here is not closed (character 1)"),
        ("a = 3", "'=' cannot be read; compare by == or === (character 3)"),
        ("1 & 2", "'&' cannot be read; write && for and (character 3)"),
        ("sqrrt(4)", "there is no function 'sqrrt'; did you mean 'sqrt'? (character 1)"),
        ("pow(2)", "pow takes 2 value(s), here are 1 (character 1)"),
        ("min()", "min takes 1 or more value(s), here are 0 (character 1)"),
        ("min(1 2)", "',' is missing (character 7)"),
        ("'{{data.n}}' == 1", "a value in braces must not stand inside quotes: write {{data.name}} without them (character 1)"),
        ("{{#if a}}", "{{#if a}} is no path and no call of a helper (character 1)"),
        ("1 + {{nosuch a}}", "there is no helper 'nosuch' (character 5)"),
        ("{{data.list.0}}", "data.list.0 is not a path: write a number as [0] (character 1)"),
        ("(" * 201 + "1", f"the expression is nested more than {MAX_DEPTH} deep (character 201)"),
        ("1" + "+1" * 300, f"the expression has more than {MAX_DEPTH} operations in a row (character 402)"),
        ("1" * 10_001, f"the expression is longer than {MAX_LENGTH} characters"),
    ],
)
def test_faults_name_their_place(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text)
    assert str(caught.value) == message


def test_the_deepest_expressions_evaluate() -> None:
    assert compile_expression("(" * (MAX_DEPTH - 1) + "1" + ")" * (MAX_DEPTH - 1)).evaluate({}) == 1
    assert compile_expression("!" * (MAX_DEPTH - 2) + "1").evaluate({}) is True
    assert compile_expression("1" + "+1" * (MAX_DEPTH - 1)).evaluate({}) == MAX_DEPTH


def test_whole_numbers_stay_bounded() -> None:
    value = compile_expression("*".join(["{{a}}"] * 100)).evaluate({"a": 2**62})
    assert value == math.inf


@pytest.mark.parametrize(
    ("text", "expected"), [("1", True), ("''", False), ("0/0", False), ("{{data.list}}", True), ("2 > 1", True)]
)
def test_truth(text: str, expected: bool) -> None:
    assert compile_expression(text).is_true(PAYLOAD) is expected


_words = st.sampled_from(
    [
        *["{{data.n}}", "{{data.x}}", "{{data.list}}", "{{length data.list}}", "1", "0", "2.5", "1e308", "'a'", "''"],
        *["null", "undefined", "true", "(", ")", "?", ":", ",", "!", *BINARY, *FUNCTIONS],
    ]
)


@given(st.lists(_words, max_size=12))
def test_no_words_crash(words: list[str]) -> None:
    with contextlib.suppress(ExpressionError):
        compile_expression(" ".join(words)).evaluate(PAYLOAD)


@given(st.text("{}()'\"\\+-*/%^!<>=&|?:,.01ae data_$\n", max_size=30))
def test_no_text_crashes(text: str) -> None:
    with contextlib.suppress(ExpressionError):
        compile_expression(text).evaluate(PAYLOAD)


_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
_operators = st.sampled_from([*BINARY])


@given(left=_scalars, right=_scalars, operator=_operators)
def test_no_values_crash(left: Any, right: Any, operator: str) -> None:
    compile_expression(f"{{{{a}}}} {operator} {{{{b}}}}").evaluate({"a": left, "b": right})


@given(left=_scalars, function=st.sampled_from([*FUNCTIONS]))
def test_no_function_crashes(left: Any, function: str) -> None:
    arguments = ", ".join(["{{a}}"] * FUNCTIONS[function].least)
    compile_expression(f"{function}({arguments})").evaluate({"a": left})
