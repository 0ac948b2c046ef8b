"""Whatever people write and whatever arrives: only declared errors, and every run ends within its limits (hypothesis).

`make test` tries some of it, `make test-all` much more.
"""

import asyncio
import contextlib
import itertools
import re
from collections.abc import Iterator
from typing import Any, get_args

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.workflows.fakes import FakeRunContext
from tests.workflows.nodes import finished
from wegnology.lib.paths import Path, PathError, copy_json, is_deeper
from wegnology.lib.schema import ConfigInvalid
from wegnology.lib.templating import TemplateError, compile_template
from wegnology.lib.types import JSONObject
from wegnology.management.commands.document import node_example
from workflows import engine
from workflows.exceptions import ExpressionError, GraphInvalid, RunFailed, RunLimitReached
from workflows.expressions import compile_expression
from workflows.graph import Graph
from workflows.nodes import array, branch_on_change, date_time, string
from workflows.nodes import object as object_node
from workflows.nodes.base import AnyNodeClass, AwaitingNode, CapNode, LoopingNode, Node, NodeFailed, nodes

nodes.autodiscover()
DECLARED = (NodeFailed, TemplateError, PathError, ExpressionError, RunLimitReached)
"""What a node may raise; all else is a bug, which ends its run under the name of a Python exception."""
few = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
many = settings(max_examples=1_000, deadline=None, suppress_health_check=list(HealthCheck))

words = st.sampled_from(
    ["", " ", "0", "-1", "1e400", "1.5", "a", "b.c", "[0]", "2024-02-30", "NaN", "{{a}}", '{"a":1}', "ß", "\0", "😀"]
)
numbers = st.one_of(st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False))
scalars = st.one_of(st.none(), st.booleans(), numbers, words, st.text(max_size=12))
names = st.one_of(st.sampled_from(["a", "b", "value", "0", "length", "__proto__", "constructor"]), st.text(max_size=5))
values = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)), max_leaves=8
)
payloads = st.dictionaries(st.sampled_from(["a", "b", "data", "working", "globals", "time"]), values, max_size=6)

# -- templates, expressions, paths

pieces = st.sampled_from(
    ["{{", "}}", "{{{", "}}}", "{{#if a}}", "{{else}}", "{{/if}}", "{{#each b}}", "{{/each}}", "{{this}}", "{{@index}}",
     "a", ".", "b", " ", "{{jsonEncode a}}", "{{format a}}", "{{formatDate a 'L'}}", "{{add a b}}", "(", ")", "'", "\\", "{{!--",
     "--}}", "{{>x}}",
     "{{#eq a b}}", "{{/eq}}", "{{lookup a b}}", "{{template a}}", "{{evalExpression a}}", "=", "../", "|", "as", "{{length a}}",
     "{{match a b}}", "{{substring a 0 b}}", "{{join a b}}", "{{scaleLinear a 0 1 b 2}}", "{{merge a b}}", "{{array a b}}"]
)  # fmt: skip
templates = st.one_of(st.lists(pieces, max_size=8).map("".join), st.text(max_size=30))
operators = st.sampled_from(
    ["{{a}}", "{{b.a}}", "{{", "}}", "1", "0x", "1e9", "'x'", '"', "+", "-", "*", "/", "%", "^", "<<", ">>", "===", "!=", "<",
     "&&", "||", "!", "(", ")", ",", "pow(", "length {{a}}", "min(1,", "true", "null",
     "undefined", "PI", "includes(", "round(", " "]
)  # fmt: skip
expressions = st.one_of(st.lists(operators, max_size=10).map("".join), st.text(max_size=30))
path_texts = st.one_of(
    st.lists(st.sampled_from(["a", "b", ".", "[", "]", "0", "99999", " ", "data", "[0]", "__proto__"]), max_size=8).map("".join),
    st.text(max_size=20),
)


def templates_hold(text: str, payload: JSONObject) -> None:
    with contextlib.suppress(TemplateError):
        compile_template(text).render(payload)
    with contextlib.suppress(TemplateError):
        compile_template(text, escape=False).render_strictly(payload)


def expressions_hold(text: str, payload: JSONObject) -> None:
    with contextlib.suppress(ExpressionError, TemplateError):
        compile_expression(text).evaluate(payload)


