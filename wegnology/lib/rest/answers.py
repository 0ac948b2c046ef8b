"""Parts of answers that all resources share."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from wegnology.lib.rest.operations import operation_of
from wegnology.lib.rest.parameters import Flags
from wegnology.lib.schema import Schema

ID_PATTERN = r"^[A-Fa-f\d]{24}$"


class Link(Schema):
    """Where something related is."""

    href: str = Field(description="An address below that of the API.", examples=["/applications/575ec8687ae143cd83dc4a97"])


class Action(Schema):
    """An operation that is possible next."""

    method: str = Field(examples=["PATCH"])
    href: str


class Answer(Schema):
    """What every answer about one thing may hold."""

    links: dict[str, Link] = Field({}, alias="_links", description="Unless `_links=false`.")
    actions: dict[str, Action] = Field({}, alias="_actions", description="With `_actions=true`.")


class Success(Schema):
    """It is done."""

    success: bool = True


DONE: dict[str, Any] = {"success": True}


def iso(moment: datetime) -> str:
    """Return a time as answers have it: UTC with milliseconds and Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def user_id_text(key: object) -> str:
    """Return the id of a person, or of another row with a number for a key, in the form of all other ids."""
    return f"{int(str(key)):024x}"


def number_of(text: str) -> int | None:
    """Return the number behind such an id; None when it is none."""
    try:
        number = int(text, 16)
    except ValueError:
        return None
    return number if len(text) == 24 and number < 2**63 else None


def with_links(
    answer: dict[str, Any], flags: Flags, links: Mapping[str, str], view: object = None, methods: Iterable[str] = ()
) -> dict[str, Any]:
    """Return an answer with its links and actions, as far as they were asked for. `links` holds addresses by name."""
    if flags.links:
        answer["_links"] = {name: {"href": href} for name, href in links.items()}
    if flags.actions and view is not None:
        declared = [method for method in methods if operation_of(view, method)]
        answer["_actions"] = {name.lower(): {"method": name, "href": links["self"]} for name in declared}
    return answer
