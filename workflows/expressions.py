"""The product's expression language, as Conditional and Math nodes use it: `{{data.temperature}} > {{globals.threshold}}`.

`{{path}}` stands for the value there, `{{helper path ...}}` for what a template helper returns. Operators, from loosest to
tightest: `? :`, `||`, `&&`, `== != === !==`, `< <= > >=`, `<< >>`, `+ -`, `* / %`, unary `! - +`, `^` (power, to the
right: -2^2 is -4). Values follow JavaScript's rules. Text compiles to Python closures once.
"""

import difflib
import math
import re
from functools import lru_cache
from typing import Any, NamedTuple

from wegnology.lib.javascript import UNDEFINED, truthy
from wegnology.lib.paths import follower
from wegnology.lib.template_helpers import helper, shown
from wegnology.lib.template_values import TagFault, Unplain, Value, element, plain
from workflows.exceptions import ExpressionError
from workflows.expression_tokens import Token, fault, tokens_of
from workflows.operations import BINARY, FUNCTIONS, RIGHT_BINDING, UNARY, UNARY_POWER, Evaluate, choice

MAX_LENGTH = 10_000
MAX_DEPTH = 200
"""Levels of parentheses, and operators in a row."""

_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
_WORDS = {"true": True, "false": False, "null": None, "undefined": UNDEFINED, "E": math.e, "PI": math.pi}


_ODD = (ValueError, TypeError, ArithmeticError, RecursionError)
"""What operators, functions and helpers raise on odd values."""


class Expression:
    """A compiled expression."""

    __slots__ = ("_evaluate", "_field", "text")

    def __init__(self, text: str, evaluate: Evaluate, field: str = "") -> None:
        self.text = text
        self._evaluate = evaluate
        self._field = field

    def named(self, field: str) -> "Expression":
        """Return the same expression as that of a setting, which its errors then name."""
        return Expression(self.text, self._evaluate, field)

    def evaluate(self, payload: Any) -> Any:
        """Return the value: JSON, `UNDEFINED`, or a float that is infinite or NaN. Raises `ExpressionError`."""
        try:
            return self._evaluate(payload)
        except _ODD as error:
            raise self._failed(error) from None

    def is_true(self, payload: Any) -> bool:
        """Say whether the value counts as true."""
        try:
            value = self._evaluate(payload)
        except _ODD as error:
            raise self._failed(error) from None
        return value is True or (value is not False and truthy(value))

    def _failed(self, error: Exception) -> ExpressionError:
        where = f"{self._field}: " if self._field else ""
        return ExpressionError(f"{where}the expression failed: {error}")