def paths_hold(text: str, payload: JSONObject, value: Any) -> None:
    try:
        path = Path.parse(text)
    except PathError:
        return
    path.get(payload)
    with contextlib.suppress(PathError):
        changed = path.set(copy_json(payload), value)
        assert path.get(changed) == value
        path.remove(changed)
        orjson.dumps(changed, option=orjson.OPT_NON_STR_KEYS)


# -- nodes


def configs(kind: AnyNodeClass) -> Iterator[JSONObject]:
    """Yield the example of a node, and others that reach what it leaves out."""
    yield node_example(kind)["config"]  # type: ignore[misc]
    yield from MORE.get(kind.name, [])


_OPERATIONS = get_args(object_node.ObjectOperation.model_fields["type"].annotation)
_BY_HAND = {"filter": "{{value}} > {{index}}", "sortBy": "a", "groupBy": "a", "keyBy": "a", "deduplicateBy": "a"}
_DATE = {"sourcePath": "time", "resultPath": "x", "numberValue": "{{a}}", "timezone": "{{b}}", "diffDataPath": "data"}
_ID = {"namespaceTemplate": "{{a}}", "valueTemplate": "{{b}}", "numCharactersTemplate": "{{time}}", "destinationPath": "x"}
MORE: dict[str, list[Any]] = {
    "ArrayNode": [
        {
            "sourceArrayPath": "b",
            "rules": [
                {
                    "type": rule,
                    "inputTemplate": _BY_HAND.get(rule, "{{a}}"),
                    "indexTemplate": "{{time}}",
                    "outputPath": "working.x",
                }
            ],
        }
        for rule in get_args(array.Kind)
    ],
    "ObjectNode": [
        {
            "sourcePath": "a",
            "destPath": "working.x",
            "operations": [{"type": one, "inputTemplate": "{{jsonEncode b}}", "outputPath": "working.y"}],
        }
        for one in _OPERATIONS
    ],
    "StringNode": [
        {"sourceData": "{{time}}{{data}}", "method": method, "methodArgs": arguments, "resultPath": "working.x"}
        for method in string._METHODS
        for arguments in (["{{a}}"], ["{{a}}", "{{b}}"], [])
    ],
    "DateTimeNode": [
        {**_DATE, "operation": operation, "unit": unit, "resultFormatString": "LLLL Z"}
        for operation in get_args(date_time.Operation)
        for unit in get_args(date_time.Unit)
    ]
    + [{**_DATE, "operation": "format", "sourceFormatString": "YYYY-MM-DD[T]HH:mm:ss.SSSZ"}],
    "BranchOnChangeNode": [
        {"valuePath": "a", "changeType": change, "changeThreshold": "{{b}}", "prevValuePath": "working.x"}
        for change in get_args(branch_on_change.Kind)
    ],
    "StoreValueNode": [
        {"keyName": "{{a}}", "valueType": way, "value": "{{b}}", "resultPath": "working.x"}
        for way in ("template", "json", "number", "incr", "decr", "clear")
    ]
    + [{"keyName": "{{a}}", "valueType": "path", "value": "b", "resultPath": "working.x"}],
    "GenerateIdNode": [{**_ID, "idTypeTemplate": way} for way in ("uuidv1", "uuidv3", "uuidv5", "objectId", "nanoid", "{{a}}")],
    "DelayNode": [{"delay": "{{time}}0"}],
}


def built(kind: AnyNodeClass, config: JSONObject) -> Any:
    with contextlib.suppress(ConfigInvalid):
        return kind(kind.Config.resolve({**config, "delay": "0"} if config.get("delay") == "5" else config, {}))
    return None


def all_nodes() -> list[tuple[AnyNodeClass, list[Any]]]:
    found = [kind for kind in nodes if kind.__module__.startswith("workflows.nodes.")]
    return [(kind, [node for config in configs(kind) if (node := built(kind, config))]) for kind in found]


_IN_CONFIG = re.compile(r"(?<![\w.])(?:data|working|a|b|time)(?:\.[A-Za-z]+)*")


