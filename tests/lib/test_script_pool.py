"""People's JavaScript in child processes: what it may do, and that nothing it does harms others."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
import psutil
import pytest

from wegnology.lib.script_pool import Outcome, ScriptFailed, ScriptPool

Story = Callable[[ScriptPool], Coroutine[Any, Any, Any]]


def with_pool(story: Story, size: int = 2) -> Any:
    async def run() -> Any:
        pool = ScriptPool(size)
        try:
            return await asyncio.wait_for(story(pool), 60)
        finally:
            pool.close()

    return asyncio.run(run())


def ran(source: str, payload: Any = None) -> Outcome:
    given = orjson.dumps({} if payload is None else payload)
    return with_pool(lambda pool: pool.run("w", source, given))  # type: ignore[no-any-return]


def value(source: str, payload: Any = None) -> Any:
    return orjson.loads(ran(source, payload).value)


@pytest.mark.parametrize(
    ("source", "payload", "result"),
    [
        ("payload.a = payload.a + 1", {"a": 1}, {"a": 2}),
        ("return { b: payload.a }", {"a": 1}, {"b": 1}),
        ("", {"a": "ü€😀"}, {"a": "ü€😀"}),
        ("payload.list.push(...[1, 2].map((x) => x ** 2)); // a comment", {"list": []}, {"list": [1, 4]}),
        ("return payload.reduce((a, b) => a + b, 0)", [1, 2, 3], 6),
        ("const { a, ...rest } = payload; return rest", {"a": 1, "b": 2}, {"b": 2}),
        ("payload.d = new Date(0).toISOString()", {}, {"d": "1970-01-01T00:00:00.000Z"}),
        ("return null", {}, None),
        ("payload.n = NaN; payload.f = () => 1", {}, {"n": None}),
    ],
)
def test_scripts(source: str, payload: Any, result: Any) -> None:
    assert value(source, payload) == result


def test_logs() -> None:
    few = "console.log('a', 1, {b: [2]}); console.warn(undefined); console.error(new Map());"
    outcome = ran(few + "for (let i = 0; i < 500; i++) console.info(i)")
    assert outcome.logs[:3] == [("verbose", 'a 1 {"b":[2]}'), ("warn", "undefined"), ("error", "{}")]
    assert len(outcome.logs) == 100


@pytest.mark.parametrize(
    ("source", "name", "text"),
    [
        ("throw new RangeError('too far')", "RangeError", "too far"),
        ("throw 'just text'", "Error", "just text"),
        ("const a = 1;\nundefinedThing()", "ReferenceError", "undefinedThing is not defined"),
        ("syntax error(", "SyntaxError", ""),
        ("while (true) {}", "TimeLimitReached", "longer than 1 s"),
        ("/(a+)+$/.test('a'.repeat(40) + 'b')", "TimeLimitReached", "longer than 1 s"),
        ("const a = []; while (true) a.push(new Array(1000).fill(7))", "MemoryLimitReached", "more than 32 MiB"),
        ("new Array(1e9).fill(0)", "MemoryLimitReached", "more than 32 MiB"),
        ("(function f() { f() })()", "RangeError", "call stack"),
        ("const a = {}; a.a = a; return a", "TypeError", "circular"),
        ("return 1n", "TypeError", "BigInt"),
        ("return () => 1", "TypeError", "the script returned a function, which is no JSON value"),
    ],
)  # fmt: skip
def test_failures_have_names(source: str, name: str, text: str) -> None:
    with pytest.raises(ScriptFailed) as caught:
        ran(source)
    assert caught.value.name == name
    assert text in str(caught.value)


def test_an_error_names_its_line() -> None:
    with pytest.raises(ScriptFailed) as caught:
        ran("const a = 1;\n\nthrow new Error('here')")
    assert caught.value.line == 3


@pytest.mark.parametrize(
    "source",
    [
        "return typeof require + typeof process + typeof std + typeof os + typeof fetch + typeof setTimeout + typeof Deno",
        "return [typeof globalThis.print, typeof importScripts, typeof WebAssembly, typeof scriptArgs, typeof bjson].join('') + "
        "typeof module + typeof exports",
    ],
)
def test_there_is_nothing_of_the_machine(source: str) -> None:
    assert value(source) == "undefined" * 7


ESCAPES = [
    "payload.constructor.constructor('return globalThis')().leak = 1; return Object.keys(globalThis)",
    "}); leak = 1; ({ a: function () {",
    "Object.prototype.toJSON = function () { return 'x' }; Array.prototype.map = null; JSON.stringify = null; String = null",
    "Promise.resolve().then(() => { while (true) {} }); import('fs').catch(() => {})",
    "Object.defineProperty(payload, 'x', { enumerable: true, get() { while (true) {} } })",
    "return { toJSON() { throw { name: { toString: null }, message: Symbol() } } }",
    "console.log.constructor('while (true) {}')()",
    "throw { toString() { while (true) {} } }",
    "throw new Proxy({}, { get() { throw 1 }, getPrototypeOf() { throw 2 } })",
    "const e = new Error('x'); e.name = 'a'.repeat(1e6); e.stack = { toString: null }; throw e",
    "return 'x'.repeat(20e6)",
    "eval('var a = 1'); Function('b = 1')(); return typeof b",
]


@pytest.mark.parametrize("source", ESCAPES)
def test_escapes_come_to_nothing(source: str) -> None:
    """Whatever it tries, its own run ends with a value or a named error, and the next script finds an engine made anew."""

    async def story(pool: ScriptPool) -> None:
        with contextlib.suppress(ScriptFailed):
            await pool.run("bad", source, b"{}")
        outcome = await pool.run("good", "payload.x = [typeof leak, typeof b, JSON.stringify([1].map(String))]", b"{}")
        assert orjson.loads(outcome.value) == {"x": ["undefined", "undefined", '["1"]']}

    with_pool(story, size=1)


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process(os.getpid()).children() if "script_child.py" in " ".join(child.cmdline())]


def test_a_killed_engine_fails_its_run_only() -> None:
    async def story(pool: ScriptPool) -> None:
        await pool.run("w", "", b"{}")
        [child] = children()
        running = asyncio.ensure_future(pool.run("w", "while (true) {}", b"{}"))
        while not child.cpu_times().user > 0.2:
            await asyncio.sleep(0.01)
        child.kill()
        with pytest.raises(ScriptFailed, match="ended the engine") as caught:
            await running
        assert caught.value.name == "EngineCrashed"
        assert (await pool.run("w", "return 7", b"{}")).value == b"7"

    with_pool(story, size=1)


def test_a_cancelled_run_leaves_no_answer_for_the_next() -> None:
    async def story(pool: ScriptPool) -> None:
        await pool.run("w", "", b"{}")
        running = asyncio.ensure_future(
            pool.run("w", "const end = Date.now() + 300; while (Date.now() < end) {} return 'late'", b"{}")
        )
        await asyncio.sleep(0.05)
        running.cancel()
        await asyncio.wait([running])
        assert (await pool.run("w", "return 'mine'", b"{}")).value == b'"mine"'

    with_pool(story, size=1)


def test_one_owner_never_holds_the_whole_pool() -> None:
    async def story(pool: ScriptPool) -> None:
        busy = [asyncio.ensure_future(pool.run("greedy", "while (true) {}", b"{}")) for _ in range(6)]
        await asyncio.sleep(0)
        outcome = await pool.run("other", "return 1", b"{}")
        assert outcome.value == b"1"
        assert not any(task.done() for task in busy[1:])
        for task in busy:
            task.cancel()
        await asyncio.wait(busy)

    with_pool(story, size=2)


def test_nothing_stays_behind() -> None:
    async def story(pool: ScriptPool) -> None:
        await asyncio.gather(*(pool.run(str(number), "return 1", b"{}") for number in range(20)))
        assert 1 <= len(children()) <= 2

    with_pool(story)
    assert children() == []