@lru_cache(maxsize=1024)
def compile_expression(text: str) -> Expression:
    """Compile; raises `ExpressionError`."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"the expression is longer than {MAX_LENGTH} characters")
    return Expression(text, _Parser(text).parse())


class _Code(NamedTuple):
    """A compiled part and how deep its evaluation nests."""

    evaluate: Evaluate
    depth: int


class _Parser:
    """Precedence climbing; `depth` bounds its recursion, `_Code.depth` that of the closures."""

    def __init__(self, source: str) -> None:
        self.tokens = tokens_of(source)
        self.at = 0
        self.depth = 0

    def parse(self) -> Evaluate:
        code = self.expression(1)
        token = self.tokens[self.at]
        if token.kind != "end":
            raise fault(f"{token.text!r} is not expected here", token.position)
        return code.evaluate

    def expression(self, minimum: int) -> _Code:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise fault(f"the expression is nested more than {MAX_DEPTH} deep", self.tokens[self.at].position)
        left = self.operand()
        while (token := self.tokens[self.at]).kind == "operator":
            if token.text == "?" and minimum <= 1:
                left = self.choice(left)
                continue
            power, build = BINARY.get(token.text, (0, None))
            if build is None or power < minimum:
                break
            self.at += 1
            right = self.expression(power if token.text in RIGHT_BINDING else power + 1)
            left = self.nested(build(left.evaluate, right.evaluate), left, right)
        self.depth -= 1
        return left

    def choice(self, condition: _Code) -> _Code:
        self.at += 1
        yes = self.expression(1)
        self.expect(":")
        no = self.expression(1)
        return self.nested(choice(condition.evaluate, yes.evaluate, no.evaluate), condition, yes, no)

    def operand(self) -> _Code:
        token = self.tokens[self.at]
        self.at += 1
        if token.kind == "operator" and token.text in UNARY:
            return self.unary(token.text)
        if token.text == "(" and token.kind == "operator":
            code = self.expression(1)
            self.expect(")")
            return code
        if token.kind == "word" and self.tokens[self.at].text == "(":
            return self.call(token)
        if token.kind in {"end", "operator"}:
            found = "ends" if token.kind == "end" else f"has {token.text!r}"
            raise fault(f"a value is missing: the expression {found} here", token.position)
        return _Code(_value(token), 1)

    def unary(self, operator: str) -> _Code:
        operation = UNARY[operator]
        inner = self.expression(UNARY_POWER)
        evaluate = inner.evaluate
        return self.nested(lambda payload: operation(evaluate(payload)), inner)

    def call(self, token: Token) -> _Code:
        function = FUNCTIONS.get(token.text)
        if function is None:
            raise fault(f"there is no function {token.text!r}{_near(token.text, list(FUNCTIONS))}", token.position)
        self.expect("(")
        values: list[_Code] = []
        while self.tokens[self.at].text != ")" or self.tokens[self.at].kind != "operator":
            if values:
                self.expect(",")
            values.append(self.expression(1))
        self.at += 1
        if not function.least <= len(values) <= function.most:
            wanted = str(function.least) if function.least == function.most else f"{function.least} or more"
            raise fault(f"{token.text} takes {wanted} value(s), here are {len(values)}", token.position)
        call, arguments = function.call, [value.evaluate for value in values]
        return self.nested(lambda payload: call(*[argument(payload) for argument in arguments]), *values)

    def nested(self, evaluate: Evaluate, *inner: _Code) -> _Code:
        depth = max(code.depth for code in inner) + 1
        if depth > MAX_DEPTH:
            raise fault(f"the expression has more than {MAX_DEPTH} operations in a row", self.tokens[self.at].position)
        return _Code(evaluate, depth)

    def expect(self, operator: str) -> None:
        token = self.tokens[self.at]
        if token.kind != "operator" or token.text != operator:
            raise fault(f"{operator!r} is missing", token.position)
        self.at += 1


def _value(token: Token) -> Evaluate:
    if token.kind == "tag":
        return _variable(token)
    if token.kind == "word":
        if token.text not in _WORDS:
            raise fault(f"{token.text!r} is not known; a value of the payload is written {{{{{token.text}}}}}", token.position)
        constant: Any = _WORDS[token.text]
    elif token.kind == "text":
        if "{{" in token.text:
            raise fault("a value in braces must not stand inside quotes: write {{data.name}} without them", token.position)
        constant = _ESCAPE.sub(_unescaped, token.text[1:-1])
    elif token.text[:2] in {"0x", "0X"}:
        constant = int(token.text, 16)
    else:
        constant = int(token.text) if token.text.isdecimal() and len(token.text) < 19 else float(token.text)
    return lambda payload: constant


def _unescaped(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    return chr(int(code, 16)) if code else _ESCAPED.get(match[3], match[3])


def _variable(token: Token) -> Evaluate:
    try:
        value: Value = plain(token.text)
    except Unplain:
        raise fault(f"{{{{{token.text}}}}} is no path and no call of a helper", token.position) from None
    except TagFault as error:
        raise fault(str(error), token.position) from None
    return value.read if value.keys is None else follower(value.keys, _found)


def _found(value: Any, keys: tuple[str, ...]) -> Any:
    """Return the value in the payload that the keys lead to, or `UNDEFINED`."""
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key, UNDEFINED)
        elif isinstance(value, str) and key == "length":
            value = len(value)
        elif isinstance(value, list):
            value = element(value, key)
        else:
            return UNDEFINED
    return value


def _near(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


@helper("evalExpression", contextual=True)
def _eval_expression(context: Any, text: Any, /) -> Any:
    """Return the value of an expression over the template's context."""
    try:
        value = compile_expression(shown(text)).evaluate(context)
    except ExpressionError as error:
        raise ValueError(str(error)) from None
    return None if value is UNDEFINED else value


__all__ = ["Expression", "ExpressionError", "compile_expression"]
