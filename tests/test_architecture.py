"""docs/architecture.md and the table of keys name what exists, and the table names everything."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docs" / "architecture.md").read_text()
TABLE = (ROOT / "integrations" / "runtime" / "keys.py").read_text().partition('"""\n\nimport')[0]
NAMED = sorted(set(re.findall(r"[\w./-]+\.(?:py|lua|md|lock|toml)\b", TEXT)) - {"uv.lock"})
PLACES = ["", "docs", "integrations", "integrations/runtime", "integrations/runtime/scripts", "wegnology/lib", "workflows"]
PLACES += ["wegnology/lib/rest", "wegnology/applications", "workflows/scripts", "workflows/exchange", "integrations/connectors"]
PLACES += [
    "tests",
    "tests/servers",
    "tests/integrations",
    "tests/integrations/connectors",
    "tests/integrations/runtime",
    "tests/workflows",
]


def keys_in_code() -> set[str]:
    """Return the first part of every key that a script or a module makes."""
    found = set()
    for path in (ROOT / "integrations" / "runtime" / "scripts").glob("*.lua"):
        found |= set(re.findall(r"P \.\. '(\w+)", path.read_text()))
        found |= set(re.findall(r"(?:count|token_of)\('(\w+)", path.read_text()))
    for package in ("integrations", "workflows"):
        for path in (ROOT / package).rglob("*.py"):
            found |= set(re.findall(r"\bkey\(\"(\w+)\"", path.read_text()))
    return found


def test_keys_are_found_at_all() -> None:
    assert {"inbox", "outbox", "ready", "ledger", "sends", "bytes", "unheld", "listen"} <= keys_in_code()


@pytest.mark.parametrize("name", sorted(keys_in_code()))
def test_the_table_of_keys_names_every_key(name: str) -> None:
    assert re.search(rf"[|` ]{name}[:`,; |]", TABLE), f"{name} is not in the table of integrations/runtime/keys.py"


@pytest.mark.parametrize("name", NAMED)
def test_files_that_are_named_exist(name: str) -> None:
    assert any((ROOT / place / name.removeprefix("../")).exists() for place in PLACES), f"{name} does not exist"
