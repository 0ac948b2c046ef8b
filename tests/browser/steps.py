"""What people do again and again, by hand."""

import json
import re

from playwright.sync_api import expect

from tests.browser.person import PATIENCE_MS, Person
from tests.servers.processes import LOOPBACK
from tests.workflows.fakes import node
from wegnology.lib.ids import new_id
from wegnology.lib.types import JSONObject

_ID = re.compile("[0-9a-f]{24}")


def id_of(address: str) -> str:
    """Return the id of a row in the address of its page."""
    found = _ID.search(address)
    assert found is not None, address
    return found.group()


def add_application(person: Person, name: str) -> str:
    """Create an application and work in it; returns its id."""
    person.go("/admin/applications/application/add/")
    person.field("name").fill(name)
    person.save()
    work_in(person, name)
    return id_of(person.page.url)


def work_in(person: Person, name: str) -> None:
    """Choose an application in the menu, which leads to its overview."""
    person.page.get_by_label("Application", exact=True).first.select_option(label=name)
    person.page.wait_for_url(re.compile("/overview/"))
    expect(person.page.get_by_label("Application", exact=True).first.locator("option:checked")).to_have_text(name)


def fill_mqtt(person: Person, name: str, port: int, topic: str) -> None:
    """Choose the type and fill the form."""
    person.go("/admin/integrations/integration/add/")
    person.page.get_by_role("link", name=re.compile("^MQTT ")).click()
    person.field("name").fill(name)
    person.field("config_host").fill(LOOPBACK)
    person.field("config_port").fill(str(port))
    person.field("config_authenticationMethod").select_option("none")
    person.page.locator('[name^="topics"]:visible').first.fill(topic)


def add_mqtt(person: Person, name: str, port: int, topic: str) -> str:
    """Add an integration; returns its id, and leaves the person on the list."""
    fill_mqtt(person, name, port, topic)
    person.page.get_by_role("button", name="Save and continue editing").click()
    person.page.wait_for_url(re.compile("/change/"))
    found = id_of(person.page.url)
    person.go("/admin/integrations/integration/")
    return found


def delete_integration(person: Person) -> None:
    """Delete the integration whose page is open, from its footer; leaves the person on the list."""
    person.page.get_by_role("link", name="Delete integration").click()
    person.page.get_by_role("button", name="Delete", exact=True).click()
    person.page.wait_for_url(re.compile("/integration/$"))


def disable(person: Person, names: list[str]) -> None:
    """Disable integrations in the open list, whether or not something waits that is asked about; waits until they are."""
    page = person.page
    act_on(person, names, "Disable selected integrations")
    done = page.get_by_text(re.compile("integrations? (was|were) disabled"))
    asked = page.get_by_role("button", name="Disable", exact=True)
    expect(done.or_(asked).first).to_be_visible()
    if asked.is_visible():
        asked.click()
    expect(done).to_be_visible()
    for name in names:
        wait_in_list(person, name, "Disabled")


def decode_graph(integration_id: str) -> tuple[list[JSONObject], list[JSONObject]]:
    """Return triggers and nodes of a workflow that reads messages as JSON and fails where they are not; with a button."""
    trigger: JSONObject = {"type": "integration", "key": integration_id, "config": {"message": True}, "outputIds": [["decode"]]}
    button: JSONObject = {
        "type": "virtualButton",
        "key": new_id(),
        "meta": {"label": "Try it", "payload": json.dumps({"message": '{"temperature": 21}'})},
        "outputIds": [["decode"]],
    }
    nodes = [
        node("decode", "JsonDecodeNode", ["compare"], source="data.message", destination="working.reading"),
        node("compare", "ConditionalNode", ["cold"], ["warm"], expression="{{working.reading.temperature}} > 20"),
        node("cold", "DebugNode", message="cold") | {"meta": {"label": "Cold"}},
        node("warm", "DebugNode", message="warm") | {"meta": {"label": "Warm"}},
    ]
    return [trigger, button], nodes


def add_workflow(person: Person, name: str, integration_id: str, *, button: bool = True) -> str:
    """Add a workflow by its JSON; returns its id, and leaves the person on its page."""
    triggers, nodes = decode_graph(integration_id)
    triggers = triggers if button else triggers[:1]
    person.go("/admin/workflows/workflow/add/")
    person.field("name").fill(name)
    person.field("triggers").fill(json.dumps(triggers))
    person.field("nodes").fill(json.dumps(nodes))
    person.page.get_by_role("button", name="Save and continue editing").click()
    person.page.wait_for_url(re.compile("/change/"))
    return id_of(person.page.url)


def wait_in_list(person: Person, name: str, state: str) -> None:
    """Wait until the open list says this of a row, by itself."""
    expect(person.page.get_by_role("row", name=re.compile(re.escape(name)))).to_contain_text(state, timeout=PATIENCE_MS)


def act_on(person: Person, names: list[str], action: str) -> None:
    """Choose rows of a list and an action for them."""
    for name in names:
        row = person.page.get_by_role("row", name=re.compile(re.escape(name)))
        row.get_by_role("checkbox").check()
    person.page.get_by_label("Select action to run").select_option(label=action)
    person.page.get_by_role("button", name=re.compile("^Run")).click()
