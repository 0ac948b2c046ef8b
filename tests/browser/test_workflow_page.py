"""The page of a workflow: its picture, what is wrong with it, its versions, and what it does when it is run."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.person import PATIENCE_MS, Person
from tests.browser.steps import add_application, add_mqtt, add_workflow
from tests.servers.processes import free_port

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_the_picture_is_moved_enlarged_and_says_what_a_node_is_set_to(person: Person, places: dict[str, str]) -> None:
    page = person.page
    person.go(places["workflow"])
    picture = page.locator("svg[data-graph]")
    whole = _view(picture)
    page.get_by_role("button", name="Larger").click()
    assert _view(picture)[2] < whole[2]
    page.get_by_role("button", name="Smaller").click()
    box = picture.bounding_box()
    assert box is not None
    x, y = box["x"] + 12, box["y"] + 12
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 30, steps=4)
    page.mouse.up()
    assert _view(picture)[0] < whole[0]
    page.get_by_role("button", name="Fit").click()
    assert _view(picture) == whole
    page.locator("[data-box]").filter(has_text="Conditional").click()
    chosen = page.locator(".wg-node.wg-chosen")
    expect(chosen).to_have_count(1)
    expect(chosen).to_contain_text("globals.threshold")


def _view(picture: Locator) -> list[float]:
    found: list[float] = picture.evaluate("(svg) => { const v = svg.viewBox.baseVal; return [v.x, v.y, v.width, v.height]; }")
    return [round(number, 3) for number in found]


def test_a_fault_stands_at_its_node(person: Person) -> None:
    page = person.page
    add_application(person, "Faulty")
    person.go("/admin/workflows/workflow/add/")
    person.field("name").fill("Faulty workflow")
    wrong = {"id": "judge", "type": "ConditionalNode", "config": {"expression": "({{data.a}} >"}, "outputIds": [["gone"]]}
    button = {"type": "virtualButton", "outputIds": [["judge"]]}
    person.field("triggers").fill(json.dumps([button]))
    person.field("nodes").fill(json.dumps([wrong]))
    person.save()
    faulty = page.locator(".wg-box-faulty")
    expect(faulty).to_have_count(1)
    expect(faulty).to_have_attribute("aria-label", re.compile("fault"))
    expect(page.locator(".wg-node.wg-chosen .wg-danger").first).to_be_visible()
    expect(person.field("name")).to_have_value("Faulty workflow")


def test_versions_are_kept_compared_and_copied_as_json(newcomer: Callable[..., Person]) -> None:
    person = newcomer(permissions=["clipboard-read", "clipboard-write"])
    page = person.page
    add_application(person, "Versioned")
    integration = add_mqtt(person, "Versioned broker", free_port(), "x/#")
    workflow = add_workflow(person, "Versioned workflow", integration)
    versions = f"/admin/workflows/workflow/{workflow}/versions/"
    person.go(versions)
    page.get_by_label("Name", exact=True).fill("1.0")
    page.get_by_role("button", name="Keep a version").click()
    person.sees("1.0 is kept.")
    person.go(f"/admin/workflows/workflow/{workflow}/change/")
    nodes = person.field("nodes")
    nodes.fill(nodes.input_value().replace("> 20", "> 25"))
    page.get_by_role("button", name="Save and continue editing").click()
    person.sees(re.compile("was changed successfully"))
    person.go(versions)
    page.get_by_role("link", name="See what differs").click()
    expect(page.locator("del").first).to_contain_text("> 20")
    expect(page.locator("ins").first).to_contain_text("> 25")

    person.go(versions)
    page.get_by_role("rowheader", name="1.0").get_by_role("link").click()
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_have_count(1)
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert [node["id"] for node in copied["nodes"]] == ["decode", "compare", "cold", "warm"]
    assert "> 20" in json.dumps(copied)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download (.flow)").click()
    assert json.loads(download.value.path().read_text())["version"] == "1.0"


def test_it_is_run_with_a_payload_and_shows_what_happened(newcomer: Callable[..., Person]) -> None:
    person, watcher = newcomer(), newcomer()
    page = person.page
    add_application(person, "Pressed")
    integration = add_mqtt(person, "Pressed broker", free_port(), "x/#")
    workflow = f"/admin/workflows/workflow/{add_workflow(person, 'Pressed workflow', integration)}"
    watcher.go(f"{workflow}/debug/")
    watcher.page.get_by_role("button", name=re.compile("^Record for")).click()
    watcher.sees("Recording")
    _press(person, workflow, '{"message": "{\\"temperature\\": 7}"}')
    expect(page.get_by_role("link", name=re.compile("^Cold, .*visited 3"))).to_be_visible()
    expect(page.locator(".wg-wire.wg-taken")).to_have_count(3)
    expect(watcher.page.get_by_role("log")).to_contain_text("cold", timeout=PATIENCE_MS)

    _press(person, workflow, '{"message": "no JSON"}')
    person.sees("Failed")
    expect(page.locator(".wg-box-failed")).to_contain_text("JSON Decode")
    page.get_by_role("link", name="Runs", exact=True).click()
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_role("link", name="failed", exact=True).click()
    expect(page.locator("tbody tr")).to_have_count(1)
    person.go(f"{workflow}/errors/")
    row = page.locator("tbody tr").filter(has_text="decode")
    person.until(lambda: row.count() == 1, "the error in the list")
    person.go("/admin/workflows/workflow/")
    told = page.get_by_role("row", name=re.compile("Pressed workflow")).filter(has_text="1 of 2")
    person.until(lambda: told.count() == 1, "the failure in the list")


def _press(person: Person, workflow: str, payload: str) -> None:
    person.go(f"{workflow}/change/")
    person.field("payload").fill(payload)
    person.page.get_by_role("button", name="Press").click()
    person.page.wait_for_url(re.compile("/runs/[^/]+/$"), timeout=PATIENCE_MS)
