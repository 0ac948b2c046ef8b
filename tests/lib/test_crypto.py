"""Secrets at rest: sealed for one place, opened by any configured key, and never by another."""

import base64

import pytest

from wegnology.lib.crypto import KeyMissing, Keyring, SealBroken, is_sealed, key_id, new_key

PLACE = "integration:6b0000000000000000000001:password"


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
