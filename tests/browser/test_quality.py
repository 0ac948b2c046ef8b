"""What every main page keeps to: it is usable by keyboard and screen reader, light and dark, on a phone."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, StorageState, expect

from tests.browser.conftest import DESK, PHONE
from tests.browser.person import Person
from tests.browser.steps import add_application, id_of
from tests.local_run import LocalRun
from tests.servers.npm import installed
from tests.servers.processes import free_port
from wegnology.local.demo import ADMIN

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.usefixtures("demo_ran")]

GRAVE = ("serious", "critical")
_TOLD = """async () => (await axe.run(document, { resultTypes: ["violations"] })).violations.map(
  (one) => ({ id: one.id, impact: one.impact, at: one.nodes.slice(0, 5).map((node) => node.html.slice(0, 160)) }))"""
_CONTRAST = _TOLD.replace("{ resultTypes", '{ runOnly: ["color-contrast"], resultTypes')


@dataclass
class Visits:
    """What is wrong with main pages, each of which was opened once."""

    light: list[str] = field(default_factory=list)
    dark: list[str] = field(default_factory=list)
    wide: dict[str, int] = field(default_factory=dict)
    """By how many pixels a phone scrolls sideways."""


@pytest.fixture(scope="module")
def axe() -> str:
    """The source of axe-core, which judges what a page is for those who do not see it."""
    folder: Path = installed("axe-core", "4.10.3")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest.fixture(scope="module")
def visits(hub: LocalRun, chromium: Browser, logged_in: StorageState, places: Mapping[str, str], axe: str) -> Visits:
    """Open each page as somebody at a desk, let it become dark, then narrow."""
    found = Visits()
    context = chromium.new_context(viewport=DESK, storage_state=logged_in, color_scheme="light")
    person = Person(context.new_page(), f"http://127.0.0.1:{hub.web}")
    page = person.page
    for name, address in places.items():
        page.set_viewport_size(DESK)
        person.go(address)
        page.evaluate(axe)
        found.light += _violations(person, name, _TOLD)
        page.evaluate("document.documentElement.classList.add('dark')")
        found.dark += _violations(person, name, _CONTRAST)
        page.set_viewport_size(PHONE)
        if wider := person.wider_than_the_window():
            found.wide[name] = wider
    context.close()
    assert person.complaints == []
    return found


def _violations(person: Person, name: str, told: str) -> list[str]:
    found: list[dict[str, Any]] = person.page.evaluate(told)
    return [f"{name}: {one['id']} ({one['impact']}) {one['at']}" for one in found if one["impact"] in GRAVE]


def test_axe_finds_nothing_grave(visits: Visits) -> None:
    assert visits.light == []


def test_contrast_is_kept_in_the_dark(visits: Visits) -> None:
    assert visits.dark == []


def test_who_likes_it_dark_gets_it_dark(newcomer: Callable[..., Person]) -> None:
    person = newcomer(color_scheme="dark")
    person.go("/admin/integrations/integration/")
    expect(person.page.locator("html")).to_have_class(re.compile(r"\bdark\b"))


def test_no_page_scrolls_sideways_on_a_phone(visits: Visits) -> None:
    assert visits.wide == {}


def test_the_list_is_walked_by_keyboard(person: Person, places: Mapping[str, str]) -> None:
    person.go(places["overview"])
    person.go(places["integrations"])
    _tab_to(person, "^Filters")
    person.page.keyboard.press("Enter")
    expect(person.page.locator("#changelist-filter").get_by_role("link", name="Connected", exact=True)).to_be_visible()
    person.page.keyboard.press("Escape")
    _tab_to(person, "^Demo broker")
    person.page.keyboard.press("Enter")
    person.page.wait_for_url(re.compile("/change/"))


def test_the_graph_is_walked_by_keyboard(person: Person, places: Mapping[str, str]) -> None:
    page = person.page
    person.go(places["workflow"])
    _tab_to(person, "^A reading arrives, ")
    expect(page.locator(".wg-node.wg-chosen")).to_contain_text("A reading arrives")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".wg-node.wg-chosen")).to_contain_text("JsonDecodeNode")
    expect(page.locator("[data-box]:focus")).to_have_count(1)


def test_somebody_logs_in_and_adds_an_integration_by_keyboard_alone(newcomer: Callable[..., Person], hub: LocalRun) -> None:
    person = newcomer(storage_state=None)
    page, keys = person.page, person.page.keyboard
    person.go("/admin/login/")
    for name, text in (("User name", ADMIN), ("Password", "a wrong guess")):
        _tab_to(person, name)
        keys.type(text)
    keys.press("Enter")
    expect(page.get_by_text(re.compile("Please enter the correct|wrong")).first).to_be_visible()
    _tab_to(person, "Password")
    keys.type(hub.password)
    keys.press("Enter")
    page.wait_for_url(lambda address: "login" not in address)
    add_application(person, "By keyboard")
    person.go("/admin/integrations/integration/")
    _tab_to(person, "Add integration|Add the first")
    keys.press("Enter")
    page.wait_for_url(re.compile("/add/$"))
    _tab_to(person, r"WebSocket\b")
    keys.press("Enter")
    page.wait_for_url(re.compile("type=websocket"))
    for name, text in (("^Name", "Typed"), ("^URL", f"ws://127.0.0.1:{free_port()}/")):
        _tab_to(person, name)
        keys.type(text)
    _tab_to(person, "^Save and continue")
    keys.press("Enter")
    page.wait_for_url(re.compile("/change/"))
    assert id_of(page.url)
    _tab_to(person, "Reconnect$")


def _tab_to(person: Person, name: str) -> None:
    """Press Tab until what has the focus has this name; what has it can be seen."""
    told = """(() => { const at = document.activeElement;
      if (at === document.body) return "";
      return at.getAttribute("aria-label") || at.labels?.[0]?.innerText || at.innerText || ""; })()"""
    for _ in range(150):
        person.page.keyboard.press("Tab")
        if re.search(name, person.page.evaluate(told).strip()):
            expect(person.page.locator(":focus")).to_be_in_viewport()
            return
    raise AssertionError(f"{name} cannot be reached by Tab on {person.page.url}")
