"""What holds for every registered class, of connectors and of nodes: their suites walk a registry and gather faults."""

import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from wegnology.lib.reference import said_of, settings
from wegnology.lib.schema import Schema, is_secret

ROOT = Path(__file__).resolve().parent.parent
Waivers = Mapping[tuple[str, str, str], str]
"""By public name, rule and place: why the rule does not hold there."""

_SECRET = re.compile(r"password|passphrase|secret|token|(private|access|api|account) key|key json|connection string")


def words_of(name: str) -> str:
    """Return a JSON name or a class name as small words: "privateKey" is "private key"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()


def file_name_of(name: str) -> str:
    """Return the file that a public name belongs in."""
    return f"{words_of(name).replace(' ', '_')}.py"


def file_of(cls: type) -> Path:
    """Return where a class is written, from the project's root."""
    return Path(inspect.getfile(cls)).resolve().relative_to(ROOT)


def its_test_file(cls: type) -> Path:
    """Return where the tests of a class belong."""
    path = file_of(cls)
    return ROOT / "tests" / path.parent / f"test_{path.name}"


def docstring_faults(cls: type) -> Iterator[tuple[str, str]]:
    """A class says in its first line what it is: pages show it."""
    first = said_of(cls).partition("\n")[0]
    if not first.endswith("."):
        yield "", f"the docstring of {cls.__name__} begins with {first!r}, which is no sentence"


def field_faults(schema: type[Schema]) -> Iterator[tuple[str, str]]:
    """Every setting is explained in sentences: forms, the API and the reference show them."""
    for path, label, field in settings(schema):
        text = field.description or ""
        if not text.endswith("."):
            yield path, f"{schema.__name__}: the description of {path} is {text!r}"
        if not label.strip():
            yield path, f"{schema.__name__}: {path} has no label"


def secret_faults(schema: type[Schema]) -> Iterator[tuple[str, str]]:
    """What sounds like a secret is kept like one."""
    for path, _, field in settings(schema):
        if _SECRET.search(words_of(path.rpartition(".")[2])) and not is_secret(field):
            yield path, f"{schema.__name__}: {path} sounds like a secret and is kept in clear"


def judge(name: str, rule: str, faults: Iterator[tuple[str, str]], waivers: Waivers) -> list[str]:
    """Return what is wrong: faults that nothing waives, and waivers that nothing needs."""
    found = dict(faults)
    waived = {place for (who, what, place) in waivers if (who, what) == (name, rule)}
    wrong = [text for place, text in found.items() if place not in waived]
    return wrong + [f"the waiver for {place or rule!r} is not needed any more" for place in waived - found.keys()]
