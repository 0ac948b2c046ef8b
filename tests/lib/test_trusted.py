"""Instances made without checking are the same as those that pydantic makes."""

from typing import Any

import pytest

from wegnology.lib.schema import Field, Schema, SecretStr
from wegnology.lib.trusted import constructor


class Letter(Schema):
    """What is sent."""

    to: str
    reply_to: str = ""
    copies: list[str] = Field(default_factory=list)
    pin: SecretStr | None = None


@pytest.mark.parametrize(
    "values", [{"to": "a"}, {"to": "a", "replyTo": "b", "copies": ["c"]}, {"to": "a", "reply_to": "b", "pin": "1234"}]
)
def test_it_is_what_pydantic_makes(values: dict[str, Any]) -> None:
    made, expected = constructor(Letter)(values), Letter.model_construct(**values)
    assert made == expected
    assert made.model_fields_set == expected.model_fields_set
    assert (made.reply_to, made.copies) == (expected.reply_to, expected.copies)
    assert made.model_dump(warnings=False) == expected.model_dump(warnings=False)


def test_instances_share_nothing_that_changes() -> None:
    construct = constructor(Letter)
    first, second = construct({"to": "a"}), construct({"to": "b"})
    first.copies.append("c")
    assert second.copies == []
