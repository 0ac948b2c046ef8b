"""Every day with the product: states that follow the world, many rows at once, deletion and the way back."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.person import PATIENCE_MS, Person
from tests.browser.steps import act_on, add_application, add_mqtt, add_workflow, disable, wait_in_list, work_in
from tests.servers.mosquitto import Mosquitto
from tests.servers.processes import free_port

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_states_follow_the_broker_while_the_list_stands_open(person: Person, broker: Mosquitto) -> None:
    add_application(person, "Followed")
    add_mqtt(person, "Followed broker", broker.ports["plain"], "x/#")
    person.page.evaluate("window.stayed = true")
    wait_in_list(person, "Followed broker", "Connected")
    broker.stop()
    expect(person.page.get_by_role("row", name=re.compile("Followed broker"))).not_to_contain_text(
        "Connected", timeout=PATIENCE_MS
    )
    broker.start()
    wait_in_list(person, "Followed broker", "Connected")
    assert person.page.evaluate("window.stayed") is True


def test_many_are_disabled_enabled_reconnected_and_deleted_at_once(person: Person, broker: Mosquitto) -> None:
    page = person.page
    add_application(person, "Many")
    names = ["Many A", "Many B"]
    for name in names:
        add_mqtt(person, name, broker.ports["plain"], "x/#")
    disable(person, names)
    act_on(person, names, "Enable")
    person.sees("2 integrations were enabled.")
    for name in names:
        wait_in_list(person, name, "Connected")
    act_on(person, names, "Reconnect")
    person.sees("2 connections are made anew.")
    act_on(person, names, "Delete selected integrations")
    person.sees("Delete these 2 integrations?")
    page.get_by_role("link", name="Keep", exact=True).click()
    expect(page.get_by_role("link", name=re.compile("Many [AB]"))).to_have_count(2)
    act_on(person, names, "Delete selected integrations")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.wait_for_url(re.compile("/integration/$"))
    expect(page.locator("#result_list").get_by_role("link", name=re.compile("Many [AB]"))).to_have_count(0)


def test_the_list_says_how_each_is_doing_and_finds_them(person: Person, broker: Mosquitto) -> None:
    page = person.page
    add_application(person, "Listed")
    first = add_mqtt(person, "Listed one", broker.ports["plain"], "one/#")
    add_workflow(person, "Listed workflow", first)
    add_mqtt(person, "Listed two", free_port(), "two/+/level")
    wait_in_list(person, "Listed one", "Connected")
    page.evaluate("window.stayed = true")
    broker.publish("one/a", ['{"temperature": 1}'])
    row = page.get_by_role("row", name=re.compile("Listed one"))
    expect(row.get_by_role("img", name=re.compile("^1 messages"))).to_be_visible(timeout=PATIENCE_MS)
    expect(row).not_to_contain_text("never")
    for text in ("MQTT", "one/#", "/ 20"):
        expect(row).to_contain_text(text)
    expect(row.get_by_role("link", name="Listed workflow")).to_be_visible()
    wait_in_list(person, "Listed two", "refused")
    assert page.evaluate("window.stayed") is True
    links = page.get_by_role("link", name=re.compile("Listed (one|two)"))
    person.field("q").fill("two/+")
    person.field("q").press("Enter")
    expect(links).to_have_text(["Listed two"])
    for choice, found in (("Connected", ["Listed one"]), ("MQTT", ["Listed one", "Listed two"])):
        person.go("/admin/integrations/integration/")
        page.get_by_role("button", name="Filters").click()
        page.locator("#changelist-filter").get_by_role("link", name=choice, exact=True).click()
        expect(links).to_have_text(found)


def test_deleted_with_a_workflow_and_restored(person: Person, broker: Mosquitto) -> None:
    page = person.page
    add_application(person, "Trashed")
    integration = add_mqtt(person, "Trashed broker", broker.ports["plain"], "x/#")
    add_workflow(person, "Only by it", integration, button=False)
    add_workflow(person, "Also by a button", integration)
    person.go("/admin/integrations/integration/")
    row = page.get_by_role("row", name=re.compile("Trashed broker"))
    row.get_by_role("link", name="Delete").click()
    choices = page.get_by_role("group", name="And the workflows?")
    expect(choices.get_by_role("listitem")).to_have_text(["Only by it", "Also by a button"])
    page.get_by_role("radio", name=re.compile("^Delete the workflows triggered only by it")).check()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.wait_for_url(re.compile("/integration/$"))
    expect(row).to_have_count(0)
    person.go("/admin/workflows/workflow/")
    expect(page.get_by_role("link", name="Only by it")).to_have_count(0)
    expect(page.get_by_role("link", name="Also by a button")).to_be_visible()

    person.menu("Trash")
    page.get_by_role("row", name=re.compile("Trashed broker")).get_by_role("link").first.click()
    page.get_by_role("button", name="Restore").click()
    person.go("/admin/integrations/integration/")
    wait_in_list(person, "Trashed broker", "Connected")
    for name in ("Only by it", "Also by a button"):
        expect(row.get_by_role("link", name=name)).to_be_visible()


def test_the_switcher_narrows_every_list(person: Person, broker: Mosquitto) -> None:
    add_application(person, "North")
    add_mqtt(person, "North broker", broker.ports["plain"], "n/#")
    add_application(person, "South")
    add_mqtt(person, "South broker", broker.ports["plain"], "s/#")
    expect(person.page.get_by_role("link", name="South broker")).to_be_visible()
    expect(person.page.get_by_role("link", name="North broker")).to_have_count(0)
    work_in(person, "North")
    person.menu("Integrations")
    expect(person.page.get_by_role("link", name="North broker")).to_be_visible()
    expect(person.page.get_by_role("link", name="South broker")).to_have_count(0)
