"""What every main page keeps to: it is usable by keyboard and screen reader, light and dark, on a phone."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PHONE
from tests.browser.person import Person
from tests.browser.places import main_pages
from tests.servers.npm import installed

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.usefixtures("demo_ran")]

GRAVE = ("serious", "critical")
_TOLD = """async () => (await axe.run(document, { resultTypes: ["violations"] })).violations.map(
  (one) => ({ id: one.id, impact: one.impact, at: one.nodes.slice(0, 5).map((node) => node.html.slice(0, 160)) }))"""


@pytest.fixture(scope="module")
def axe() -> str:
    """The source of axe-core, which judges what a page is for those who do not see it."""
    folder: Path = installed("axe-core", "4.10.3")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_grave(newcomer: Callable[..., Person], axe: str, scheme: str) -> None:
    person = newcomer(color_scheme=scheme)
    found = []
    for name, address in main_pages(person).items():
        person.go(address)
        person.page.evaluate(axe)
        violations: list[dict[str, Any]] = person.page.evaluate(_TOLD)
        found += [f"{name}: {one['id']} ({one['impact']}) {one['at']}" for one in violations if one["impact"] in GRAVE]
    assert found == []


def test_no_page_scrolls_sideways_on_a_phone(newcomer: Callable[..., Person]) -> None:
    person = newcomer(viewport=PHONE, is_mobile=True, has_touch=True)
    found = {}
    for name, address in main_pages(person).items():
        person.go(address)
        if wider := person.wider_than_the_window():
            found[name] = wider
    assert found == {}


def test_the_list_is_walked_by_keyboard(person: Person) -> None:
    person.go(main_pages(person)["integrations"])
    _tab_to(person, "Demo broker")
    person.page.keyboard.press("Enter")
    person.page.wait_for_url(re.compile("/change/"))


def test_the_graph_is_walked_by_keyboard(person: Person) -> None:
    page = person.page
    person.go(main_pages(person)["workflow"])
    _tab_to(person, "^A reading arrives, ")
    expect(page.locator(".wg-node.wg-chosen")).to_contain_text("A reading arrives")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".wg-node.wg-chosen")).to_contain_text("JsonDecodeNode")
    expect(page.locator("[data-box]:focus")).to_have_count(1)


def _tab_to(person: Person, name: str) -> None:
    """Press Tab until what has the focus has this name; what has it can be seen."""
    told = "(() => { const at = document.activeElement; return at.getAttribute('aria-label') || at.innerText || ''; })()"
    for _ in range(150):
        person.page.keyboard.press("Tab")
        if re.search(name, person.page.evaluate(told)):
            expect(person.page.locator(":focus")).to_be_in_viewport()
            return
    raise AssertionError(f"{name} cannot be reached by Tab on {person.page.url}")
