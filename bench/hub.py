"""Commands of the benchmark that need the product's models: run as a process with the environment of the measured one.

`setup WORK` replaces applications, integrations and workflows; `statuses` and `ledger` print what the product says, as JSON.
"""

import json
import os
import sys
import time
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import django

from bench.kinds.base import kinds
from bench.system import Work
from wegnology.lib.types import JSONObject, JSONValue

if TYPE_CHECKING:
    from integrations.models import Integration
    from wegnology.applications.models import Application

HEAVY_SECONDS = 1.0
HEAVY_ITEMS = 300
_HEAVY_TEMPLATE = "{{#each working.reading.series}}{{this}},{{/each}}"


def _node(name: str, kind: str, config: JSONObject, *outputs: str) -> JSONObject:
    """Return a node whose outputs lead to one node each ("" leads nowhere)."""
    wires: list[JSONValue] = [[output] if output else [] for output in outputs]
    return {"id": name, "type": kind, "config": config, "meta": {"label": name}, "outputIds": wires}


def _rules() -> list[JSONValue]:
    def rule(destination: str, template: str, kind: str) -> JSONValue:
        path = f"working.reading.{destination}"
        return {"type": "set", "destination": path, "valueTemplate": template, "valueTemplateType": kind}

    return [rule("status", "alert", "string"), rule("limit", "30", "json"), rule("source", "{{data.topic}}", "string")]


def _aside(work: Work, number: int) -> list[JSONObject]:
    """Return the nodes that make a workflow slow or heavy, leading to `publish`."""
    if number in work.slow:
        return [_node("aside0", "DelayNode", {"delay": 10}, "publish")]
    if number not in work.heavy:
        return []
    steps = max(1, int(HEAVY_SECONDS / _render_seconds()))
    rule: JSONValue = {
        "type": "set", "destination": "working.sum", "valueTemplate": _HEAVY_TEMPLATE, "valueTemplateType": "string",
    }  # fmt: skip
    names = [f"aside{step}" for step in range(steps)] + ["publish"]
    return [_node(name, "MutateNode", {"rules": [rule]}, after) for name, after in pairwise(names)]


def _render_seconds() -> float:
    """Return how long one node of the heavy workflow computes here."""
    from wegnology.lib.templating import compile_template

    template = compile_template(_HEAVY_TEMPLATE)
    payload: JSONObject = {"working": {"reading": {"series": list(range(100_000, 100_000 + HEAVY_ITEMS))}}}
    template.render(payload)
    start = time.perf_counter()
    for _ in range(10):
        template.render(payload)
    return (time.perf_counter() - start) / 10


def nodes(work: Work, number: int, sender: str) -> list[JSONObject]:
    """Return the nodes of one input: decode, condition, mutate, publish through the integration `sender`."""
    aside = _aside(work, number)
    message: JSONObject = {
        "integrationId": sender,
        "topicTemplate": work.out_topic(number),
        "messageTemplate": "{{jsonEncode working.reading}}",
        "qos": work.out_qos,
    }
    return [
        _node(
            "decode",
            "JsonDecodeNode",
            {"source": kinds.get(work.kind).text if work.kind else "data.message", "destination": "working.reading"},
            "condition",
        ),
        _node("condition", "ConditionalNode", {"expression": "{{working.reading.temperature}} > 30"}, "", "mutate"),
        _node("mutate", "MutateNode", {"rules": _rules()}, "aside0" if aside else "publish"),
        *aside,
        _node("publish", "MqttMessageNode", message),
    ]


def _integration(application: "Application", name: str, topics: list[str], port: int) -> "Integration":
    from integrations.models import Integration

    row = Integration(application=application, name=name, integration_type="mqtt", topics=topics)
    row.set_config({"protocol": "mqtt", "host": "127.0.0.1", "port": port, "clean": True})
    return row


def _input(application: "Application", work: Work, number: int, port: int) -> "Integration":
    from integrations.models import Integration

    name = f"in {number:04d}"
    if not work.kind:
        return _integration(application, name, [f"bench/in/{number:04d}"], port)
    kind = kinds.get(work.kind)
    row = Integration(application=application, name=name, integration_type=work.kind, topics=kind.topics(number))
    row.set_config(kind.settings(work.kind_port, number))
    return row


def setup(work: Work, port: int) -> None:
    """Replace everything by one application with the work's integrations and a workflow for each."""
    from django.db import transaction

    from integrations.models import Integration
    from wegnology.applications.models import Application, touch
    from workflows.models import Workflow, WorkflowVersion

    with transaction.atomic():
        Application.objects.all().delete()
        application = Application.objects.create(name="Bench")
        inputs = [_input(application, work, number, port) for number in range(work.integrations)]
        outputs = [_integration(application, "out", [], port)] if work.shared_out and inputs else []
        Integration.objects.bulk_create(inputs + outputs)
        flows = [Workflow(application=application, name=row.name) for row in inputs]
        Workflow.objects.bulk_create(flows)
        WorkflowVersion.objects.bulk_create(
            WorkflowVersion(workflow=flow, triggers=[_trigger(row)], nodes=nodes(work, n, (outputs or [row])[0].pk))
            for n, (row, flow) in enumerate(zip(inputs, flows, strict=True))
        )
        touch(application.pk)


def _trigger(row: "Integration") -> JSONObject:
    meta: JSONObject = {"category": "trigger", "name": row.integration_type, "label": "In"}
    return {"type": "integration", "key": row.pk, "config": {}, "meta": meta, "outputIds": [["decode"]]}


def statuses() -> dict[str, int]:
    """Return how many integrations are in each state."""
    from integrations.models import Integration
    from integrations.runtime.reading import read_statuses
    from wegnology.lib.redis import sync_client

    ids = list(Integration.objects.values_list("pk", flat=True))
    return dict(Counter(str(status.state) for status in read_statuses(sync_client(5.0), ids).values()))


def ledger() -> dict[str, int]:
    """Return the books of the last hours, summed over all integrations."""
    from integrations.models import Integration
    from integrations.runtime.ledger import read_ledger
    from wegnology.lib.redis import sync_client

    ids = list(Integration.objects.values_list("pk", flat=True))
    lines = [line for hours in read_ledger(sync_client(5.0), ids, hours=2).values() for line in hours]
    return {
        "received": sum(line.messages for line in lines),
        "finished": sum(line.finished for line in lines),
        "unmatched": sum(line.unmatched for line in lines),
        "parked": sum(sum(line.parked.values()) for line in lines),
        "dropped": sum(sum(line.dropped.values()) for line in lines),
        "waiting": sum(line.waiting for line in lines),
        "unbalanced": sum(not line.balanced for line in lines),
    }


def main() -> None:
    """Run one command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wegnology.settings")
    django.setup()
    command, *arguments = sys.argv[1:]
    answer: Any = None
    if command == "setup":
        setup(Work.from_json(arguments[0]), int(arguments[1]))
    else:
        answer = {"statuses": statuses, "ledger": ledger}[command]()
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
