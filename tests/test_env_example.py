"""`.env.example` and the table in docs/operations.md name every setting, and `.env.example` its true default."""

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
SET_BY_OTHERS = {"DYNO": "the host sets it", "WEGNOLOGY_ROLE": "the Procfile sets it"}
WORKED_OUT = {"WEGNOLOGY_STATE_DIR": "depends on where the project lies", "DATABASE_URL": "depends on the state folder"}


def settings_read() -> Iterator[tuple[str, Any]]:
    """Yield name and default of every variable that settings.py reads; a default that is worked out is None."""
    for node in ast.walk(ast.parse((ROOT / "wegnology" / "settings.py").read_text())):
        if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
            continue
        of_env = isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "env"
        if of_env or ast.unparse(node.func) == "_key":
            given = [*node.args[1:], *(keyword.value for keyword in node.keywords if keyword.arg == "default")]
            yield str(node.args[0].value), _value(given[0]) if given and of_env else ""


def _value(node: ast.expr) -> Any:
    try:
        return eval(compile(ast.Expression(node), "settings", "eval"), {"__builtins__": {}})
    except NameError:
        return None


def procfile_read() -> dict[str, str]:
    """Return name and default of every variable that the Procfile reads."""
    return dict(re.findall(r"\$\{(\w+):-([^}]*)\}", (ROOT / "Procfile").read_text()))


def example() -> dict[str, str]:
    """Return name and default of every variable in `.env.example`."""
    return dict(re.findall(r"^#(\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))


def everything_read() -> dict[str, Any]:
    found: dict[str, Any] = dict(procfile_read())
    for name, default in settings_read():
        found[name] = default if found.get(name) in (None, "") or default else found[name]
    return found


def test_the_example_names_every_setting_and_nothing_else() -> None:
    assert set(example()) == set(everything_read()) - set(SET_BY_OTHERS)


def test_settings_are_found_at_all() -> None:
    assert {"PORT", "WEB_HOST", "DJANGO_SECRET_KEY", "WEGNOLOGY_PARTITIONS"} <= set(everything_read())


@pytest.mark.parametrize("name", sorted(set(example()) - set(WORKED_OUT)))
def test_the_example_shows_the_default(name: str) -> None:
    default = everything_read()[name]
    expected = ",".join(default) if isinstance(default, list) else str(default)
    assert example()[name] == expected


def test_every_setting_is_explained_above_it() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    for before, line in itertools.pairwise(lines):
        if re.match(r"^#\w+=", line):
            assert re.match(r"^# \S|^#\w+=", before), f"{line} has no explanation"


@pytest.mark.parametrize("name", sorted({*example(), *SET_BY_OTHERS}))
def test_the_manual_lists_the_setting(name: str) -> None:
    assert f"| `{name}` |" in (ROOT / "docs" / "operations.md").read_text()
