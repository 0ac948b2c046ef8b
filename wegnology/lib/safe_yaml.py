"""YAML as data and nothing else: JSON values in the core schema of YAML 1.2, bounded, every fault with its line.

Tags, anchors and aliases are refused: the first can name types, the others make a small text a huge value. Plain words mean what
they mean in YAML 1.2, which is what exports are written in: `yes`, `12:30` and `2024-01-01` are texts, `0o17` is a number.
"""

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

from wegnology.lib.types import JSONValue

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_WORDS: dict[str, JSONValue] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER = re.compile(
    r"(?P<whole>[-+]?[0-9]{1,400}\Z)|0o(?P<octal>[0-7]{1,400}\Z)|0x(?P<hex>[0-9a-fA-F]{1,400}\Z)"
    r"|(?P<real>[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z)|(?P<odd>[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z)"
)
_SAID_PLAINLY = re.compile(r"[A-Za-z_./$~][\w ./$()+~-]*\Z", re.ASCII)
_MEANS_MORE = re.compile(r"(?:y|n|yes|no|on|off|true|false|null|\.inf|\.nan|~|=|<<)\Z|[-+.]?[0-9]|.*\s\Z|---|\.\.\.", re.I)


class YamlFault(ValueError):
    """A text that is not taken. `line` counts from 1; the text is for people."""

    def __init__(self, message: str, line: int) -> None:
        self.line = line
        super().__init__(message)


def load(text: str, *, depth: int = 200) -> list[JSONValue]:
    """Return the documents of a text; raises `YamlFault`. Objects and lists may be nested `depth` deep."""
    try:
        return list(_documents(yaml.parse(text, Loader=_LOADER), depth))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlFault(
            f"This is no YAML: {error.problem or error.context}.", min(mark.line, text.count("\n")) + 1 if mark else 1
        ) from None
    except yaml.reader.ReaderError as error:
        raise YamlFault(f"This is no YAML: {error.reason}.", text.count("\n", 0, error.position) + 1) from None
    except yaml.YAMLError as error:
        raise YamlFault(f"This is no YAML: {error}.", 1) from None


def _documents(events: Iterator[Any], depth: int) -> Iterator[JSONValue]:
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            yield _value(next(events), events, depth)


def _value(event: Any, events: Iterator[Any], depth: int) -> JSONValue:
    """Return the value that begins with an event, and read on to its end."""
    if isinstance(event, yaml.AliasEvent):
        raise YamlFault("Aliases are not taken: write the value out.", _line(event))
    if event.anchor is not None or event.tag is not None:
        what = "Anchors" if event.anchor is not None else "Tags"
        raise YamlFault(f"{what} are not taken: write plain values.", _line(event))
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event)
    if depth <= 0:
        raise YamlFault("This is nested too deeply.", _line(event))
    if isinstance(event, yaml.SequenceStartEvent):
        return list(_items(events, depth - 1))
    return _mapping(events, depth - 1)


def _items(events: Iterator[Any], depth: int) -> Iterator[JSONValue]:
    for event in events:
        if isinstance(event, yaml.SequenceEndEvent):
            return
        yield _value(event, events, depth)


def _mapping(events: Iterator[Any], depth: int) -> dict[str, JSONValue]:
    found: dict[str, JSONValue] = {}
    for event in events:
        if isinstance(event, yaml.MappingEndEvent):
            break
        if not isinstance(event, yaml.ScalarEvent):
            raise YamlFault("A key must be a single text.", _line(event))
        _value(event, events, depth)  # what is said of anchors and tags holds for keys, too
        if event.value in found:
            raise YamlFault(f"The key “{event.value[:80]}” stands twice in one object.", _line(event))
        found[event.value] = _value(next(events), events, depth)
    return found


def _scalar(event: Any) -> JSONValue:
    text: str = event.value
    if not event.implicit[0]:  # quoted, or a block of text
        return text
    if text in _WORDS:
        return _WORDS[text]
    found = _NUMBER.match(text)
    if found is None:
        return text
    if found["odd"]:
        raise YamlFault(f"{text} is not a JSON value.", _line(event))
    return _number(found, _line(event))


def _line(event: Any) -> int:
    line: int = event.start_mark.line
    return line + 1


def _number(found: re.Match[str], line: int) -> JSONValue:
    for name, base in (("whole", 10), ("octal", 8), ("hex", 16)):
        if found[name]:
            return int(found[name], base)
    value = float(found["real"])
    if math.isinf(value):
        raise YamlFault("A number is too large.", line)
    return value


def dump(value: JSONValue) -> str:
    """Return a value as YAML: keys in order of the alphabet, texts of several lines as blocks, doubtful words in quotes."""
    text: str = yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=True, width=120, default_flow_style=False)
    return text


class _Dumper(_DUMPER):  # type: ignore[misc]
    """Writes no aliases, and no word plainly that any reader could take for something else than text."""

    def ignore_aliases(self, data: object) -> bool:
        """Write equal values out, each where it stands."""
        return True


def _text(dumper: Any, text: str) -> Any:
    style = None
    if "\n" in text and "\t" not in text and "\r" not in text and not any(line.endswith(" ") for line in text.split("\n")):
        style = "|"
    elif not _SAID_PLAINLY.match(text) or _MEANS_MORE.match(text):
        style = '"' if not text.isprintable() else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _real(dumper: Any, value: float) -> Any:
    text = repr(value)
    return dumper.represent_scalar("tag:yaml.org,2002:float", text if "." in text else text.replace("e", ".0e"))


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _real)
