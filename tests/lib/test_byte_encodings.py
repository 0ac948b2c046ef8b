"""Texts that stand for bytes, by the names that Node.js has for them."""

import pytest

from wegnology.lib.byte_encodings import encoded, is_utf8


@pytest.mark.parametrize(
    ("text", "encoding", "data"),
    [
        ("grün", "utf8", "grün".encode()),
        ("grün", "", "grün".encode()),
        ("grün", "UTF-8", "grün".encode()),
        ("/wBh", "base64", b"\xff\0a"),
        ("_wBh", "base64url", b"\xff\0a"),
        ("_w", "base64", b"\xff"),
        ("ff0061", "hex", b"\xff\0a"),
        ("ü", "latin1", b"\xfc"),
        ("ü", "binary", b"\xfc"),
        ("a", "ascii", b"a"),
        ("aü", "utf16le", b"a\0\xfc\0"),
        ("aü", "ucs-2", b"a\0\xfc\0"),
    ],
)
def test_texts_become_the_bytes_they_stand_for(text: str, encoding: str, data: bytes) -> None:
    assert encoded(text, encoding) == data


@pytest.mark.parametrize(
    ("text", "encoding", "fault"),
    [
        ("x", "rot13", "There is no encoding 'rot13'"),
        ("zz", "hex", "The message is not valid hex"),
        ("abc", "hex", "The message is not valid hex"),
        ("a*b", "base64", "The message is not valid base64"),
        ("€", "latin1", "The message is not valid latin1"),
        ("ü", "ascii", "The message is not valid ascii"),
        ("\ud800", "utf8", "The message is not valid utf8"),
    ],
)
def test_what_does_not_fit_is_an_error(text: str, encoding: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        encoded(text, encoding)


def test_only_utf8_is_text() -> None:
    assert [name for name in ("", "utf8", "UTF-8", "ascii", "base64") if is_utf8(name)] == ["", "utf8", "UTF-8"]