def nodes_hold(node: Any, payload: JSONObject, value: Any, other: Any) -> None:
    """Run a node with random values at the very places its settings name."""
    for at, place in enumerate(dict.fromkeys(_IN_CONFIG.findall(node.config.model_dump_json()))):
        with contextlib.suppress(PathError):
            payload = Path.parse(place).set(payload, copy_json(other if at else value))
    context = FakeRunContext()
    try:
        if isinstance(node, CapNode):
            node.value(payload)
        elif isinstance(node, LoopingNode):
            for item in list(node.items(payload))[:3]:
                payload = node.enter(payload, item)
                node.value(payload)
            payload = node.leave(payload, [1])
        elif isinstance(node, AwaitingNode):
            payload, output = asyncio.run(_within_a_second(node, payload, context))
            assert 0 <= output < max(len(node.outputs), 1)
        else:
            assert isinstance(node, Node)
            payload, output = node.run(payload, context)
            assert 0 <= output < max(len(node.outputs), 1)
    except DECLARED:
        return
    assert isinstance(payload, dict)
    orjson.dumps(payload)
    assert not is_deeper(payload, 400)


async def _within_a_second(node: AwaitingNode[Any], payload: JSONObject, context: FakeRunContext) -> Any:
    with contextlib.suppress(TimeoutError):
        return await asyncio.wait_for(finished(node, payload, context), 1)
    return payload, 0


# -- graphs and runs

KINDS = ("MutateNode", "ConditionalNode", "MathNode", "StringNode", "JsonDecodeNode", "SwitchNode", "DebugNode",
         "LoopNode", "LoopCapNode", "ThrowErrorNode", "AnnotationNode", "GetValueNode", "StoreValueNode", "ArrayNode",
         "NoSuchNode")  # fmt: skip
ids = st.sampled_from([f"n{number}" for number in range(8)])


@st.composite
def wild_graphs(draw: st.DrawFn) -> tuple[list[Any], list[Any]]:
    """Return triggers and nodes as nobody would draw them."""
    raw = draw(
        st.lists(
            st.one_of(
                values,
                st.fixed_dictionaries(
                    {"id": ids, "type": st.sampled_from(KINDS), "config": st.one_of(values, st.just({"expression": "{{a}}"}))},
                    optional={
                        "outputIds": st.one_of(values, st.lists(st.lists(ids, max_size=3), max_size=3)),
                        "meta": st.one_of(values, st.fixed_dictionaries({"groupId": ids})),
                    },
                ),
            ),
            max_size=6,
        )
    )
    triggers = draw(
        st.lists(st.one_of(values, st.fixed_dictionaries({"type": words, "outputIds": st.lists(st.lists(ids))})), max_size=2)
    )
    return triggers, raw


@st.composite
def runnable_graphs(draw: st.DrawFn) -> list[JSONObject]:
    """Return nodes that run: forks, loops in loops, sequential and parallel, caps, and random kinds among them."""
    made: list[JSONObject] = []
    count = itertools.count()

    def chain(group: str, depth: int) -> list[str]:
        """Make some nodes of a group one after the other; returns where they begin."""
        following: list[str] = [_cap(group)] if group and draw(st.booleans()) else []
        for _ in range(draw(st.integers(1, 3))):
            name = f"n{next(count)}"
            kind = draw(st.sampled_from(["loop", "fork", "plain"] if depth < 3 else ["plain"]))
            if kind == "loop":
                source = draw(st.sampled_from(["a", "b", "data"]))
                config: Any = {"loopSourcePath": source, "currentItemPath": "working.item", "parallel": draw(st.booleans())}
                config["mapResultPath"] = draw(st.sampled_from(["", "working.r"]))
                made.append(_node(name, "LoopNode", config, [following, chain(name, depth + 1)], group))
            elif kind == "fork":
                made.append(_node(name, "DebugNode", {}, [[*following, *chain(group, depth + 1)]], group))
            else:
                plain = draw(st.sampled_from(PLAIN))
                made.append(_node(name, plain[0], plain[1], [following for _ in range(plain[2])], group))
            following = [name]
        return following

    def _cap(group: str) -> str:
        name = f"n{next(count)}"
        config = {"loopNodeId": group, "shouldBreak": draw(st.booleans()), "mapValuePath": draw(st.sampled_from(["", "."]))}
        made.append(_node(name, "LoopCapNode", config, [], group))
        return name

    first = chain("", 0)
    return [{"type": "integration", "key": "i", "config": {}, "outputIds": [[*first]]}, *made]


def _node(name: str, kind: str, config: Any, outputs: list[Any], group: str) -> JSONObject:
    return {"id": name, "type": kind, "config": config, "outputIds": outputs, "meta": {"groupId": group} if group else {}}


