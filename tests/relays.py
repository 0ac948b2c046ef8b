"""Rows for tests of the whole hub: MQTT integrations whose workflow sends on what arrives."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from integrations.models import Integration
from tests import factories
from tests.workflows.fakes import node
from wegnology.applications.models import Application
from wegnology.lib.types import JSONObject


def mqtt(of: Application, name: str, port: int, *topics: str, **config: Any) -> Integration:
    """Create an MQTT integration whose session outlives its connections."""
    settings: JSONObject = {"protocol": "mqtt", "host": "127.0.0.1", "port": port, "clean": False, **config}
    return factories.integration(of, name=name, config=settings, topics=topics)


def publish(through: Integration, topic: str, template: str = "{{data.message}}") -> JSONObject:
    """Return the node "publish", which sends a message of this template, not escaped, at QoS 1."""
    config = {"integrationId": through.pk, "topicTemplate": topic, "messageTemplate": template, "qos": 1}
    return node("publish", "MqttMessageNode", [], **config)


@transaction.atomic
def relay(of: Application, name: str, port: int, *steps: JSONObject, through: Integration | None = None) -> Integration:
    """Create an integration on `in/NAME` whose messages go through the steps and out on `out/NAME`.

    A step is a node without outputs; its way on is the next one. Integration and workflow appear together: an event that
    a worker ran before it knew the workflow would match nothing.
    """
    integration = mqtt(of, name, port, f"in/{name}")
    decode = node("decode", "JsonDecodeNode", source="data.message", destination="working.message")
    last = publish(through or integration, f"out/{name}", "{{jsonEncode working.message}}")
    factories.workflow(integration, name=name, nodes=chain(decode, *steps, last))
    return integration


def chain(*steps: JSONObject) -> Sequence[JSONObject]:
    """Wire nodes one after the other, each through its first output."""
    following = [*(str(step["id"]) for step in steps[1:]), None]
    return [{**step, "outputIds": [[after] if after else []]} for step, after in zip(steps, following, strict=True)]
