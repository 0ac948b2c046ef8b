"""A workflow made from a message: started by its integration, decoding JSON, showing it; disabled until somebody has looked."""

from django.db import transaction
from django.utils.translation import gettext as _

from integrations.inspection import Message, parsed
from integrations.models import Integration
from wegnology.lib.types import JSONObject
from workflows.models import DEVELOP, Workflow, WorkflowVersion

NAME_LENGTH = 255
_STEP = 120


def workflow_from(row: Integration, message: Message) -> Workflow:
    """Create and return the workflow. Its name tells the topic; a name that is taken gets a number."""
    taken = set(Workflow.objects.filter(application_id=row.application_id).values_list("name", flat=True))
    with transaction.atomic():
        name = _free(_("On %(topic)s") % {"topic": message.topic or row.name}, taken)
        made = Workflow.objects.create(application_id=row.application_id, name=name, enabled=False)
        triggers, nodes = graph_for(row, message)
        WorkflowVersion.objects.create(workflow=made, name=DEVELOP, triggers=triggers, nodes=nodes)
    return made


def graph_for(row: Integration, message: Message) -> tuple[list[JSONObject], list[JSONObject]]:
    """Return triggers and nodes for a message like this one."""
    body = json_field(message)
    steps = [("decode", "JsonDecodeNode", "data", _("Decode"))] if body else []
    steps.append(("show", "DebugNode", "debug", message.topic[:NAME_LENGTH] or _("Show")))
    configs: dict[str, JSONObject] = {
        "decode": {"source": f"data.{body}", "destination": "working.message", "errorBehavior": "throw"},
        "show": {"message": _("Message"), "property": "working.message" if body else "data"},
    }
    ids = [step[0] for step in steps]
    nodes: list[JSONObject] = [
        {
            "id": node_id,
            "type": kind,
            "config": configs[node_id],
            "meta": {"category": category, "label": label, "x": 60, "y": 40 + _STEP * (at + 1)},
            "outputIds": [[*ids[at + 1 : at + 2]]],
        }
        for at, (node_id, kind, category, label) in enumerate(steps)
    ]
    flags: JSONObject = {kind: kind == message.kind for kind in ("connect", "message", "disconnect", "failure")}
    meta: JSONObject = {"category": "trigger", "name": row.integration_type, "label": row.name, "x": 60, "y": 40}
    trigger: JSONObject = {"type": "integration", "key": row.pk, "config": flags, "meta": meta, "outputIds": [[ids[0]]]}
    return [trigger], nodes


def json_field(message: Message) -> str:
    """Return the name of the part of the data that is JSON as text; empty when there is none."""
    return next((name for name, value in message.data.items() if isinstance(value, str) and parsed(value) is not None), "")


def _free(name: str, taken: set[str]) -> str:
    """Return the name, with a number behind it when it is taken."""
    number, found = 1, name[: NAME_LENGTH - 8]
    while found in taken:
        number += 1
        found = f"{name[: NAME_LENGTH - 8]} ({number})"
    return found
