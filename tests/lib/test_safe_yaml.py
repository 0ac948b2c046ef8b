"""YAML as data: what is written comes back, what could harm is refused with its line."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wegnology.lib.safe_yaml import YamlFault, dump, load

_odd = st.text("ab \n\t-:#'\"|>%@`~!&*{}[],?yn019.eExo\r", max_size=16)
_words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | _odd
_numbers = st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False)
_values = st.recursive(
    st.none() | st.booleans() | _numbers | _words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_words, inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(_values)
def test_what_is_written_comes_back(value: Any) -> None:
    (read,) = load(dump(value))
    assert json.dumps(read, sort_keys=True) == json.dumps(value, sort_keys=True)


def test_plain_words_mean_what_they_mean_in_version_1_2() -> None:
    text = "a: yes\nb: 12:30\nc: 2024-01-01\nd: 0o17\ne: 1_000\nf: .5\ng: ~\nh:\ni: 'y'\nj: true\nk: +1\n<<: 3\n1: 0x1F\n"
    assert load(text) == [
        {
            "a": "yes",
            "b": "12:30",
            "c": "2024-01-01",
            "d": 15,
            "e": "1_000",
            "f": 0.5,
            "g": None,
            "h": None,
            "i": "y",
            "j": True,
            "k": 1,
            "<<": 3,
            "1": 31,
        }
    ]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\nb: &x 1\nc: *x", 2, "Anchors"),
        ("a: [1]\nb: *x", 2, "Aliases"),
        ("a: !!python/object/apply:os.system [ls]", 1, "Tags"),
        ("a: !custom 1", 1, "Tags"),
        ("a: 1\nb: 2\na: 3", 3, "stands twice"),
        ("? [a]\n: 1", 1, "single text"),
        ("a: .nan", 1, "not a JSON value"),
        ("a: 1e999", 1, "too large"),
        ("a: 1\nb: ]\nc: 2", 2, "no YAML"),
        ("a: 1\nb: \x07", 2, "no YAML"),
        ("- " * 300, 1, "nested too deeply"),
        ("[" * 1_000_000, 1, "nested too deeply"),
    ],
)
def test_what_is_refused(text: str, line: int, said: str) -> None:
    with pytest.raises(YamlFault, match=said) as caught:
        load(text)
    assert caught.value.line == line


def test_a_billion_laughs_are_no_joke_here() -> None:
    levels = [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 10)]
    with pytest.raises(YamlFault, match="Anchors"):
        load("\n".join(["a0: &a0 lol", *levels]))


def test_texts_of_several_lines_are_blocks_and_doubtful_words_in_quotes() -> None:
    assert dump({"script": "a\nb\n", "y": "no", "at": "12:30"}) == "at: '12:30'\nscript: |\n  a\n  b\n'y': 'no'\n"
