"""The way to an integration: the choice of a type, and a form that follows what is chosen and helps with what is typed."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.person import Person
from tests.browser.steps import add_application, delete_integration, fill_mqtt, work_in
from tests.servers.certificates import Certificates
from wegnology.local.demo import APPLICATION

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

ADD = "/admin/integrations/integration/add/"


def test_the_types_say_what_they_can_do_and_lead_to_what_is_written_of_them(person: Person) -> None:
    person.go(ADD)
    cards = person.page.locator(".wg-card")
    expect(cards).to_have_count(6)
    for name in ("MQTT", "Amazon SQS", "Azure Event Hubs", "Google Pub/Sub", "Particle", "WebSocket"):
        card = cards.filter(has=person.page.get_by_text(name, exact=True))
        expect(card.locator(".wg-badge").first).to_be_visible()
        expect(card.locator(".material-symbols-outlined").first).to_be_visible()
    expect(cards.filter(has_text="Particle").first).to_contain_text("webhooks")
    cards.filter(has_text="MQTT").get_by_role("link", name="About MQTT").click()
    person.sees("Protocol Version")


def test_fields_that_mean_nothing_are_hidden(person: Person) -> None:
    person.go("/admin/workflows/alarmrule/add/")
    kind, threshold, integration = person.field("kind"), person.field("threshold"), person.field("integration")
    for name, has_threshold, has_integration in (
        ("refused", False, True),
        ("payloadLimit", True, False),
        ("disconnected", True, True),
    ):
        kind.select_option(name)
        expect(threshold).to_be_visible(visible=has_threshold)
        expect(integration).to_be_visible(visible=has_integration)
    expect(person.page.get_by_text("in minutes; empty means")).to_be_visible()
    expect(person.page.get_by_text("in percent used; empty means")).to_be_hidden()
    person.go("/admin/applications/apitoken/add/")
    expect(person.field("scopes")).to_be_hidden()
    person.field("access").select_option("chosen")
    expect(person.field("scopes")).to_be_visible()


def test_fields_follow_what_is_chosen(person: Person) -> None:
    person.go(f"{ADD}?type=mqtt")
    port, protocol = person.field("config_port"), person.field("config_protocol")
    expect(port).to_have_value("1883")
    protocol.select_option("wss")
    expect(port).to_have_value("443")
    port.fill("1999")
    protocol.select_option("mqtts")
    expect(port).to_have_value("1999")
    authority, unverified = person.field("config_caCertificate"), person.field("config_disableSSLVerification")
    expect(authority).to_be_visible()
    unverified.check(force=True)
    expect(authority).to_be_hidden()
    unverified.uncheck(force=True)
    expect(authority).to_be_visible()
    person.go(f"{ADD}?type=sqs")
    secret = person.field("config_secretAccessKey")
    expect(secret).to_be_visible()
    expect(person.field("config_credentialName")).to_be_visible()
    person.go(f"{ADD}?type=particle")
    person.sees(re.compile("webhooks"))


def test_a_template_is_completed_and_shows_what_it_gives(person: Person, places: dict[str, str]) -> None:
    person.go(places["overview"])
    fill_mqtt(person, "Templated", 1883, "x/#")
    page, host = person.page, person.field("config_host")
    host.fill("")
    host.press_sequentially("sensor-{{thr")
    offered = page.get_by_role("listbox", name="Globals")
    expect(offered.get_by_role("option")).to_contain_text(["globals.threshold"])
    expect(offered).to_contain_text("30")
    host.press("Enter")
    expect(host).to_have_value("sensor-{{globals.threshold}}")
    expect(offered).to_be_hidden()
    person.field("enabled").uncheck(force=True)
    page.get_by_role("button", name="Save and continue editing").click()
    page.wait_for_url(re.compile("/change/"))
    person.sees("sensor-30")
    delete_integration(person)


def test_a_certificate_is_read_from_a_file_and_says_what_it_is(person: Person, tmp_path: Path) -> None:
    page = person.page
    add_application(person, "Certified")
    fill_mqtt(person, "Certified broker", 8883, "x/#")
    person.field("enabled").uncheck(force=True)
    person.field("config_protocol").select_option("mqtts")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name=re.compile("Read from a file: CA")).click()
    chooser.value.set_files(Certificates(tmp_path).ca_file)
    person.sees("ca.pem was read")
    expect(person.field("config_caCertificate")).to_have_value(re.compile("BEGIN CERTIFICATE"))
    page.get_by_role("button", name="Save and continue editing").click()
    page.wait_for_url(re.compile("/change/"))
    person.sees(re.compile("trustme.*until", re.IGNORECASE))


def test_rows_of_topics_grow_and_are_judged_while_one_types(person: Person) -> None:
    page = person.page
    person.go(f"{ADD}?type=mqtt")
    rows = page.locator("[data-text-rows] input")
    before = rows.count()
    rows.last.fill("a/#/b")
    expect(rows).to_have_count(before + 1)
    rows.last.fill("fine/+")
    rows.last.blur()
    wrong = rows.nth(before - 1)
    expect(wrong).to_have_attribute("aria-invalid", "true")
    described = wrong.get_attribute("aria-describedby")
    expect(page.locator(f"#{described}")).to_contain_text("#")
    wrong.fill("a/#")
    wrong.blur()
    expect(wrong).not_to_have_attribute("aria-invalid", "true")
    expect(page.locator(f"#{described}")).to_have_text("")


def test_without_scripts_it_is_saved_or_said_at_the_field_why_not(newcomer: Callable[..., Person]) -> None:
    person = newcomer(java_script_enabled=False)
    page = person.page
    fill_mqtt(person, "Scriptless", 1883, "x/#/y")
    if person.field("application").is_editable():
        person.field("application").select_option(label=APPLICATION)
    person.field("enabled").uncheck()
    person.save()
    expect(page.locator("#id_topics-0-fault, .errorlist").first).to_contain_text("#")
    page.locator('[name="topics-0"]').fill("x/#")
    page.get_by_role("button", name="Save and continue editing").click()
    page.wait_for_url(re.compile("/change/"))
    delete_integration(person)
    expect(page.locator("#result_list").get_by_role("link", name="Scriptless")).to_have_count(0)


def test_the_menu_has_the_pages_of_the_chosen_application(person: Person, places: dict[str, str]) -> None:
    person.go(places["overview"])
    work_in(person, APPLICATION)
    menu = person.page.get_by_role("navigation", name="Menu")
    for name in ("Integrations", "Workflows", "Globals", "Parked runs", "Alarms", "Members", "API tokens", "Audit", "Overview"):
        menu.get_by_role("link", name=name, exact=True).click()
        expect(person.page.get_by_label("Application", exact=True).first.locator("option:checked")).to_have_text(APPLICATION)
        expect(menu.get_by_role("link", name=name, exact=True)).to_be_visible()
