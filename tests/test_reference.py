"""Reference pages: current, and made from nothing but declarations."""

import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Annotated, ClassVar, Literal, NotRequired, TypedDict

import pytest
from django.core.management import CommandError, call_command

from integrations.events import EventKind
from tests.lamp import LampConnector
from wegnology.lib.examples import settings_example, shape_example
from wegnology.lib.reference import json_block, settings, settings_table, shape_table, table, words
from wegnology.lib.schema import Field, Schema, SecretStr, Templated, ui
from wegnology.management.commands.document import pages
from workflows.nodes.base import Category, Node

ROOT = Path(__file__).resolve().parent.parent


class Bulb(Schema):
    """One bulb."""

    name: str = Field(min_length=1, description="Its name.")
    watts: int | None = Field(None, ge=1, le=100, description="What it takes.")


class Lantern(Schema):
    """A lantern."""

    street: Templated[str] = Field(title="Street", description="Where | it <stands>.", json_schema_extra=ui(placeholder="High"))
    password: Templated[SecretStr | None] = Field(None, description="Opens it.")
    mode: Literal["oil", "gas"] = Field("oil", description="What burns.")
    bulbs: list[Bulb] = Field([], max_length=3, description="What shines.")
    chimney: bool = Field(True, description="Has one.", json_schema_extra=ui(when={"mode": ["oil", "gas"]}))
    sparks: bool = Field(True, description="Sheds some.", json_schema_extra=ui(when={"mode": {"not": ["gas"]}}))
    holder: str = Field("", description="Holds it.", json_schema_extra=ui(when={"street": {"not": ["", None]}}))
    hours: list[int] = Field([], description="When.", examples=[[20, 21]])


class Glow(TypedDict):
    """How it glows."""

    colour: str


class Shining(TypedDict):
    """It shines."""

    type: Literal["message"]
    street: Annotated[str, Field(description="Where.", examples=["High"])]
    glow: Glow
    tags: dict[str, str]
    since: NotRequired[int]


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines()]


def test_the_pages_are_current() -> None:
    result = subprocess.run(
        [sys.executable, "manage.py", "document", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_a_page_that_is_not_current_is_named_and_written_anew(tmp_path: Path) -> None:
    call_command("document", folder=tmp_path, stdout=StringIO())
    call_command("document", check=True, folder=tmp_path)
    (tmp_path / "nodes.md").write_text("old")
    (tmp_path / "left-over.md").write_text("of a former release")
    with pytest.raises(CommandError, match=r"left-over\.md, nodes\.md"):
        call_command("document", check=True, folder=tmp_path)
    assert (tmp_path / "nodes.md").read_text() == "old"
    call_command("document", folder=tmp_path, stdout=StringIO())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["credentials.md", "index.md", "integrations.md", "nodes.md"]
    call_command("document", check=True, folder=tmp_path)


def test_settings_are_told_with_everything_that_is_declared() -> None:
    assert rows(settings_table(Lantern)) == [
        ["Setting", "Label", "Type", "Default", "Template", "Secret", "Meaning"],
        ["---"] * 7,
        ["`street`", "Street Template", "text", "required", "yes", "", "Where \\| it &lt;stands>."],
        ["`password`", "Password Template", "text", "", "yes", "yes", "Opens it."],
        ["`mode`", "Mode", "`oil` or `gas`", '`"oil"`', "", "", "What burns."],
        ["`bulbs`", "Bulbs", "list of objects, at most 3 items", "", "", "", "What shines."],
        ["`bulbs[].name`", "Name", "text, not empty", "required", "", "", "Its name."],
        ["`bulbs[].watts`", "Watts", "whole number, 1 to 100", "", "", "", "What it takes."],
        ["`chimney`", "Chimney", "true or false", "`true`", "", "", "Has one. Only when `mode` is `oil` or `gas`."],
        ["`sparks`", "Sparks", "true or false", "`true`", "", "", "Sheds some. Only when `mode` is not `gas`."],
        ["`holder`", "Holder", "text", "", "", "", "Holds it. Only when `street` is given."],
        ["`hours`", "Hours", "list of whole numbers", "", "", "", "When."],
    ]


def test_a_shape_is_told_down_to_its_last_key() -> None:
    assert rows(shape_table(Shining))[2:] == [
        ["`type`", "`message`", "yes", ""],
        ["`street`", "text", "yes", "Where."],
        ["`glow`", "object", "yes", "How it glows."],
        ["`glow.colour`", "text", "yes", ""],
        ["`tags`", "object", "yes", ""],
        ["`since`", "whole number", "", ""],
    ]
    assert shape_table(dict) == ""


def test_examples_hold_what_is_needed_and_what_is_declared() -> None:
    assert settings_example(Lantern) == {"street": "High", "hours": [20, 21]}
    shining = {"type": "message", "street": "High", "glow": {"colour": "text"}, "tags": {"name": "text"}}
    assert shape_example(Shining) == shining


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (str | None, "text"),
        (int | str, "whole number or text"),
        (Literal["a", "b", "c"], "`a`, `b` or `c`"),
        (list[list[str]], "list of lists of texts"),
        (dict[str, int], "object"),
        (object, "any value"),
    ],
)
def test_types_in_words(annotation: object, text: str) -> None:
    assert words(annotation) == text


def test_short_json_stands_on_one_line() -> None:
    assert (
        json_block({"a": [[], []], "b": ["x" * 90]}) == f'```json\n{{\n  "a": [[], []],\n  "b": [\n    "{"x" * 90}"\n  ]\n}}\n```'
    )


def test_a_table_without_rows_is_none() -> None:
    assert table(("A",), []) == ""


class ShiningLamp(LampConnector):
    """A lamp that says when it shines."""

    topics_required: ClassVar[bool] = True
    payloads: ClassVar = {EventKind.MESSAGE: Shining}


class Blink(Node[Bulb]):
    """Blinks once.

    Nothing else happens.
    """

    name = "BlinkNode"
    label = "Blink"
    category = Category.OUTPUT
    Config = Bulb
    outputs = ("seen", "unseen")

    def run(self, payload: object, context: object) -> None:  # type: ignore[override]
        """Never called."""


def test_a_seventh_type_and_a_new_node_appear_by_themselves() -> None:
    made = pages([ShiningLamp], [Blink])
    assert "| [Lamp](integrations.md#lamp) | `lamp` |" in made["index.md"]
    assert "| [Blink](nodes.md#blink-message) | Blinks once. |" in made["index.md"]
    page = made["integrations.md"]
    for name, _, _ in settings(ShiningLamp.Config):
        assert f"| `{name}` |" in page
    assert "Switches (`topics`): at least one is required. One switch a line." in page
    assert '"street": "High"' in page
    assert "Outputs: `seen`, `unseen`." in made["nodes.md"]
    assert '"type": "BlinkNode"' in made["nodes.md"]
