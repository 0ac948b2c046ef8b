"""Remembers ids for sources that may send what was accepted again, in bounds and only as long as the process lives."""

from collections.abc import Iterable


class SeenIds:
    """The latest ids of one source."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._ids: dict[str, None] = {}

    def __repr__(self) -> str:
        return f"<SeenIds {len(self._ids)}>"

    def __contains__(self, identifier: object) -> bool:
        return identifier in self._ids

    def add(self, identifiers: Iterable[str]) -> None:
        """Remember these; the oldest make room."""
        for identifier in identifiers:
            self._ids.pop(identifier, None)
            self._ids[identifier] = None
        while len(self._ids) > self._most:
            del self._ids[next(iter(self._ids))]


class Seen:
    """What each source sent, through any number of connections to it."""

    def __init__(self, sources: int, most: int) -> None:
        self._sources = sources
        self._most = most
        self._by_source: dict[str, SeenIds] = {}

    def of(self, source: str) -> SeenIds:
        """Return what is remembered of a source; the one that was asked for longest ago makes room."""
        ids = self._by_source.pop(source, None) or SeenIds(self._most)
        self._by_source[source] = ids
        while len(self._by_source) > self._sources:
            del self._by_source[next(iter(self._by_source))]
        return ids
