"""Numbers by D3's specifiers; `test_against_node.py` compares many more with D3 itself."""

import math

import pytest

from wegnology.lib.number_format import FormatError, format_number, is_specifier


@pytest.mark.parametrize(
    ("specifier", "value", "text"),
    [
        ("", 1234567.891, "1234567.891"),
        (",.6", 1234567.891, "1.23457e+6"),
        (",.6", 1000, "1,000"),
        (".2f", 12.345, "12.35"),
        (".2f", -0.001, "0.00"),
        ("$,.2f", -1234.5, "−$1,234.50"),
        ("+d", 2.5, "+3"),
        (".3s", 1500, "1.50k"),
        ("~s", 0.00012, "120µ"),
        (".0%", 0.125, "13%"),
        (".1p", 0.125, "10%"),
        ("#x", 255, "0xff"),
        ("08.2f", 3.14159, "00003.14"),
        ("*^9d", 42, "***42****"),
        ("(.1f", -3.25, "(3.3)"),
        (".2r", 12345, "12000"),
        ("020,.2f", 1234.5, "0,000,000,001,234.50"),
        (".2f", math.nan, "NaN"),
        (".2f", -math.inf, "−Infinity"),
    ],
)
def test_formats(specifier: str, value: float, text: str) -> None:
    assert format_number(value, specifier) == text


@pytest.mark.parametrize("text", ["YYYY-MM-DD", "LTS", "hello", ".2z", "99999d"])
def test_what_is_no_number_format(text: str) -> None:
    with pytest.raises(FormatError):
        format_number(1, text)
    assert is_specifier(text) is (text == "99999d")
