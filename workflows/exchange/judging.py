"""Saying of a workflow that is imported what cannot run here: settings with faults, nodes and triggers that are not supported."""

from typing import Any

from django.utils.translation import gettext as _

from workflows.exceptions import Fault
from workflows.exchange.faults import inside, within
from workflows.exchange.fields import said
from workflows.exchange.parts import VersionPart
from workflows.exchange.plan import Plan, WorkflowStep
from workflows.exchange.references import label_of
from workflows.exchange.relating import version_place
from workflows.graph import INTEGRATION
from workflows.nodes.base import nodes
from workflows.triggers import TRIGGERS
from workflows.version_content import Content, content_faults


def judge(plan: Plan, step: WorkflowStep) -> None:
    """Put what cannot run into the report."""
    for version in step.part.versions:
        place = version_place(step, version)
        found = within(place, content_faults(Content(version.triggers, version.nodes, version.globals), None))
        faults = [fault for fault in found if fault.place not in plan.cleared]
        plan.report.to_fix += faults
        step.complete = step.complete and not faults
        plan.report.not_supported += unsupported(version, place)


def unsupported(version: VersionPart, place: str) -> list[Fault]:
    """Return the nodes that fail when they are reached, and the triggers that never fire."""
    found = [
        Fault(inside(place, f"nodes[{at}]"), _("%(called)s: a run that reaches it fails.") % {"called": _called(node)})
        for at, node in enumerate(version.nodes)
        if isinstance(node.get("type"), str) and node["type"] not in nodes
    ]
    return found + [
        Fault(inside(place, f"triggers[{at}]"), _("%(called)s: it never fires here.") % {"called": _called(trigger)})
        for at, trigger in enumerate(version.triggers)
        if trigger.get("type") not in TRIGGERS and trigger.get("type") != INTEGRATION
    ]


def _called(raw: dict[str, Any]) -> str:
    label = label_of(raw)
    text = _("%(label)s of the type %(type)s") if label else _("The type %(type)s")
    return text % {"label": said(label), "type": said(raw.get("type"))}
