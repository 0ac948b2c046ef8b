"""Every day with the product: states that follow the world, many rows at once, deletion and the way back."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.person import PATIENCE_MS, Person
from tests.browser.steps import act_on, add_application, add_mqtt, add_workflow, wait_in_list, work_in
from tests.servers.mosquitto import Mosquitto

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


def test_many_are_disabled_and_enabled_at_once(person: Person, broker: Mosquitto) -> None:
    add_application(person, "Many")
    names = ["Many A", "Many B"]
    for name in names:
        add_mqtt(person, name, broker.ports["plain"], "x/#")
    person.page.evaluate("window.stayed = true")
    for name in names:
        wait_in_list(person, name, "Connected")
    assert person.page.evaluate("window.stayed") is True
    act_on(person, names, "Disable selected integrations")
    person.sees("2 integrations were disabled.")
    for name in names:
        wait_in_list(person, name, "Disabled")
    act_on(person, names, "Enable")
    person.sees("2 integrations were enabled.")
    for name in names:
        wait_in_list(person, name, "Connected")


def test_deleted_with_its_workflow_and_restored(person: Person, broker: Mosquitto) -> None:
    page = person.page
    add_application(person, "Trashed")
    integration = add_mqtt(person, "Trashed broker", broker.ports["plain"], "x/#")
    add_workflow(person, "Trashed workflow", integration)
    person.go(f"/admin/integrations/integration/{integration}/delete/")
    person.sees("Trashed workflow")
    page.locator('input[name="take"][value="all"]').check()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.wait_for_url(re.compile("/integration/$"))
    person.go("/admin/workflows/workflow/")
    expect(page.get_by_role("link", name="Trashed workflow")).to_have_count(0)

    person.menu("Trash")
    page.get_by_role("row", name=re.compile("Trashed broker")).get_by_role("link").first.click()
    page.get_by_role("button", name="Restore").click()
    person.go("/admin/integrations/integration/")
    wait_in_list(person, "Trashed broker", "Connected")
    expect(
        page.get_by_role("row", name=re.compile("Trashed broker")).get_by_role("link", name="Trashed workflow")
    ).to_be_visible()


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


def test_a_button_is_pressed_and_its_path_is_seen(person: Person, broker: Mosquitto) -> None:
    add_application(person, "Pressed")
    integration = add_mqtt(person, "Pressed broker", broker.ports["plain"], "x/#")
    add_workflow(person, "Pressed workflow", integration)
    person.field("payload").fill('{"message": "{\\"temperature\\": 7}"}')
    person.page.get_by_role("button", name="Press").click()
    person.page.wait_for_url(re.compile("/runs/[^/]+/$"), timeout=PATIENCE_MS)
    expect(person.page.get_by_role("link", name=re.compile("^Cold, .*visited 3"))).to_be_visible()
