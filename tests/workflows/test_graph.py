"""Compiling triggers and nodes: every fault at once, each with its place."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workflows.fakes import node, parse, trigger
from wegnology.lib.types import JSONObject
from workflows.graph import MAX_NODES, Graph, GraphInvalid


def faults(triggers: list[Any], nodes: list[Any]) -> list[str]:
    with pytest.raises(GraphInvalid) as caught:
        parse(triggers, nodes)
    return [str(fault) for fault in caught.value.faults]


def mark(identifier: str, *outputs: list[Any]) -> JSONObject:
    return node(identifier, "MarkNode", *outputs, text=identifier)


def test_wires_nodes_by_reference() -> None:
    graph = parse([trigger("a", "c")], [mark("a", ["b"]), mark("b"), mark("c", ["b"])])
    (found,) = graph.triggers("integration", "i1")
    a, c = found.outputs[0]
    assert (a.id, c.id, a.label) == ("a", "c", "Mark")
    assert a.outputs[0][0] is c.outputs[0][0] is graph.nodes["b"]
    assert graph.triggers("integration", "other") == []


def test_a_label_of_the_users_own() -> None:
    assert parse([], [mark("a") | {"meta": {"label": "Decode it"}}]).nodes["a"].label == "Decode it"


@pytest.mark.parametrize(
    ("flags", "kinds"),
    [
        ({}, {"message"}),
        ({"connect": True}, {"connect", "message"}),
        ({"message": False, "failure": True, "disconnect": True}, {"failure", "disconnect"}),
    ],
)
def test_a_trigger_wants_what_its_flags_say(flags: dict[str, bool], kinds: set[str]) -> None:
    (found,) = parse([trigger(**flags)], []).triggers("integration", "i1")
    assert {kind for kind in ("connect", "message", "disconnect", "failure") if found.wants(kind)} == kinds


def test_other_trigger_types_are_kept_and_never_fire() -> None:
    graph = parse([{"type": "timer", "key": "k", "config": {"seconds": 5}, "outputIds": [["a"]]}], [mark("a")])
    (found,) = graph.triggers("timer", "k")
    assert not found.wants("message")
    assert list(graph.all_triggers()) == [found]


FAULTS: list[tuple[str, list[Any], list[Any], list[str]]] = [
    ("unknown output", [], [mark("a", ["b"])], ["nodes[0].outputIds[0][0]: Referenced output ID b does not exist."]),
    ("of a trigger", [trigger("x")], [], ["triggers[0].outputIds[0][0]: Referenced output ID x does not exist."]),
    ("self", [], [mark("a", ["a"])], ["nodes[0].outputIds[0][0]: A node cannot connect to itself."]),
    ("twice", [], [mark("a"), mark("a")], ["nodes[1].id: Node IDs must be unique: 'a' is used twice."]),
    ("circle", [], [mark("a", ["b"]), mark("b", ["c"]), mark("c", ["b"])], ["nodes: The nodes run in a circle: b → c → b."]),
    ("unknown type", [], [node("a", "NoSuchNode")], ["nodes[0].type: There is no 'NoSuchNode'."]),
    ("missing setting", [], [node("a", "MarkNode")], ["nodes[0].config.text: This field is required."]),
    ("unknown setting", [], [node("a", "SendNode", x=1)], ["nodes[0].config.x: There is no such field."]),
    ("too many outputs", [], [mark("a", [], ["b"]), mark("b")], ["nodes[0].outputIds: This node has 1 output(s), 2 are wired."]),
    (
        "note",
        [],
        [mark("a", ["n"]), node("n", "NoteNode")],
        ["nodes[0].outputIds[0][0]: Note cannot be connected: it never runs."],
    ),
    ("no id", [], [{"type": "SendNode"}], ["nodes[0].id: This field is required."]),
    ("unknown key", [], [{"id": "a", "type": "SendNode", "x": 1}], ["nodes[0].x: There is no such field."]),
    (
        "no flag",
        [trigger(message=False)],
        [],
        ["triggers[0].config: Choose at least one of connect, message, disconnect and failure."],
    ),
    ("unknown flag", [trigger(messages=True)], [], ["triggers[0].config.messages: There is no such field."]),
    (
        "all at once",
        [trigger("x")],
        [mark("a", ["b", "a"]), node("c", "MarkNode")],
        [
            "nodes[1].config.text: This field is required.",
            "nodes[0].outputIds[0][0]: Referenced output ID b does not exist.",
            "nodes[0].outputIds[0][1]: A node cannot connect to itself.",
            "triggers[0].outputIds[0][0]: Referenced output ID x does not exist.",
        ],
    ),
]


@pytest.mark.parametrize(("triggers", "nodes", "expected"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_faults(triggers: list[Any], nodes: list[Any], expected: list[str]) -> None:
    assert faults(triggers, nodes) == expected


@pytest.mark.parametrize("raw", [None, 5, "x", [], {"id": 5, "type": None, "outputIds": [["a"], 3]}])
def test_what_is_no_node_at_all_is_a_fault(raw: Any) -> None:
    assert all(text.startswith("nodes[0]") for text in faults([], [raw]))


def test_an_unknown_type_is_told_the_nearest_one() -> None:
    with pytest.raises(GraphInvalid, match="did you mean 'ConditionalNode'"):
        Graph.parse([], [node("a", "ConditonalNode", expression="true")])


def test_the_number_of_nodes_is_bounded() -> None:
    assert faults([], [mark(str(n)) for n in range(MAX_NODES + 1)]) == ["nodes: There are 2001; at most 2000 are allowed."]


def test_a_deep_graph_compiles() -> None:
    nodes = [mark(str(n), [str(n + 1)]) for n in range(MAX_NODES - 1)]
    assert len(parse([trigger("0")], [*nodes, mark(str(MAX_NODES - 1))]).nodes) == MAX_NODES


def test_a_deep_circle_is_found() -> None:
    nodes = [mark(str(n), [str((n + 1) % MAX_NODES)]) for n in range(MAX_NODES)]
    (fault,) = faults([], nodes)
    assert fault.startswith("nodes: The nodes run in a circle: ")


_ids = st.sampled_from(["a", "b", "c", "d"])
_outputs = st.lists(st.lists(_ids | st.just("missing"), max_size=3), max_size=2)
_nodes = st.lists(
    st.fixed_dictionaries(
        {"id": _ids, "type": st.sampled_from(["ForkNode", "SendNode", "NoteNode", "Other"]), "outputIds": _outputs}
    ),
    max_size=4,
)


@given(nodes=_nodes, starts=_outputs)
def test_parsing_gives_a_graph_without_circles_or_faults(nodes: list[JSONObject], starts: list[Any]) -> None:
    try:
        graph = parse([{"type": "integration", "key": "i1", "outputIds": starts}], nodes)
    except GraphInvalid:
        return
    for found in graph.nodes.values():
        reached, todo = set(), [target for output in found.outputs for target in output]
        while todo:
            target = todo.pop()
            assert target is not found
            if target.id not in reached:
                reached.add(target.id)
                todo.extend(target for output in target.outputs for target in output)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda x: (
            st.lists(x, max_size=3)
            | st.dictionaries(st.sampled_from(["id", "type", "outputIds", "config", "meta", "key"]), x, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_no_input_crashes(raw: Any) -> None:
    items = raw if isinstance(raw, list) else [raw]
    for triggers, nodes in ((items, []), ([], items)):
        with contextlib.suppress(GraphInvalid):
            parse(triggers, nodes)
