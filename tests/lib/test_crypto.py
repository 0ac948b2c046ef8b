"""Secrets at rest: sealed for one place, opened by any configured key, and never by another."""

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wegnology.lib.crypto import KeyMissing, Keyring, SealBroken, is_sealed, key_id, new_key, sealing_key

PLACE = "integration:6b0000000000000000000001:password"
KEY = new_key()


def test_a_sealed_value_opens_at_its_place_only() -> None:
    """The place is part of the seal: a value cannot be moved to another row or field."""
    ring = Keyring([new_key()])
    sealed = ring.seal("pässword & <more>", PLACE)
    assert is_sealed(sealed)
    assert "pässword" not in sealed
    assert ring.unseal(sealed, PLACE) == "pässword & <more>"
    with pytest.raises(SealBroken):
        ring.unseal(sealed, PLACE.replace("password", "username"))


def test_a_changed_value_does_not_open() -> None:
    """One flipped bit is noticed."""
    ring = Keyring([new_key()])
    head, _, text = ring.seal("secret", PLACE).rpartition(":")
    data = bytearray(base64.b64decode(text))
    data[-1] ^= 1
    with pytest.raises(SealBroken):
        ring.unseal(f"{head}:{base64.b64encode(data).decode()}", PLACE)


def test_the_first_key_seals_and_all_open() -> None:
    """A new key in front takes over; what the old one sealed still opens, until the old one is gone: then it is named."""
    old, new = new_key(), new_key()
    sealed = Keyring([old]).seal("secret", PLACE)
    both = Keyring([new, old])
    assert both.unseal(sealed, PLACE) == "secret"
    assert key_id(new) in both.seal("secret", PLACE)
    with pytest.raises(KeyMissing, match=key_id(old)):
        Keyring([new]).unseal(sealed, PLACE)


def test_equal_values_look_different_each_time() -> None:
    """Nobody can see from the database that two passwords are the same."""
    ring = Keyring([new_key()])
    assert ring.seal("secret", PLACE) != ring.seal("secret", PLACE)


def test_without_keys_nothing_is_sealed_and_a_short_key_is_refused() -> None:
    """The error says what to set and how to make a key."""
    with pytest.raises(KeyMissing, match="WEGNOLOGY_SECRET_KEYS"):
        Keyring([]).seal("secret", PLACE)
    with pytest.raises(ValueError, match=r"python -m wegnology\.lib\.crypto"):
        Keyring([base64.urlsafe_b64encode(b"short").decode()])


@pytest.mark.parametrize(
    "change",
    [
        lambda head, text: "",
        lambda head, text: "sealed:",
        lambda head, text: f"{head}:",
        lambda head, text: f"{head}:%%%",
        lambda head, text: f"{head}:{text[:-1]}",
        lambda head, text: f"{head}:{text[:12]}",
        lambda head, text: f"{head}:AAAA",
        lambda head, text: f"{head}:{text}\n",
        lambda head, text: f"{head}:{text}:{text}",
        lambda head, text: f"sealed:zzzzzzzz:{text}",
        lambda head, text: f"{head} :{text}",
        lambda head, text: f"{head}:ä{text}",
    ],
)
def test_what_is_malformed_is_broken_and_no_crash(change: Callable[[str, str], str]) -> None:
    ring = Keyring([new_key()])
    head, _, text = ring.seal("secret", PLACE).rpartition(":")
    with pytest.raises(SealBroken):
        ring.unseal(change(head, text), PLACE)


@given(at=st.integers(16, 80), bit=st.integers(0, 6))
def test_any_change_of_nonce_text_or_tag_is_noticed(at: int, bit: int) -> None:
    ring = Keyring([new_key()])
    sealed = ring.seal("a secret of some length", PLACE)
    at = min(at, len(sealed) - 1)
    changed = sealed[:at] + chr(ord(sealed[at]) ^ (1 << bit)) + sealed[at + 1 :]
    with pytest.raises((SealBroken, KeyMissing)):
        ring.unseal(changed, PLACE)


def test_a_wrong_key_under_the_right_id_does_not_open() -> None:
    """Somebody rewrote the key id: the ciphertext knows better."""
    one, two = new_key(), new_key()
    sealed = Keyring([one]).seal("secret", PLACE).replace(key_id(one), key_id(two))
    with pytest.raises(SealBroken):
        Keyring([two]).unseal(sealed, PLACE)


def test_keys_are_told_by_their_id_and_never_shown() -> None:
    one, two = new_key(), new_key()
    ring = Keyring([one, two])
    assert (ring.first, ring.ids) == (key_id(one), frozenset({key_id(one), key_id(two)}))
    assert (Keyring([]).first, Keyring([]).ids) == ("", frozenset())
    assert sealing_key(ring.seal("secret", PLACE)) == key_id(one)
    assert sealing_key("sealed:oops") == ""
    assert sealing_key(7) == ""
    assert one not in repr(ring)
    assert two not in repr(ring)


@given(text=st.text())
def test_any_text_survives(text: str) -> None:
    ring = Keyring([KEY])
    assert ring.unseal(ring.seal(text, PLACE), PLACE) == text
