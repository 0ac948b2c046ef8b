"""The pages that a person opens: each by its route, so that one without a figure is noticed (`tests/test_measured_pages.py`)."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its route, what fills the route (names of ids), what is asked for, and for an action the rows chosen."""

    route: str
    ids: tuple[str, ...] = ()
    query: str = ""
    action: str = ""
    chosen: str = ""


def _of(prefix: str, row: str, names: str) -> dict[str, Page]:
    return {f"{row}: {name}": Page(f"admin:{prefix}_{name}", (row,)) for name in names.split()}


_INTEGRATION, _WORKFLOW = "integrations_integration", "workflows_workflow"
PAGES: Mapping[str, Page] = {
    "status": Page("status"),
    "overview": Page("overview", ("application",)),
    "documentation": Page("documentation_start"),
    "documentation: guide": Page("documentation", ("guide",)),
    "documentation: nodes": Page("documentation", ("reference/nodes",)),
    "import": Page("import"),
    "api docs": Page("api:docs"),
    "login": Page("admin:login"),
    "password": Page("admin:password_change"),
    "integrations": Page(f"admin:{_INTEGRATION}_changelist"),
    "integrations: searched": Page(f"admin:{_INTEGRATION}_changelist", query="q=Broker+0099"),
    "integrations: one state": Page(f"admin:{_INTEGRATION}_changelist", query="state=connected"),
    "integrations: last page": Page(f"admin:{_INTEGRATION}_changelist", query="p=20"),
    "integrations: live": Page(f"admin:{_INTEGRATION}_live"),
    "integrations: delete many": Page(f"admin:{_INTEGRATION}_changelist", action="delete_selected", chosen="integration"),
    "integrations: disable many": Page(f"admin:{_INTEGRATION}_changelist", action="disable", chosen="integration"),
    "integrations: types": Page(f"admin:{_INTEGRATION}_add"),
    "integrations: add": Page(f"admin:{_INTEGRATION}_add", query="type=mqtt"),
    **_of(_INTEGRATION, "integration", "change delete history messages ledger send workflows states"),
    "integration: ledger, 30 days": Page(f"admin:{_INTEGRATION}_ledger", ("integration",), "days=30"),
    "integration: new messages": Page(f"admin:{_INTEGRATION}_messages_rows", ("integration",)),
    "integration: state": Page(f"admin:{_INTEGRATION}_state", ("integration",)),
    "integration: message": Page(f"admin:{_INTEGRATION}_message", ("integration", "event")),
    "integration: test message": Page(f"admin:{_INTEGRATION}_trial", ("integration", "trial")),
    "integration: check": Page(f"admin:{_INTEGRATION}_checked", ("check",)),
    "workflows": Page(f"admin:{_WORKFLOW}_changelist"),
    "workflows: searched": Page(f"admin:{_WORKFLOW}_changelist", query="q=Alert+0009"),
    "workflows: delete many": Page(f"admin:{_WORKFLOW}_changelist", action="delete_selected", chosen="workflow"),
    "workflows: add": Page(f"admin:{_WORKFLOW}_add"),
    **_of(_WORKFLOW, "workflow", "change delete history versions runs debug errors statistics compare"),
    "workflow: version": Page(f"admin:{_WORKFLOW}_version", ("workflow", "version")),
    "workflow: delete version": Page(f"admin:{_WORKFLOW}_version_delete", ("workflow", "version")),
    "workflow: run": Page(f"admin:{_WORKFLOW}_run", ("workflow", "run")),
    "workflow: new debug values": Page(f"admin:{_WORKFLOW}_debug_hits", ("workflow",)),
    "applications": Page("admin:applications_application_changelist"),
    "applications: add": Page("admin:applications_application_add"),
    **_of("applications_application", "application", "change delete history globals members"),
    "credentials": Page("admin:applications_credential_changelist"),
    "credentials: types": Page("admin:applications_credential_add"),
    "credentials: add": Page("admin:applications_credential_add", query="type=http"),
    **_of("applications_credential", "credential", "change delete history disable"),
    "tokens": Page("admin:applications_apitoken_changelist"),
    "tokens: add": Page("admin:applications_apitoken_add"),
    **_of("applications_apitoken", "token", "change delete history"),
    "audit": Page("admin:applications_auditentry_changelist"),
    **_of("applications_auditentry", "entry", "change"),
    "trash": Page("admin:applications_trashentry_changelist"),
    "trash: delete many": Page("admin:applications_trashentry_changelist", action="delete_selected", chosen="deletion"),
    **_of("applications_trashentry", "deletion", "change delete"),
    "ledger": Page("admin:integrations_ledgerhour_changelist"),
    **_of("integrations_ledgerhour", "hour", "change"),
    "state changes": Page("admin:integrations_statuschange_changelist"),
    **_of("integrations_statuschange", "change", "change"),
    "parked": Page("admin:workflows_parkedrun_changelist"),
    "parked: delete many": Page("admin:workflows_parkedrun_changelist", action="delete_selected", chosen="parked"),
    "parked: replay many": Page("admin:workflows_parkedrun_replay_many"),
    **_of("workflows_parkedrun", "parked", "change delete"),
    "replays": Page("admin:workflows_replayjob_changelist"),
    **_of("workflows_replayjob", "replay", "change"),
    "alarms": Page("admin:workflows_alarm_changelist"),
    **_of("workflows_alarm", "alarm", "change"),
    "alarm rules": Page("admin:workflows_alarmrule_changelist"),
    "alarm rules: add": Page("admin:workflows_alarmrule_add"),
    **_of("workflows_alarmrule", "rule", "change delete history"),
    "users": Page("admin:auth_user_changelist"),
    "users: add": Page("admin:auth_user_add"),
    **_of("auth_user", "user", "change delete history"),
    "user: password": Page("admin:auth_user_password_change", ("user",)),
}
