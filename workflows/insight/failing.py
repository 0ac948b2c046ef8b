"""Errors of runs, grouped as they come: the same error at the same node is one, whatever numbers stand in its text."""

import hashlib
import re
import time

import orjson

from integrations.runtime.ledger import HOUR_MS
from workflows.insight.limits import GROUPS
from workflows.insight.runs import Failure

OTHER = "other"
_OTHER = Failure("Other", f"Errors of more than {GROUPS} kinds within an hour: further kinds are counted together here.", "", "")
_VARYING = re.compile(r"[0-9a-f]{8,}|\d+")


class Group:
    """What happened of one kind since the last batch. Times in milliseconds since 1970."""

    __slots__ = ("count", "event_id", "failure", "first_ms", "last_ms", "version_id")

    def __init__(self, version_id: str, failure: Failure, now_ms: int) -> None:
        self.version_id = version_id
        self.failure = failure
        self.event_id = ""
        self.count = 0
        self.first_ms = self.last_ms = now_ms

    def to_json(self) -> bytes:
        """Return what is stored of the latest: version, error, its event, and when it was."""
        return orjson.dumps([self.version_id, *self.failure, self.event_id, self.last_ms])


class Errors:
    """The errors of all workflows since the last batch; at most `GROUPS` kinds of a workflow within an hour."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str], Group] = {}
        self._known: dict[str, set[str]] = {}
        self._hour = 0

    def add(self, workflow_id: str, version_id: str, failure: Failure, event_id: str) -> None:
        """Count an error."""
        now_ms = int(time.time() * 1000)
        if now_ms // HOUR_MS != self._hour:
            self._hour = now_ms // HOUR_MS
            self._known.clear()
        digest = digest_of(version_id, failure)
        known = self._known.setdefault(workflow_id, set())
        if digest not in known and len(known) >= GROUPS:
            digest, version_id, failure = OTHER, "", _OTHER
        else:
            known.add(digest)
        group = self._groups.get((workflow_id, digest))
        if group is None:
            group = self._groups[workflow_id, digest] = Group(version_id, failure, now_ms)
        group.count += 1
        group.last_ms, group.failure, group.event_id = now_ms, failure, event_id

    def take(self) -> dict[tuple[str, str], Group]:
        """Return what was counted, by workflow and digest, and begin anew."""
        taken, self._groups = self._groups, {}
        return taken


def digest_of(version_id: str, failure: Failure) -> str:
    """Return what errors of one kind have in common: version, node, name, and the text without its numbers and ids."""
    parts = (version_id, failure.node_id, failure.name, _VARYING.sub("#", failure.message))
    return hashlib.blake2s("\n".join(parts).encode(), digest_size=8).hexdigest()
