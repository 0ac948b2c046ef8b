"""The caps of a loop; what they do in a workflow is in `test_loop.py`."""

from tests.workflows.nodes import build, faults


def test_a_cap_belongs_to_a_loop_and_may_say_what_the_walk_gives() -> None:
    cap = build("LoopCapNode", {"loopNodeId": "loop", "mapValuePath": "a.b"})
    assert (cap.loop_id, cap.breaks) == ("loop", False)
    assert cap.value({"a": {"b": 3}}) == (True, 3)
    assert cap.value({}) == (True, None)
    assert build("LoopCapNode", {"loopNodeId": "loop", "mapValuePath": ""}).value({"a": 1}) == (False, None)
    assert build("LoopCapNode", {"loopNodeId": "loop", "shouldBreak": True}).breaks


def test_faults() -> None:
    assert faults("LoopCapNode", {}) == {"loopNodeId": "This field is required."}
