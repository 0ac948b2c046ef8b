"""JSON that is kept for a while."""

import tracemalloc

import orjson

from wegnology.lib.packed_json import packed

MANY = 200


def test_it_is_the_same_json() -> None:
    value = {"id": "a" * 24, "n": [1, 2.5, None, True], "text": "ü"}
    assert orjson.loads(packed(value)) == value
    assert packed(value) == orjson.dumps(value)


def test_it_holds_no_more_than_its_text() -> None:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = [packed({"number": number}) for number in range(MANY)]
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert len(kept) == MANY
    assert held / MANY < 300
