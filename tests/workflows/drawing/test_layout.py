"""Where boxes stand."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from workflows.drawing.layout import HEIGHT, WIDTH, Point, given_place, place

NAMES = st.lists(st.text("abcdefgh", min_size=1, max_size=2), unique=True, min_size=1, max_size=14)


def apart(one: Point, other: Point) -> bool:
    return abs(one.x - other.x) >= WIDTH or abs(one.y - other.y) >= HEIGHT


def test_given_places_are_kept_from_the_upper_left_corner() -> None:
    found = place(["a", "b"], [("a", "b")], {"a": Point(500, 120), "b": Point(520, 260)})
    assert found == {"a": Point(0, 0), "b": Point(20, 140)}


def test_given_places_that_are_too_close_are_pulled_apart() -> None:
    found = place(["a", "b"], [("a", "b")], {"a": Point(0, 0), "b": Point(10, 40)})
    assert found["b"].y >= HEIGHT
    assert found["b"].x < WIDTH


def test_places_that_cannot_be_pulled_apart_give_way_to_layers() -> None:
    same = dict.fromkeys(("a", "b"), Point(7, 7))
    assert apart(*place(["a", "b"], [("a", "b")], same).values())


def test_without_places_a_node_stands_below_whatever_leads_to_it() -> None:
    wires = [("start", "left"), ("start", "right"), ("left", "end"), ("right", "middle"), ("middle", "end")]
    found = place(["start", "left", "right", "middle", "end"], wires, {})
    assert all(found[source].y < found[target].y for source, target in wires)


@given(NAMES, st.data())
def test_no_two_boxes_overlap_whatever_the_wires(names: list[str], data: st.DataObject) -> None:
    pair = st.tuples(st.sampled_from(names), st.sampled_from(names))
    found = place(names, data.draw(st.lists(pair, max_size=30)), {})
    assert found.keys() == set(names)
    assert all(apart(one, other) for one, other in combinations(found.values(), 2))


def test_what_is_no_place_counts_as_none() -> None:
    for meta in (
        {},
        {"x": 1},
        {"x": "1", "y": 2},
        {"x": True, "y": 1},
        {"x": float("nan"), "y": 1},
        {"x": 1e9, "y": 0},
        "x",
        None,
    ):
        assert given_place(meta) is None, meta
    assert given_place({"x": 1, "y": 2.5}) == Point(1, 2.5)
