"""What an import is asked to do, and what it did: for pages, programs and people alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from django.utils.translation import gettext

from wegnology.lib.types import JSONObject, JSONValue
from workflows.exceptions import Fault
from workflows.exchange.faults import shown


class Conflict(StrEnum):
    """What happens with what is there already: a global by its key, others by their name, a workflow also by its id."""

    CREATE = "create"
    """It arrives beside it, under a name with a number. Globals and credentials, of which each name is once, stay."""
    ERROR = "error"
    """Nothing is imported, and everything that is there already is named."""
    RETAIN = "retain"
    """What is there stays, and what is imported refers to it."""
    REPLACE = "replace"
    """What is there gets the imported contents and keeps its id, its secrets and its address."""


class Scope(StrEnum):
    """What of the files is imported."""

    WORKFLOWS = "workflows"
    APPLICATION = "application"
    """Globals, service credentials and integrations, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How files are imported. `strict`: what could not run as it is, or needs something filled in, refuses the import."""

    conflict: Conflict = Conflict.CREATE
    scope: Scope = Scope.WORKFLOWS
    dry_run: bool = False
    strict: bool = False
    integrations: Mapping[str, str] = field(default_factory=dict)
    """Integrations of the application to take for those that the files refer to, by the ids or names there."""
    name: str = ""
    """Name of a new application; "" for the one in the files."""
    owner_id: int | None = None
    """Who becomes administrator of a new application."""


class Result(StrEnum):
    """What became of one thing in the files."""

    CREATED = "created"
    REPLACED = "replaced"
    RETAINED = "retained"
    UNCHANGED = "unchanged"
    """What is there is the same already."""
    LEFT_OUT = "left out"


class Outcome(NamedTuple):
    """One thing and what became of it."""

    kind: str
    """workflow, integration, credential or global."""
    name: str
    result: Result
    identifier: str
    """Its id here; a global's key."""
    source_id: str = ""
    place: str = ""
    enabled: bool = False


@dataclass(slots=True)
class Wanted:
    """An integration that workflows refer to and the files do not bring. `name` and `integration_type` are "" where unknown."""

    identifier: str
    """Its id or placeholder in the files."""
    name: str = ""
    integration_type: str = ""
    found: str = ""
    """The integration of here that stands for it."""
    workflows: list[str] = field(default_factory=list)
    """The workflows that refer to it."""


@dataclass(slots=True)
class Report:
    """What an import did, or with `dry_run` would do."""

    dry_run: bool = False
    application_id: str = ""
    application_name: str = ""
    created_application: bool = False
    outcomes: list[Outcome] = field(default_factory=list)
    to_fill_in: list[Fault] = field(default_factory=list)
    """Secrets, references and values that the files cannot hold or that lead nowhere here."""
    to_fix: list[Fault] = field(default_factory=list)
    """What keeps a workflow from running."""
    not_supported: list[Fault] = field(default_factory=list)
    """Nodes that fail when a run reaches them, triggers that never fire."""
    changed: list[Fault] = field(default_factory=list)
    left_out: list[Fault] = field(default_factory=list)
    flow_ids: dict[str, str] = field(default_factory=dict)
    """Ids of workflows here by their ids in the files."""
    version_ids: dict[str, str] = field(default_factory=dict)
    wanted: dict[str, Wanted] = field(default_factory=dict)
    """Integrations that are to be found here, by their ids in the files."""

    def of(self, kind: str) -> list[Outcome]:
        """Return what became of the things of a kind."""
        return [each for each in self.outcomes if each.kind == kind]

    def is_complete(self) -> bool:
        """Say whether everything can be switched on as it is."""
        return not (self.to_fill_in or self.to_fix or self.not_supported)

    def counts(self) -> dict[str, str]:
        """Return how many of each kind were created, replaced and so on, in words."""
        found: dict[str, str] = {}
        for kind in dict.fromkeys(each.kind for each in self.outcomes):
            results = [each.result for each in self.of(kind)]
            counts = [(results.count(result), result) for result in Result if result in results]
            kinds = f"{kind}s"
            found[gettext(kinds)] = ", ".join(f"{count} {gettext(result)}" for count, result in counts)
        return found

    def as_json(self) -> JSONObject:
        """Return the report as programs read it."""
        return {
            "dryRun": self.dry_run,
            "complete": self.is_complete(),
            "application": {"id": self.application_id, "name": self.application_name, "created": self.created_application},
            **{f"{kind}s": [_outcome(each) for each in self.of(kind)] for kind in KINDS},
            "toFillIn": faults_json(self.to_fill_in),
            "toFix": faults_json(self.to_fix),
            "notSupported": faults_json(self.not_supported),
            "changed": faults_json(self.changed),
            "leftOut": faults_json(self.left_out),
            "importedFlowIdMap": {**self.flow_ids},
            "importedVersionIdMap": {**self.version_ids},
        }


KINDS = ("workflow", "integration", "credential", "global")


def _outcome(each: Outcome) -> JSONValue:
    written: JSONObject = {"id": each.identifier, "name": each.name, "result": each.result.value, "place": each.place}
    return {**written, **({"sourceId": each.source_id} if each.source_id else {}), "enabled": each.enabled}


def faults_json(faults: Sequence[Fault]) -> list[JSONValue]:
    """Return faults as programs read them."""
    return [{"place": fault.place, "message": fault.message} for fault in shown(faults)]
