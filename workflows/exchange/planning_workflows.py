"""Deciding what becomes of workflows: which are new, and which ids they have here."""

from collections.abc import Mapping

from django.conf import settings
from django.utils.translation import gettext as _

from wegnology.lib.ids import new_id
from workflows.exceptions import Fault
from workflows.exchange.faults import inside
from workflows.exchange.fields import said
from workflows.exchange.judging import judge
from workflows.exchange.parts import CLOUD, DEVELOP, Bundle, WorkflowPart
from workflows.exchange.plan import Plan, WorkflowStep, decide, outcome
from workflows.exchange.references import label_of, mark_of, webhook_keys, webhook_mark
from workflows.exchange.relating import Relations
from workflows.exchange.remapping import free_name
from workflows.exchange.report import Conflict, Result
from workflows.models import Workflow, WorkflowVersion
from workflows.versions import name_fault, notes_fault


def plan_workflows(plan: Plan, bundle: Bundle, integrations: Mapping[str, str]) -> None:
    """Plan all workflows; `integrations` are the ids of here by those in the files."""
    for part in bundle.workflows:
        _workflow(plan, part)
    ids = {**integrations, **plan.report.flow_ids}
    webhooks = {step.row_id: _webhooks(step) for step in plan.workflows}
    Relations(plan, bundle.hints, ids, webhooks).relate()
    for step in plan.workflows:
        judge(plan, step)


def _workflow(plan: Plan, part: WorkflowPart) -> None:
    row = _same(plan, part)
    _check_versions(plan, part, row)
    result = decide(plan, row)
    row = None if result is Result.CREATED else row
    taken = {each.name for each in plan.existing.workflows} | {step.name for step in plan.workflows}
    name = free_name(part.name, taken) if row is None else part.name
    row_id = new_id() if row is None else row.pk
    if part.source_id:
        plan.report.flow_ids[part.source_id] = row_id
    plan.report.outcomes.append(outcome("workflow", name, result, row_id, part.place, part.source_id))
    if name != part.name:
        plan.report.changed.append(
            Fault(
                part.place,
                _("There is a workflow %(name)s already; this one is %(name2)s.")
                % {"name": said(part.name), "name2": said(name)},
            )
        )
    if result is Result.RETAINED:
        return
    if part.flow_class != CLOUD:
        text = _("It was one of the class %(flow_class)s and is one of the application now: other triggers start it here.") % {
            "flow_class": said(part.flow_class)
        }
        plan.report.changed.append(Fault(part.place, text))
    plan.workflows.append(WorkflowStep(part, row, row_id, name))


def _check_versions(plan: Plan, part: WorkflowPart, row: Workflow | None) -> None:
    named = [version for version in part.versions if version.name != DEVELOP]
    for version in named:
        for field, fault in (("version", name_fault(version.name)), ("notes", notes_fault(version.notes))):
            if fault:
                plan.faults.append(Fault(inside(version.place, field), fault))
    there = set(row.versions.exclude(name=DEVELOP).values_list("name", flat=True)) if row is not None else set()
    count = len(there | {version.name for version in named})
    if count > settings.WORKFLOW_VERSIONS:
        text = _(
            "The workflow would have %(count)s versions; %(workflow_versions)s are possible (WEGNOLOGY_WORKFLOW_VERSIONS)."
        ) % {"count": count, "workflow_versions": settings.WORKFLOW_VERSIONS}
        plan.faults.append(Fault(part.place, text))


def _same(plan: Plan, part: WorkflowPart) -> Workflow | None:
    """Return the workflow that is there already: by its id, else by its name."""
    rows = plan.existing.workflows
    found = [row for row in rows if row.pk == part.source_id] or [row for row in rows if row.name == part.name]
    if not found or plan.options.conflict is Conflict.CREATE:
        return None
    if plan.options.conflict is Conflict.ERROR:
        plan.conflicts(part.place, _("The workflow %(name)s") % {"name": said(part.name)})
    elif len(found) > 1:
        plan.faults.append(
            Fault(
                part.place,
                _("There are %(count)s workflows %(name)s: rename all but one.") % {"count": len(found), "name": said(part.name)},
            )
        )
    elif any(step.row_id == found[0].pk for step in plan.workflows):
        plan.faults.append(
            Fault(part.place, _("A second workflow for %(name)s: rename one of them.") % {"name": said(found[0].name)})
        )
    return found[0]


def _webhooks(step: WorkflowStep) -> dict[tuple[str, str], str]:
    """Return the keys of a workflow's webhooks here, by `webhook_mark`: what is replaced keeps its addresses."""
    found: dict[tuple[str, str], str] = {}
    kept = _kept_webhooks(step.row) if step.row is not None else {}
    for version in step.part.versions:
        for key, trigger in webhook_keys(version):
            mark = webhook_mark(trigger)
            names = (key, mark_of(trigger), label_of(trigger))
            free = [kept[name] for name in names if name in kept and kept[name] not in found.values()]
            found.setdefault(mark, free[0] if free else new_id())
    return found


def _kept_webhooks(row: Workflow) -> dict[str, str]:
    """Return the webhooks of a workflow that is there, by their keys and by what their triggers are called."""
    rows = set(row.webhooks.values_list("pk", flat=True))
    kept: dict[str, str] = {}
    for triggers in WorkflowVersion.objects.filter(workflow=row).order_by("created_at").values_list("triggers", flat=True):
        for trigger in triggers if isinstance(triggers, list) else ():
            key = trigger.get("key") if isinstance(trigger, dict) else None
            if key in rows:
                kept |= {name: key for name in (mark_of(trigger), label_of(trigger), key) if name}
    return kept
