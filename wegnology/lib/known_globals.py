"""The globals of an application, opened for the settings of its connections."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from wegnology.lib.template_names import GlobalNames, global_names
from wegnology.lib.types import JSONValue

MASK = "••••••"
"""Stands wherever a secret is not shown."""
_SHORTEST = 3


class KnownGlobals(dict[str, JSONValue]):
    """Globals by key. Knows which are secret, and why one could not be opened; never shows a value in its `repr`."""

    def __init__(
        self, values: Mapping[str, JSONValue], secret: frozenset[str] = frozenset(), faults: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(values)
        self.secret = secret
        self.faults = dict(faults or {})
        """By key: why a secret global is not among the values."""

    def __repr__(self) -> str:
        return f"<KnownGlobals {sorted(self)}>"

    def names_secret(self, names: GlobalNames) -> bool:
        """Say whether a template with these names may read a secret."""
        return any(names.mentions(key) for key in self.secret)

    def secret_texts(self, template: str, rendered: str) -> set[str]:
        """Return what must be hidden where this template was rendered: the whole, and the secrets that may be in it."""
        names = global_names(template)
        named = [self[key] for key in self.secret & self.keys() if names.mentions(key)]
        return {rendered, *_texts(named)} if named else set()

    def masked(self) -> "KnownGlobals":
        """Return a copy in which no secret stands."""
        return KnownGlobals({key: MASK if key in self.secret else value for key, value in self.items()}, self.secret)


def scrub(text: str, secrets: Iterable[str]) -> str:
    """Return a text with a mask in place of each secret; those of one or two characters would hide nothing but the text."""
    for secret in sorted((secret for secret in secrets if len(secret) >= _SHORTEST), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def _texts(value: JSONValue) -> Iterator[str]:
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)


def known_globals(context: Mapping[str, Any]) -> KnownGlobals:
    """Return the globals of a context ({"globals": {...}}), plain ones as without secrets."""
    values = context.get("globals") or {}
    return values if isinstance(values, KnownGlobals) else KnownGlobals(values)
