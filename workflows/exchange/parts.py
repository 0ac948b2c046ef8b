"""What files hold, in whatever form it was written. Ids are those of where it came from."""

from dataclasses import dataclass, field
from typing import NamedTuple

from wegnology.lib.types import JSONObject, JSONValue
from workflows.exceptions import Fault

DEVELOP = "develop"
CLOUD = "cloud"
"""The class of workflows that run here; others (edge, experience) only exist elsewhere."""


@dataclass(slots=True)
class VersionPart:
    """One version of a workflow. `place` is where it stands, for people."""

    place: str
    name: str
    triggers: list[JSONObject]
    nodes: list[JSONObject]
    globals: JSONObject
    notes: str = ""
    enabled: bool = True
    source_id: str = ""
    workflow_id: str = ""
    """The workflow that it says it belongs to."""
    workflow_name: str = ""


@dataclass(slots=True)
class WorkflowPart:
    """One workflow with its versions, develop among them."""

    place: str
    source_id: str
    name: str
    description: str = ""
    flow_class: str = CLOUD
    versions: list[VersionPart] = field(default_factory=list)
    default: str | None = None
    """The version that triggers fire, by its id or name; "" for develop, None where the form does not say."""

    def version(self, name: str) -> VersionPart | None:
        """Return a version by its name."""
        return next((each for each in self.versions if each.name == name), None)


@dataclass(slots=True)
class IntegrationPart:
    """An integration. Where a secret stood, `config` holds None."""

    place: str
    source_id: str
    name: str
    integration_type: str
    topics: list[str] = field(default_factory=list)
    config: JSONObject = field(default_factory=dict)
    credential_name: str = ""


@dataclass(slots=True)
class CredentialPart:
    """A service credential. Where a secret stood, `config` holds None."""

    place: str
    name: str
    credential_type: str
    description: str = ""
    config: JSONObject = field(default_factory=dict)


@dataclass(slots=True)
class GlobalPart:
    """A global of the application. Of a secret one there is no value."""

    place: str
    key: str
    value: JSONValue = None
    secret: bool = False
    description: str = ""


@dataclass(slots=True)
class ApplicationPart:
    """What is said of the application itself."""

    place: str
    name: str
    description: str = ""


class IntegrationHint(NamedTuple):
    """What a file says of an integration that it only refers to."""

    name: str
    integration_type: str


@dataclass(slots=True)
class Bundle:
    """All that was read from some files. With `faults`, nothing of it can be imported."""

    application: ApplicationPart | None = None
    workflows: list[WorkflowPart] = field(default_factory=list)
    loose_versions: list[VersionPart] = field(default_factory=list)
    """Versions that stand beside their workflow, or without it."""
    integrations: list[IntegrationPart] = field(default_factory=list)
    credentials: list[CredentialPart] = field(default_factory=list)
    globals: list[GlobalPart] = field(default_factory=list)
    hints: dict[str, IntegrationHint] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    changed: list[Fault] = field(default_factory=list)
    to_fill_in: list[Fault] = field(default_factory=list)
    left_out: list[Fault] = field(default_factory=list)

    def fault(self, place: str, message: str) -> None:
        """Note something because of which nothing can be imported."""
        self.faults.append(Fault(place, message))

    def is_empty(self) -> bool:
        """Say whether there is nothing to import."""
        rows = (self.workflows, self.loose_versions, self.integrations, self.credentials, self.globals)
        return self.application is None and not any(rows)
