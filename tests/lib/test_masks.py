"""Masks that come back keep what is stored."""

import pytest

from wegnology.lib.known_globals import MASK
from wegnology.lib.masks import unmasked
from wegnology.lib.schema import ConfigInvalid, Schema, SecretStr
from wegnology.lib.types import JSONObject


class Header(Schema):
    key: str
    value: SecretStr


class Login(Schema):
    user: str
    password: SecretStr | None = None
    headers: list[Header] = []


STORED: JSONObject = {
    "user": "ann",
    "password": "hunter2",
    "headers": [{"key": "A", "value": "one"}, {"key": "B", "value": "two"}],
}


def test_what_is_shown_can_be_sent_back() -> None:
    assert unmasked(Login, Login.masked(STORED), STORED) == STORED


def test_others_may_change_beside_a_mask() -> None:
    assert unmasked(Login, {"user": "bob", "password": MASK}, STORED) == {"user": "bob", "password": "hunter2"}
    assert unmasked(Login, {"user": "bob", "password": "new"}, STORED) == {"user": "bob", "password": "new"}


def test_a_secret_follows_its_row_to_another_place() -> None:
    sent: JSONObject = {"user": "ann", "headers": [{"key": "B", "value": MASK}, {"key": "A", "value": "1"}]}
    assert unmasked(Login, sent, STORED)["headers"] == [{"key": "B", "value": "two"}, {"key": "A", "value": "1"}]


@pytest.mark.parametrize(
    ("sent", "place"),
    [
        ({"user": "ann", "headers": [{"key": "C", "value": MASK}]}, "headers.0.value"),
        ({"user": "ann", "headers": [{"key": "A", "value": MASK}, {"key": "D", "value": MASK}]}, "headers.1.value"),
    ],
)
def test_a_mask_with_nothing_behind_it_is_a_fault(sent: JSONObject, place: str) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        unmasked(Login, sent, STORED)
    assert list(refused.value.errors) == [place]


def test_a_mask_is_no_password() -> None:
    with pytest.raises(ConfigInvalid, match="password"):
        unmasked(Login, {"user": "ann", "password": MASK}, {"user": "ann"})
