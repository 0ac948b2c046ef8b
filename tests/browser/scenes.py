"""What the pictures of the documentation show: each scene leaves the page as it is to be seen."""

import json
import re
from collections.abc import Callable, Mapping

from playwright.sync_api import expect

from tests.browser.person import PATIENCE_MS, Person
from tests.browser.places import main_pages
from tests.browser.steps import add_mqtt, add_workflow, disable, fill_mqtt, wait_in_list
from tests.servers.mosquitto import Mosquitto
from tests.workflows.fakes import node
from wegnology.lib.ids import new_id

Scene = Callable[[Person, Mosquitto], None]


def _integrations(person: Person, broker: Mosquitto) -> None:
    """A list with several states; the hub has work behind it."""
    greenhouse = add_mqtt(person, "Greenhouse", broker.ports["plain"], "greenhouse/#")
    add_workflow(person, "Is it warm?", greenhouse)
    add_mqtt(person, "Cold store", 9, "cold/+")
    add_mqtt(person, "Old pump house", broker.ports["plain"], "pumps/#")
    wait_in_list(person, "Old pump house", "Connected")
    disable(person, ["Old pump house"])
    wait_in_list(person, "Greenhouse", "Connected")
    for at in range(40):
        broker.publish("greenhouse/bed-1", [json.dumps({"temperature": 18 + at % 7})])
    broker.publish("greenhouse/bed-2", ["not JSON"])
    wait_in_list(person, "Cold store", "refused")
    row = person.page.get_by_role("row", name=re.compile("Greenhouse"))
    expect(row.get_by_role("img", name=re.compile("^41 messages"))).to_be_visible()
    person.go("/admin/integrations/integration/")
    for name, state in (("Greenhouse", "Connected"), ("Cold store", "refused"), ("Old pump house", "Disabled")):
        wait_in_list(person, name, state)
    expect(row).not_to_contain_text("never")


def _check(person: Person, broker: Mosquitto) -> None:
    fill_mqtt(person, "Cold store", 9, "cold/#")
    person.page.get_by_role("button", name="Check connection").click()
    expect(person.page.locator(".wg-advice").first).to_be_visible(timeout=PATIENCE_MS)
    person.page.locator("#wg-check").scroll_into_view_if_needed()
    person.page.evaluate("document.getElementById('wg-check').scrollIntoView({ block: 'center' })")


def _import(person: Person, broker: Mosquitto) -> None:
    """A trial that asks which integration is meant."""
    trigger = {"type": "integration", "key": new_id(), "config": {"message": True}, "outputIds": [["show"]]}
    hint = {"id": trigger["key"], "name": "Plant broker", "integrationType": "mqtt"}
    nodes = [node("show", "DebugNode", message="{{data.message}}")]
    flow = {"_type": "flow", "name": "Pump alarm", "triggers": [trigger], "nodes": nodes, "globals": [], "_integrations": [hint]}
    person.go("/import")
    person.field("uploads").set_input_files({"name": "pump-alarm.flow", "mimeType": "", "buffer": json.dumps(flow).encode()})
    person.page.get_by_role("button", name="Only try").click()
    meant = person.page.get_by_label(re.compile("^Plant broker"))
    meant.select_option(label="Greenhouse (MQTT)")
    meant.evaluate("(field) => { field.blur(); field.closest('form').scrollIntoView({ block: 'end' }); }")


def _shown(name: str, scroll_to: str = "") -> Scene:
    """A main page as it is; scrolled to a part of it where one is named."""

    def scene(person: Person, broker: Mosquitto) -> None:
        person.go(main_pages(person)[name])
        if scroll_to:
            person.page.evaluate("(name) => document.querySelector(name).scrollIntoView({ block: 'start' })", scroll_to)

    return scene


SCENES: Mapping[str, Scene] = {
    "integrations": _integrations,
    "application": _shown("overview"),
    "status": _shown("status"),
    "choose": _shown("choose"),
    "integration": _shown("integration"),
    "check": _check,
    "messages": _shown("messages"),
    "workflow": _shown("workflow"),
    "run": _shown("run", ".wg-graph"),
    "parked": _shown("parked"),
    "import": _import,
}
"""By the name of the picture, in the order in which they are played: the first makes what the others show."""