PLAIN: list[tuple[str, JSONObject, int]] = [
    ("ConditionalNode", {"expression": "{{working.item.index}} > 1"}, 2),
    ("MutateNode", {"rules": [{"type": "copy", "source": ".", "destination": "working.all"}]}, 1),
    ("MutateNode", {"rules": [{"type": "set", "destination": "a", "valueTemplate": "{{a}}{{a}}{{b}}"}]}, 1),
    ("MathNode", {"statements": [{"expression": "{{a}} + 1", "resultPath": "a"}]}, 1),
    ("StringNode", {"sourceData": "{{a}}", "method": "pad", "methodArgs": ["50000"], "resultPath": "b"}, 1),
    ("StoreValueNode", {"keyName": "k", "valueType": "path", "value": "a", "resultPath": "data"}, 1),
    ("ArrayNode", {"sourceArrayPath": "data", "rules": [{"type": "concat", "inputTemplate": "{{data}}"}]}, 1),
    ("DelayNode", {"delay": "0"}, 1),
    ("JsonEncodeNode", {"source": "working", "destination": "a"}, 1),
]


ENDS = {"RunLimitReached", "PathError", "TemplateError", "Error", "StorageError", "ExpressionError"}


def graphs_hold(triggers: list[Any], raw: list[Any]) -> None:
    with contextlib.suppress(GraphInvalid):
        Graph.parse(triggers, raw)


def runs_hold(graph: list[JSONObject], payload: JSONObject) -> None:
    """Every run ends by itself, or at a limit, or in a declared error."""
    compiled = Graph.parse(graph[:1], graph[1:])
    trigger = compiled.triggers("integration", "i")[0]
    context = FakeRunContext(ticks=3_000)
    failed: RunFailed | None = None
    try:
        asyncio.run(asyncio.wait_for(engine.run(trigger, payload, context), 30))
    except RunFailed as error:
        failed = error
    assert failed is None or failed.name in ENDS
    assert failed is None or orjson.dumps(failed.payload)


graph_payloads = st.fixed_dictionaries(
    {"a": st.one_of(st.integers(-3, 9), words, st.lists(scalars, max_size=9)), "b": values, "data": st.lists(values, max_size=4)}
)
KNOWN = all_nodes()


@few
@given(templates, payloads)
def test_templates(text: str, payload: JSONObject) -> None:
    templates_hold(text, payload)


@few
@given(expressions, payloads)
def test_expressions(text: str, payload: JSONObject) -> None:
    expressions_hold(text, payload)


@few
@given(path_texts, payloads, values)
def test_paths(text: str, payload: JSONObject, value: Any) -> None:
    paths_hold(text, payload, value)


@pytest.mark.parametrize("variants", [made for _, made in KNOWN], ids=[kind.name for kind, _ in KNOWN])
@settings(few, max_examples=12)
@given(data=st.data(), payload=payloads, value=values, other=values)
def test_nodes(variants: list[Any], data: st.DataObject, payload: JSONObject, value: Any, other: Any) -> None:
    nodes_hold(data.draw(st.sampled_from(variants)), payload, value, other)


@few
@given(wild_graphs())
def test_graphs(graph: tuple[list[Any], list[Any]]) -> None:
    graphs_hold(*graph)


@settings(few, max_examples=20)
@given(runnable_graphs(), graph_payloads)
def test_runs(graph: list[JSONObject], payload: JSONObject) -> None:
    runs_hold(graph, payload)


@pytest.mark.slow
@pytest.mark.timeout(900)
@many
@given(data=st.data(), text=templates, expression=expressions, path=path_texts, payload=payloads, value=values, other=values)
def test_much_more(
    data: st.DataObject, text: str, expression: str, path: str, payload: JSONObject, value: Any, other: Any
) -> None:
    templates_hold(text, copy_json(payload))
    expressions_hold(expression, copy_json(payload))
    paths_hold(path, copy_json(payload), value)
    graphs_hold(*data.draw(wild_graphs()))
    for _, variants in KNOWN:
        nodes_hold(data.draw(st.sampled_from(variants)), copy_json(payload), value, other)


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(many, max_examples=300)
@given(runnable_graphs(), graph_payloads)
def test_many_more_runs(graph: list[JSONObject], payload: JSONObject) -> None:
    runs_hold(graph, payload)
