"""The page of one integration: how it is connected, what came, a workflow from it, a test message out."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.person import PATIENCE_MS, Person
from tests.browser.steps import id_of
from tests.local_run import LocalRun
from tests.servers.mosquitto import Watch
from tests.traffic import Publisher

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_it_is_checked_with_live_steps_and_connected_anew(person: Person, places: dict[str, str]) -> None:
    page = person.page
    person.go(places["integration"])
    state = page.locator("[data-state]")
    expect(state).to_contain_text("Connected", timeout=PATIENCE_MS)
    expect(page.locator("[data-connection]")).to_contain_text("demo/in/#")
    page.get_by_role("button", name="Check connection").click()
    steps = page.locator("#wg-check-result .wg-step")
    expect(steps.filter(has_text="Connect")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("#wg-check-result .wg-step.wg-success").nth(2)).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("#wg-check-result .wg-step.wg-danger")).to_have_count(0)
    page.get_by_role("button", name="Reconnect").click()
    person.sees("made anew")
    expect(state).to_contain_text("Connected", timeout=PATIENCE_MS)
    tabs = page.get_by_role("navigation", name="Pages of this integration")
    tabs.get_by_role("link", name="History").click()
    expect(page.locator("main, #main").get_by_text("Connected").first).to_be_visible()
    tabs.get_by_role("link", name="Audit").click()
    expect(page).to_have_title(re.compile("Demo broker"))
    tabs.get_by_role("link", name="Workflows").click()
    expect(page.get_by_role("link", name="Temperature alert").first).to_be_visible()
    tabs.get_by_role("link", name="Throughput and ledger").click()
    expect(page.locator("figure svg").first).to_be_visible()


def test_messages_are_followed_live_and_one_becomes_a_workflow(
    person: Person, places: dict[str, str], demo_publisher: Publisher
) -> None:
    page = person.page
    person.go(places["messages"])
    page.evaluate("window.stayed = true")
    demo_publisher.publish("demo/in/followed", '{"device": "followed", "temperature": 3}')
    row = page.locator("[data-message]").filter(has_text="demo/in/followed").first
    expect(row).to_contain_text('"temperature": 3', timeout=PATIENCE_MS)
    expect(row).to_contain_text("finished", ignore_case=True, timeout=PATIENCE_MS)
    expect(page.locator("[data-follow-says]")).to_have_text("1 new")
    assert page.evaluate("window.stayed") is True
    row.get_by_role("link").click()
    page.get_by_role("button", name="Make a workflow from this message").click()
    page.wait_for_url(re.compile("/workflow/"))
    name = person.field("name")
    expect(name).not_to_have_value("")
    expect(page.locator("[data-box]").first).to_be_visible()
    person.field("name").fill("From a message")
    page.get_by_role("button", name="Save and continue editing").click()
    page.wait_for_url(re.compile("/change/"))
    expect(page.get_by_role("link", name="Demo broker").first).to_be_visible()
    workflow = id_of(page.url)
    page.get_by_role("link", name="Delete workflow").click()
    page.get_by_role("button", name=re.compile("Yes|Delete")).click()
    page.wait_for_url(re.compile("/workflow/$"))
    expect(page.locator(f'a[href*="{workflow}"]')).to_have_count(0)


def test_a_test_message_goes_out(person: Person, places: dict[str, str], hub: LocalRun) -> None:
    page = person.page
    person.go(places["integration"])
    page.get_by_role("link", name="Send", exact=True).click()
    with Watch(hub.broker, "demo/tried") as watch:
        person.field("message_topic").fill("demo/tried")
        person.field("message_message").fill("are you there?")
        page.evaluate("window.stayed = true")
        page.get_by_role("button", name="Send", exact=True).click()
        outcome = page.locator("[data-trial]")
        expect(outcome.locator(".wg-badge.wg-success")).to_be_visible(timeout=PATIENCE_MS)
        assert page.evaluate("window.stayed") is True
        person.holds(lambda: [text for _, _, _, text in watch.received] == ["are you there?"], "the message at the broker")
