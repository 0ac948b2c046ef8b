"""Regular expressions that cannot run away."""

import pytest

from wegnology.lib.patterns import PatternError, compile_pattern


def test_finds() -> None:
    assert compile_pattern(r"^s\d+$").found_in("s12")
    assert not compile_pattern(r"^s\d+$").found_in("x12")
    assert not compile_pattern("ABC").found_in("xabcx")
    assert compile_pattern("ABC", ignore_case=True).found_in("xabcx")


@pytest.mark.parametrize(("text", "fault"), [("(", "is no regular expression"), ("a" * 5000, "longer than 4096")])
def test_what_cannot_be_read(text: str, fault: str) -> None:
    with pytest.raises(PatternError, match=fault):
        compile_pattern(text)


def test_what_takes_too_long_is_ended() -> None:
    with pytest.raises(PatternError, match="took longer than"):
        compile_pattern(r"(?:a|aa|a?a)+$").found_in("a" * 5000 + "b")
