"""Why nothing runs for an event that was accepted for a workflow: the version that it is for cannot run any more.

A press of a button, a call of a webhook, a timer, a start by another workflow, a replay: each was accepted for this workflow, so
it is not enough to count it as unmatched. It is parked, and runs when the version is there again and the run is replayed. A
message of an integration was promised to no workflow: one that names a version which none has counts as unmatched, and so does
all that comes for a workflow which is disabled as a whole.
"""

from integrations.events import TriggerEvent
from workflows.catalog import Catalog
from workflows.plans import Known, Plan

NAME = "WorkflowVersionMissing"


def absence(catalog: Catalog, known: Known, event: TriggerEvent) -> str:
    """Say which version is missing for an event that nothing matches; "" when none is."""
    if event.origin is None:
        if not event.replay_of or not event.version:
            return ""
        return f"the version {event.version!r} that the message names cannot run: it was deleted or disabled"
    if not known.enabled or catalog.own(known.application_id).plan(known.integration_id, event.version) is not None:
        return ""
    if event.version:
        return f"the version {event.version!r} that it is for cannot run: it was deleted or disabled, or its trigger was removed"
    return "the default version is disabled"


def missing_plan(known: Known, event: TriggerEvent) -> Plan:
    """Return what stands for the version in the parked run."""
    workflow_id = known.integration_id if event.origin else event.replay_of
    return Plan(known.application_id, workflow_id, "", None, {}, {}, True)
