"""How an application does, and how the whole installation does."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.person import Person
from tests.browser.steps import add_application
from tests.traffic import Publisher

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_an_application_tells_how_it_does(person: Person, places: dict[str, str], demo_publisher: Publisher) -> None:
    page = person.page
    demo_publisher.publish("demo/in/overview", '{"device": "overview", "temperature": 3}')
    person.go(places["overview"])
    chart = page.locator("section[aria-labelledby=wg-ledger] figure svg")
    person.until(lambda: chart.count() > 0, "the chart of what came")
    health = page.get_by_role("region", name="Integrations", exact=True)
    expect(health).to_contain_text("Connected")
    for name in ("Workflows", "Alarms"):
        expect(page.get_by_role("region", name=name, exact=True)).to_be_visible()
    person.sees(re.compile("payload", re.IGNORECASE))
    health.get_by_role("link", name="All integrations").click()
    expect(page.get_by_role("link", name="Demo broker")).to_be_visible()


def test_an_empty_application_says_what_to_do_next(person: Person) -> None:
    page = person.page
    add_application(person, "Empty")
    steps = page.get_by_role("region", name="First steps")
    expect(steps.get_by_role("listitem")).to_contain_text(["Add an integration"])
    steps.get_by_role("link", name="Add an integration").click()
    expect(page.locator(".wg-card").first).to_be_visible()
    person.menu("Integrations")
    expect(page.get_by_role("link", name=re.compile("Add")).first).to_be_visible()


def test_operators_see_how_the_installation_does(person: Person) -> None:
    person.go("/status")
    main = person.page.locator("main, #main").first
    for text in ("Listeners", "Workers", "Partitions without listener", "Oldest waiting event"):
        expect(main).to_contain_text(text)
    for name in ("Processes", "Redis", "What waits longest"):
        expect(person.page.get_by_role("region", name=name).first).to_be_visible()
