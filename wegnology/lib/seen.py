"""Remembers ids for sources that may send what was accepted again, in bounds and only as long as the process lives."""

import math
import time
from collections.abc import Iterable


class SeenIds:
    """The latest ids of one source, each for so many seconds."""

    def __init__(self, most: int, seconds: float = math.inf) -> None:
        self._most = most
        self._seconds = seconds
        self._ids: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"<SeenIds {len(self._ids)}>"

    def __contains__(self, identifier: object) -> bool:
        until = self._ids.get(identifier)  # type: ignore[call-overload]
        return until is not None and until > time.monotonic()

    def add(self, identifiers: Iterable[str]) -> None:
        """Remember these; the oldest make room."""
        until = time.monotonic() + self._seconds
        for identifier in identifiers:
            self._ids.pop(identifier, None)
            self._ids[identifier] = until
        while len(self._ids) > self._most:
            del self._ids[next(iter(self._ids))]


class Seen:
    """What each source sent, through any number of connections to it."""

    def __init__(self, sources: int, most: int, seconds: float = math.inf) -> None:
        self._sources = sources
        self._most = most
        self._seconds = seconds
        self._by_source: dict[str, SeenIds] = {}

    def of(self, source: str) -> SeenIds:
        """Return what is remembered of a source; the one that was asked for longest ago makes room."""
        ids = self._by_source.pop(source, None) or SeenIds(self._most, self._seconds)
        self._by_source[source] = ids
        while len(self._by_source) > self._sources:
            del self._by_source[next(iter(self._by_source))]
        return ids
