"""What the pictures of the documentation show: each scene leaves the page as it is to be seen."""

import json
from collections.abc import Callable, Mapping

from playwright.sync_api import expect

from tests.browser.person import PATIENCE_MS, Person
from tests.browser.places import main_pages
from tests.browser.steps import act_on, add_mqtt, add_workflow, fill_mqtt, wait_in_list
from tests.servers.mosquitto import Mosquitto

Scene = Callable[[Person, Mosquitto], None]


def _integrations(person: Person, broker: Mosquitto) -> None:
    """A list with several states; the hub has work behind it."""
    greenhouse = add_mqtt(person, "Greenhouse", broker.ports["plain"], "greenhouse/#")
    add_workflow(person, "Is it warm?", greenhouse)
    add_mqtt(person, "Cold store", 9, "cold/+/temperature")
    add_mqtt(person, "Old pump house", broker.ports["plain"], "pumps/#")
    act_on(person, ["Old pump house"], "Disable selected integrations")
    person.go("/admin/integrations/integration/")
    wait_in_list(person, "Greenhouse", "Connected")
    for at in range(40):
        broker.publish("greenhouse/bed-1", [json.dumps({"temperature": 18 + at % 7})])
    broker.publish("greenhouse/bed-2", ["not JSON"])
    wait_in_list(person, "Cold store", "refused")
    person.page.wait_for_timeout(12_000)  # speeds and charts follow every few seconds
    person.go("/admin/integrations/integration/")
    expect(person.page.get_by_role("row").nth(4)).to_be_visible(timeout=PATIENCE_MS)


def _check(person: Person, broker: Mosquitto) -> None:
    fill_mqtt(person, "Cold store", 9, "cold/#")
    person.page.get_by_role("button", name="Check connection").click()
    expect(person.page.locator(".wg-advice").first).to_be_visible(timeout=PATIENCE_MS)
    person.page.locator("#wg-check").scroll_into_view_if_needed()
    person.page.evaluate("document.getElementById('wg-check').scrollIntoView({ block: 'center' })")


def _shown(name: str, scroll_to: str = "") -> Scene:
    """A main page as it is; scrolled to a part of it where one is named."""

    def scene(person: Person, broker: Mosquitto) -> None:
        person.go(main_pages(person)[name])
        if scroll_to:
            person.page.evaluate("(name) => document.querySelector(name).scrollIntoView({ block: 'start' })", scroll_to)
            person.page.wait_for_timeout(300)

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
}
"""By the name of the picture, in the order in which they are played: the first makes what the others show."""
