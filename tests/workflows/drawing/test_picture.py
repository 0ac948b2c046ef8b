"""A workflow as boxes and wires."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wegnology.lib.known_globals import MASK
from workflows.drawing.picture import Picture, picture
from workflows.exceptions import Fault

TRIGGER: dict[str, Any] = {"type": "integration", "key": "i1", "config": {"message": True}, "outputIds": [["check"]]}
CHECK: dict[str, Any] = {"id": "check", "type": "ConditionalNode", "config": {"expression": "{{a}}"}, "outputIds": [[], ["say"]]}
SAY: dict[str, Any] = {
    "id": "say",
    "type": "DebugNode",
    "config": {"message": "hot"},
    "meta": {"label": "Say so"},
    "outputIds": [],
}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "type", "key", "config", "meta", "outputIds", "x", "y", "label", "groupId"]), inner
        )
    ),
    max_leaves=25,
)


def drawn(**more: Any) -> Picture:
    return picture([TRIGGER], [CHECK, SAY], sources={"i1": "Broker"}, **more)


def test_triggers_and_nodes_are_boxes_and_their_wires_end_at_them() -> None:
    found = drawn()
    assert [(box.kind, box.label) for box in found.boxes] == [("trigger", "Broker"), ("node", "Conditional"), ("node", "Say so")]
    assert [wire.name for wire in found.wires] == ["", "true"]
    trigger, check, _ = found.boxes
    out = trigger.outputs[0]
    assert found.wires[0].path.startswith(f"M{out.x} {out.y}C")
    assert found.wires[0].path.endswith(f"{check.x + check.width / 2} {check.y}")


def test_the_path_of_a_run_lights_the_boxes_and_wires_that_it_took() -> None:
    found = drawn(visits=[("check", 1), ("say", None)], failed="say")
    assert [box.state for box in found.boxes] == ["plain", "visited", "failed"]
    assert [box.order for box in found.boxes] == [(), (1,), (2,)]
    assert all(wire.taken for wire in found.wires)
    assert not any(wire.taken for wire in drawn(visits=[("check", 0)]).wires[1:])


def test_faults_stand_at_their_boxes() -> None:
    faults = [Fault("nodes[0].config.expression", "Missing."), Fault("triggers[0]", "No."), Fault("nodes", "In a circle.")]
    found = drawn(faults=faults)
    assert found.boxes[1].faults == ["config.expression: Missing."]
    assert found.boxes[0].faults == ["No."]
    assert found.other_faults == ["nodes: In a circle."]


def test_an_unknown_type_is_shown_as_not_supported() -> None:
    found = picture([], [{"id": "g", "type": "GeofenceNode", "config": {"apiKey": "hunter2"}, "outputIds": [["g2"], []]}])
    (box,) = found.boxes
    assert (box.supported, box.state, box.category, len(box.outputs)) == (False, "unsupported", "unsupported", 2)
    assert box.settings == [("apiKey", MASK)]


def test_the_body_of_a_loop_is_framed() -> None:
    body = {"id": "in", "type": "DebugNode", "config": {}, "meta": {"groupId": "loop"}, "outputIds": []}
    found = picture([], [{"id": "loop", "type": "LoopNode", "meta": {"label": "Each"}, "outputIds": [[], ["in"]]}, body])
    assert [frame.label for frame in found.frames] == ["Each"]


@given(ANYTHING, ANYTHING)
def test_anything_can_be_drawn(triggers: Any, nodes: Any) -> None:
    found = picture(triggers, nodes)
    assert len({box.id for box in found.boxes}) == len(found.boxes)


def test_only_the_trigger_that_began_the_run_is_lit() -> None:
    node = {"id": "a", "type": "DebugNode", "config": {}, "outputIds": []}
    triggers = [
        {"type": kind, "key": key, "config": {}, "outputIds": [["a"]]}
        for kind, key in (("integration", "one"), ("integration", "two"), ("virtualButton", "press"))
    ]

    def lit(*began: str) -> list[bool]:
        return [wire.taken for wire in picture(triggers, [node], visits=[("a", 0)], began=(began[0], began[1])).wires]

    assert lit("integration", "two") == [False, True, False]
    assert lit("virtualButton", "of the workflow") == [False, False, True]
    assert lit("", "") == [True, True, True]
