"""The globals of an application, opened for the settings of its connections."""

from collections.abc import Mapping
from typing import Any

from wegnology.lib.template_names import GlobalNames
from wegnology.lib.types import JSONValue

MASK = "••••••"
"""Stands wherever a secret is not shown."""


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

    def masked(self) -> "KnownGlobals":
        """Return a copy in which no secret stands."""
        return KnownGlobals({key: MASK if key in self.secret else value for key, value in self.items()}, self.secret)


def known_globals(context: Mapping[str, Any]) -> KnownGlobals:
    """Return the globals of a context ({"globals": {...}}), plain ones as without secrets."""
    values = context.get("globals") or {}
    return values if isinstance(values, KnownGlobals) else KnownGlobals(values)
