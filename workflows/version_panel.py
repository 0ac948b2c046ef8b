"""What the pages of versions show: a line for each, who made it, how develop differs."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wegnology.applications.audit import page_of
from wegnology.applications.records import AuditEntry
from wegnology.lib.badges import Badge
from workflows.models import DEVELOP, PARTS, Workflow, WorkflowVersion
from workflows.version_content import content_of
from workflows.version_diff import difference

LIVE = Badge("bolt", gettext_lazy("Default"), "success")
ENABLED = Badge("check_circle", gettext_lazy("Enabled"), "info")
DISABLED = Badge("pause_circle", gettext_lazy("Disabled"), "muted")
LIVE_DISABLED = Badge("error", gettext_lazy("Default, disabled"), "danger", gettext_lazy("Nothing that triggers start runs."))
STOPPED = Badge("pause_circle", gettext_lazy("Workflow disabled"), "muted")


@dataclass(frozen=True, slots=True)
class Line:
    """One version in the list."""

    version: WorkflowVersion
    badge: Badge
    made_by: str = ""

    @property
    def is_develop(self) -> bool:
        """Say whether it is the one that is edited."""
        return self.version.name == DEVELOP


def lines_of(workflow: Workflow) -> list[Line]:
    """Return develop, then the named versions, newest first; without what they hold."""
    rows = list(workflow.versions.defer(*PARTS).order_by("-created_at", "-pk"))
    authors = _authors(workflow)
    ordered = [*(row for row in rows if row.name == DEVELOP), *(row for row in rows if row.name != DEVELOP)]
    return [Line(row, badge_of(workflow, row), authors.get(row.pk, "")) for row in ordered]


def _authors(workflow: Workflow) -> dict[str, str]:
    """Return by version who made it, as far as the audit remembers."""
    made = AuditEntry.objects.filter(page=page_of(workflow), kind="workflows.workflowversion", action="created")
    return dict(made.values_list("object_id", "actor_name"))


def changed_since(version: WorkflowVersion, moment: datetime) -> datetime | None:
    """Return when what the version holds was changed last, if that was after a moment, as far as the audit remembers.

    Only develop ever changes.
    """
    rows = AuditEntry.objects.filter(page=page_of(version.workflow), kind="workflows.workflowversion", object_id=version.pk)
    last = rows.filter(action="changed", time__gt=moment, changes__has_any_keys=list(PARTS)).first()
    return last.time if last else None


def badge_of(workflow: Workflow, version: WorkflowVersion) -> Badge:
    """Return the state of a version; `workflow` is its own."""
    default = workflow.default_version_id or DEVELOP
    is_default = default in (version.pk, version.name)
    if not workflow.enabled:
        return STOPPED._replace(words=_("Default, workflow disabled")) if is_default else STOPPED
    if is_default:
        return LIVE if version.enabled else LIVE_DISABLED
    return ENABLED if version.enabled else DISABLED


def newest_and_same(workflow: Workflow) -> tuple[WorkflowVersion | None, bool]:
    """Return the newest named version, and whether develop holds the same."""
    newest = workflow.versions.exclude(name=DEVELOP).order_by("-created_at", "-pk").first()
    develop = workflow.versions.filter(name=DEVELOP).first()
    if newest is None or develop is None:
        return newest, False
    return newest, difference(content_of(newest), content_of(develop)).is_empty
