"""The demo: an application that turns readings above a threshold into alerts, through a real broker both ways."""

import secrets
from pathlib import Path
from typing import NamedTuple

from django.contrib.auth import get_user_model
from django.db import transaction

from integrations.models import Integration
from wegnology.applications.models import Application, Global, touch
from wegnology.lib.types import JSONObject, JSONValue
from wegnology.local.ports import LOOPBACK
from wegnology.local.readings import TOPIC_OUT
from wegnology.local.state import write_private
from workflows.models import Workflow, WorkflowVersion

ADMIN = "admin@example.com"
APPLICATION = "Demo"
INTEGRATION = "Demo broker"
WORKFLOW = "Temperature alert"
TOPICS_IN = "demo/in/#"
THRESHOLD = 30

_ALERT = """{
  "device": {{jsonEncode working.reading.device}},
  "temperature": {{jsonEncode working.reading.temperature}},
  "threshold": {{jsonEncode globals.threshold}}
}"""


class FirstStart(NamedTuple):
    """What a first start made: the admin's password, and the demo."""

    password: str
    integration: Integration


def begin(password_file: Path, broker_port: int) -> FirstStart | None:
    """Make the first admin and the demo, both or neither; None when the database has an admin already."""
    users = get_user_model().objects
    with transaction.atomic():
        if users.filter(is_superuser=True).exists():
            return None
        password = secrets.token_urlsafe(12)
        users.create_superuser(username=ADMIN, email=ADMIN, password=password)
        integration = make_demo(broker_port)
        write_private(password_file, f"{password}\n")
    return FirstStart(password, integration)


def make_demo(broker_port: int) -> Integration:
    """Make application, global, integration and workflow; what is there already stays as it is."""
    application, _ = Application.objects.get_or_create(
        name=APPLICATION, defaults={"description": "Readings above the global “threshold” become alerts on demo/out."}
    )
    Global.objects.get_or_create(
        application=application, key="threshold", defaults={"value": THRESHOLD, "description": "Alert above this temperature."}
    )
    integration = Integration.objects.filter(application=application, name=INTEGRATION).first()
    if integration is None:
        integration = Integration(application=application, name=INTEGRATION, integration_type="mqtt", topics=[TOPICS_IN])
        integration.set_config({"protocol": "mqtt", "host": LOOPBACK, "port": broker_port, "clean": False})
        integration.full_clean()
        integration.save()
    workflow, made = Workflow.objects.get_or_create(application=application, name=WORKFLOW)
    if made:
        triggers, nodes = graph(integration.pk)
        WorkflowVersion.objects.create(workflow=workflow, triggers=triggers, nodes=nodes)
    touch(application.pk)
    return integration


def follow_port(last: int, now: int) -> None:
    """Point integrations that used our broker's former port to the present one."""
    for integration in Integration.objects.filter(integration_type="mqtt", config__host=LOOPBACK, config__port=last):
        integration.config["port"] = now
        integration.save(update_fields=["config", "updated_at"])
        touch(integration.application_id)


def living_demo(broker_port: int) -> Integration | None:
    """Return the demo's integration if it is there, enabled and meant for our broker."""
    return Integration.objects.filter(
        application__name=APPLICATION, name=INTEGRATION, enabled=True, config__host=LOOPBACK, config__port=broker_port
    ).first()


def graph(integration_id: str) -> tuple[list[JSONObject], list[JSONObject]]:
    """Return triggers and nodes of the demo workflow in the product's own JSON form."""
    trigger: JSONObject = {
        "type": "integration",
        "key": integration_id,
        "config": {"connect": False, "message": True, "disconnect": False, "failure": False},
        "meta": {"category": "trigger", "name": "mqtt", "label": "A reading arrives", "x": 60, "y": 40, "uiId": "reading"},
        "outputIds": [["decode"]],
    }
    steps = [
        _node("decode", "JsonDecodeNode", "data", "json-decode", "Decode", 160, ["compare"]),
        _node("compare", "ConditionalNode", "logic", "conditional", "Above the threshold?", 280, [], ["alert"]),
        _node("alert", "MutateNode", "logic", "mutate", "Build the alert", 400, ["publish"]),
        _node("publish", "MqttMessageNode", "output", "mqtt", "Publish the alert", 520),
    ]
    configs: list[JSONObject] = [
        {"source": "data.message", "destination": "working.reading", "errorBehavior": "throw"},
        {"expression": "{{working.reading.temperature}} > {{globals.threshold}}"},
        {"rules": [{"type": "set", "destination": "working.alert", "valueTemplate": _ALERT, "valueTemplateType": "json"}]},
        {"integrationId": integration_id, "topicTemplate": TOPIC_OUT, "messageTemplate": "{{jsonEncode working.alert}}"},
    ]
    for step, config in zip(steps, configs, strict=True):
        step["config"] = config
    return [trigger], steps


def _node(node_id: str, kind: str, category: str, name: str, label: str, y: int, *outputs: list[JSONValue]) -> JSONObject:
    meta: JSONObject = {"category": category, "name": name, "label": label, "x": 60, "y": y}
    return {"id": node_id, "type": kind, "meta": meta, "outputIds": list(outputs)}
