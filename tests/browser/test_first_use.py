"""The first hour with the product: from nothing to a workflow that runs, fails, and is made to run again."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.person import PATIENCE_MS, Person
from tests.browser.steps import add_application, add_workflow, fill_mqtt, id_of
from tests.servers.mosquitto import Mosquitto

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_from_nothing_to_a_workflow_that_runs(person: Person, broker: Mosquitto) -> None:
    add_application(person, "Greenhouse")
    person.sees("Make a workflow from it")
    integration = _add_integration(person, broker)
    _see_the_first_message(person, broker, integration)
    workflow = add_workflow(person, "Is it warm?", integration)
    _see_it_run(person, broker, workflow)
    _replay_what_failed(person, broker, workflow)


def _add_integration(person: Person, broker: Mosquitto) -> str:
    page = person.page
    fill_mqtt(person, "Greenhouse broker", broker.ports["plain"], "greenhouse/#")
    certificate = person.field("config_caCertificate")
    expect(certificate).to_be_hidden()
    person.field("config_protocol").select_option("mqtts")
    expect(certificate).to_be_visible()
    _choose_a_login(person)
    person.field("config_protocol").select_option("mqtt")
    expect(certificate).to_be_hidden()
    page.get_by_role("button", name="Check connection").click()
    result = page.locator("#wg-check-result")
    expect(result.locator(".wg-step.wg-success").nth(2)).to_be_visible(timeout=PATIENCE_MS)
    expect(result.locator(".wg-step.wg-danger")).to_have_count(0)
    page.get_by_role("button", name="Save and continue editing").click()
    page.wait_for_url(re.compile("/change/"))
    expect(page.locator("[data-state]")).to_contain_text("Connected", timeout=PATIENCE_MS)
    return id_of(page.url)


def _choose_a_login(person: Person) -> None:
    """See that a way to log in asks for what it needs, and for nothing else; in the end for nothing."""
    method, username, key = (person.field(f"config_{name}") for name in ("authenticationMethod", "username", "privateKey"))
    method.select_option("certificate")
    expect(key).to_be_visible()
    expect(username).to_be_hidden()
    method.select_option("usernamePassword")
    expect(key).to_be_hidden()
    expect(username).to_be_visible()
    person.field("config_protocol").select_option("ws")
    expect(method.locator("option[value=certificate]")).to_be_disabled()
    method.select_option("none")
    expect(username).to_be_hidden()


def _see_the_first_message(person: Person, broker: Mosquitto, integration: str) -> None:
    person.go(f"/admin/integrations/integration/{integration}/messages/")
    broker.publish("greenhouse/bed-1", ['{"temperature": 19.5}'])
    person.sees("greenhouse/bed-1", person.page.locator("[data-messages]"))
    person.page.get_by_role("link", name="greenhouse/bed-1").click()
    person.sees(re.compile("19.5"))


def _see_it_run(person: Person, broker: Mosquitto, workflow: str) -> None:
    runs = f"/admin/workflows/workflow/{workflow}/runs/"
    person.go(runs)
    links = person.page.locator("tbody a")

    def ran() -> bool:
        broker.publish("greenhouse/bed-1", ['{"temperature": 25}'])
        return links.count() > 0

    person.until(ran, "a run")
    links.first.click()
    person.sees("Finished")
    expect(person.page.locator(".wg-wire.wg-taken")).to_have_count(3)
    expect(person.page.get_by_role("link", name=re.compile("^Warm, .*visited 3"))).to_be_visible()


def _replay_what_failed(person: Person, broker: Mosquitto, workflow: str) -> None:
    page = person.page
    parked = f"/admin/workflows/parkedrun/?workflow_id={workflow}"
    broker.publish("greenhouse/bed-2", ["not JSON"])
    person.go(parked)
    rows = page.locator("#result_list tbody tr")
    person.until(lambda: rows.count() == 1, "a parked run")
    rows.get_by_role("link").first.click()
    page.get_by_text("Edit the data first").click()
    data = person.field("data")
    data.fill(data.input_value().replace("not JSON", '{\\"temperature\\": 30}'))
    page.get_by_role("button", name="Replay").click()
    person.go(parked)
    person.until(lambda: rows.count() == 0, "an empty list after the replay")


def test_a_form_says_at_the_field_what_is_wrong(person: Person) -> None:
    fill_mqtt(person, "Typo", 1883, "a/#/b")
    person.save()
    page = person.page
    expect(page.locator(".errorlist, .wg-resolved.wg-danger, [id*=error]").filter(has_text="#").first).to_be_visible()
    expect(person.field("name")).to_have_value("Typo")


def test_a_check_says_which_step_fails_and_what_to_do(newcomer: Callable[..., Person], broker: Mosquitto) -> None:
    person = newcomer()
    broker.stop()
    fill_mqtt(person, "Refused", broker.ports["plain"], "x")
    person.page.get_by_role("button", name="Check connection").click()
    result = person.page.locator("#wg-check-result")
    expect(result.locator(".wg-step.wg-danger")).to_contain_text("refused", timeout=PATIENCE_MS)
    expect(result.locator(".wg-advice").first).to_be_visible()
