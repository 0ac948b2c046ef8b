"""Workflows go out as files and come in by being dropped; what they refer to is chosen."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.person import Person
from tests.browser.steps import add_application, add_mqtt
from tests.servers.processes import free_port

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_exported_dropped_tried_and_imported(person: Person, places: dict[str, str], tmp_path: Path) -> None:
    page = person.page
    person.go(places["workflow"])
    with page.expect_download() as download:
        page.get_by_role("link", name="Develop (.flow)").click()
    exported = tmp_path / "alert.flow"
    download.value.save_as(exported)
    other = tmp_path / "other.json"
    other.write_text(json.dumps(json.loads(exported.read_text()) | {"name": "Another alert", "id": "5a0717e558025a00072bdc51"}))

    add_application(person, "Imported")
    add_mqtt(person, "Our broker", free_port(), "x/#")
    person.menu("Import")
    _drop(person, [exported])
    _drop(person, [other, exported])
    dropped = page.locator("[data-dropped] li")
    expect(dropped).to_have_count(2)
    expect(page.get_by_role("status").filter(has_text="Files to import: 2.")).to_be_visible()
    page.get_by_role("button", name="Remove other.json").focus()
    page.keyboard.press("Enter")
    expect(dropped).to_contain_text(["alert.flow"])
    expect(page.get_by_role("button", name="Remove alert.flow")).to_be_focused()

    page.get_by_role("button", name="Only try").click()
    person.sees("Nothing was written")
    meant = page.get_by_label(re.compile("^Demo broker"))
    expect(meant).to_have_value("")
    meant.select_option(label="Our broker (MQTT)")
    page.get_by_role("button", name="Import", exact=True).click()
    person.sees("Imported.")
    page.get_by_role("link", name="Temperature alert", exact=True).click()
    expect(page.get_by_role("link", name="Our broker").first).to_be_visible()


def test_a_file_that_is_none_is_told_with_its_name(person: Person, tmp_path: Path) -> None:
    wrong = tmp_path / "notes.json"
    wrong.write_text("{")
    person.go("/import")
    _drop(person, [wrong])
    person.page.get_by_role("button", name="Import", exact=True).click()
    person.sees("Nothing was imported.")
    person.sees("notes.json")
    assert len(person.complaints) == 1, person.complaints
    person.complaints.clear()  # the browser names an answer of 422 an error, and so it is


def _drop(person: Person, files: Sequence[Path]) -> None:
    """Drop files on the page, as from a folder."""
    talk = person.page.context.new_cdp_session(person.page)
    data = {"items": [], "files": [str(path) for path in files], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        talk.send("Input.dispatchDragEvent", {"type": kind, "x": 700, "y": 300, "data": data})
    talk.detach()
