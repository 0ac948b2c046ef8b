"""What an import is going to write, decided before anything is locked."""

from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from integrations.models import Integration
from wegnology.applications.models import Application, Credential, Global
from wegnology.lib.types import JSONObject
from workflows.exceptions import Fault
from workflows.exchange.faults import inside
from workflows.exchange.parts import (
    ApplicationPart,
    CredentialPart,
    GlobalPart,
    IntegrationPart,
    WorkflowPart,
)
from workflows.exchange.report import Conflict, Options, Outcome, Report, Result
from workflows.models import Workflow


class Existing:
    """What the application has already; nothing of a new one."""

    def __init__(self, application: Application | None) -> None:
        self.globals: dict[str, Global] = {}
        self.credentials: dict[str, Credential] = {}
        self.integrations: list[Integration] = []
        self.workflows: list[Workflow] = []
        if application is not None:
            self.globals = {row.key: row for row in application.globals.all()}
            self.credentials = {row.name: row for row in application.credentials.all()}
            self.integrations = list(application.integrations.all())
            self.workflows = list(application.workflows.all())


@dataclass(slots=True)
class GlobalStep:
    """A global to write."""

    part: GlobalPart
    row: Global | None


@dataclass(slots=True)
class CredentialStep:
    """A service credential to write, with the settings to store."""

    part: CredentialPart
    row: Credential | None
    config: JSONObject
    complete: bool


@dataclass(slots=True)
class IntegrationStep:
    """An integration to write, with the settings to store."""

    part: IntegrationPart
    row: Integration | None
    row_id: str
    name: str
    config: JSONObject
    complete: bool


@dataclass(slots=True)
class WorkflowStep:
    """A workflow to write; `part` has the ids of here. `row` is the one to replace."""

    part: WorkflowPart
    row: Workflow | None
    row_id: str
    name: str
    complete: bool = True


@dataclass(slots=True)
class Plan:
    """Everything to write, and the report of it. `revision` is the state of the application for which it was made."""

    application: Application | None
    about: ApplicationPart
    options: Options
    report: Report
    existing: Existing
    globals: list[GlobalStep] = field(default_factory=list)
    credentials: list[CredentialStep] = field(default_factory=list)
    integrations: list[IntegrationStep] = field(default_factory=list)
    workflows: list[WorkflowStep] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    cleared: set[str] = field(default_factory=set)
    """Places that have to be filled in, of which nothing else needs to be said."""

    @property
    def revision(self) -> int:
        """Return the revision of the application when the plan was made."""
        return self.application.revision if self.application is not None else 0

    def conflicts(self, place: str, what: str) -> None:
        """Note something that is there already, where that is not allowed."""
        self.faults.append(Fault(place, _("%(what)s is there already.") % {"what": what}))

    def fill_in(self, place: str, inner: str, message: str) -> None:
        """Note something that has to be filled in."""
        self.cleared.add(inside(place, inner))
        self.report.to_fill_in.append(Fault(inside(place, inner), message))


def decide(plan: Plan, found: object | None) -> Result:
    """Return what becomes of a thing, of which there may be one already."""
    if found is None or plan.options.conflict is Conflict.CREATE:
        return Result.CREATED
    return Result.REPLACED if plan.options.conflict is Conflict.REPLACE else Result.RETAINED


def outcome(kind: str, name: str, result: Result, identifier: str, place: str, source_id: str = "") -> Outcome:
    """Return what became of a thing."""
    return Outcome(kind, name, result, identifier, source_id, place)
