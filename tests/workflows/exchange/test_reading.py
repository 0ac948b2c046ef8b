"""From bytes to parts: which files are taken, which are not, and that no file can do harm."""

import io
import json
import zipfile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workflows.exchange.samples import OLD_ID, YAML, debug, file, flow
from workflows.exchange.faults import ImportRefused
from workflows.exchange.parts import Bundle
from workflows.exchange.reading import ImportFile, read_document, read_files

MOST = 100_000


def archive(files: dict[str, Any], name: str = "all.zip") -> ImportFile:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for path, content in files.items():
            packed.writestr(path, content if isinstance(content, str | bytes) else json.dumps(content))
    return ImportFile(name, buffer.getvalue())


def read(*files: ImportFile, most: int = MOST) -> Bundle:
    return read_files(files, most)


def refused(*files: ImportFile, most: int = MOST) -> list[str]:
    with pytest.raises(ImportRefused) as caught:
        read(*files, most=most)
    return [str(fault) for fault in caught.value.faults]


def names(bundle: Bundle) -> list[str]:
    return [part.name for part in bundle.workflows]


@pytest.mark.parametrize(
    "content",
    [
        flow("A"),
        [flow("A")],
        {"flows": [flow("A")], "flowVersions": []},
        json.dumps(flow("A")).encode("utf-8-sig"),
        {"resourceType": "Flow", "version": 1, "resources": [flow("A")]},
        {"name": "A", "triggers": [], "nodes": [], "globals": []},  # as the oldest files are
        YAML.replace("Pump alerts", "A"),
    ],
)
def test_forms_of_one(content: Any) -> None:
    assert names(read(file(content))) == ["A"]


def test_a_body_that_was_parsed_already() -> None:
    body: Any = {"flows": [flow("A", id=OLD_ID)], "flowVersions": [{"flowId": OLD_ID, "version": "1.0"}]}
    assert [version.name for version in read_document(body).workflows[0].versions] == ["develop", "1.0"]
    with pytest.raises(ImportRefused, match=r"flows\[0\], name"):
        read_document({"flows": [{}]})
    with pytest.raises(ImportRefused, match="no workflows"):
        read_document([1])


def test_an_archive_of_a_repository() -> None:
    files: dict[str, Any] = {
        "repo/README.md": "# Read me",
        "repo/application.yaml": "resourceType: Application\nversion: 1\nresources: [{name: Plant, blobUrlTTL: 5}]\n",
        "repo/workflows/cloud/A.yaml": YAML,
        "repo/devices.yaml": "resourceType: Device\nversion: 1\nresources:\n  - name: d\n  - name: e\n",
        "repo/compose.yml": "services: {}\n",
        "__MACOSX/repo/._A.yaml": b"\x00\x05",
        "repo/b.flow": flow("B"),
    }
    bundle = read(archive(files))
    assert names(bundle) == ["Pump alerts", "B"]
    assert bundle.application is not None
    assert bundle.application.name == "Plant"
    assert [str(fault) for fault in bundle.left_out] == [
        "all.zip, repo/devices.yaml: 2 of the kind “Device”: there is nothing like it here.",
        "all.zip, repo/compose.yml: There are no workflows in it.",
        "all.zip: 1 file(s) that are neither JSON nor YAML.",
    ]


def test_a_version_finds_its_workflow_in_another_file() -> None:
    (part,) = read(file(flow("A", id=OLD_ID)), file({"flowId": OLD_ID, "version": "1.0", "nodes": []}, "b.flow")).workflows
    assert [version.name for version in part.versions] == ["develop", "1.0"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe", "no text in UTF-8"),
        ('{"a": 1,}', "no JSON"),
        ('{"nodes": [], "nodes": []}', "stands twice"),
        ('{"nodes": [], "name": NaN}', "NaN"),
        ("a: *b", "line 1: "),
        ("a: !!python/name:os.system x", "Tags"),
        ({"_type": "dashboard"}, "“dashboard”"),
        ("just words", "no workflows in it"),
        ({"flows": []}, "nothing in it"),
        ({"resourceType": "Flow", "version": 2, "resources": []}, "Only version 1"),
        (flow("x" * 256), "255"),
        (flow("A", nodes=[{**debug(), "config": {"message": "\0"}}]), "cannot be stored"),
        (flow("A", nodes=[{**debug(), "config": {"message": 2**64}}]), "whole number"),
        ('{"nodes": ' + "[" * 100_000, "too"),
        (json.dumps(flow("A")).replace("[]", "[" * 300 + "]" * 300, 1), "nested more than"),
        ([flow("A", id=OLD_ID), flow("B", id=OLD_ID)], "this id"),
        ({"flows": [flow("A", id=OLD_ID)], "flowVersions": [{"flowId": OLD_ID, "version": "1"}] * 2}, "two versions"),
        ({"flows": [flow("A")] * 1001}, "at most 1000"),
        (b"PK\x03\x04 is no archive", "cannot be read"),
    ],
)
def test_what_is_refused(content: Any, said: str) -> None:
    assert said in "\n".join(refused(file(content), most=10**6))


def test_all_files_together_are_bounded_unpacked() -> None:
    big = flow("A", description="x" * 600)
    assert names(read(file(big), most=1000)) == ["A"]
    assert "more than 1000 bytes" in refused(file(big), file(big, "b.flow"), most=1000)[0]
    assert "more than 1000 bytes" in refused(archive({"a.json": big, "b.json": big}), most=1000)[0]
    assert "1000 are possible" in refused(file(b"{" * 2000), most=1000)[0]


def test_an_archive_cannot_say_less_than_it_holds() -> None:
    bomb = archive({"a.json": b" " * 50_000_000})
    assert len(bomb.data) < MOST
    assert "more than" in refused(bomb)[0]


def test_archives_that_are_encrypted_or_packed_oddly_are_refused() -> None:
    data = bytearray(archive({"a.json": flow("A")}).data)
    at = data.rindex(b"PK\x01\x02")
    data[at + 8] |= 1
    assert "Encrypted" in refused(ImportFile("a.zip", bytes(data)))[0]


def test_names_in_archives_lead_nowhere() -> None:
    bundle = read(archive({"../../etc/passwd.json": flow("A"), "/abs.json": flow("B")}))
    assert names(bundle) == ["A", "B"]


_cut = st.sampled_from([YAML.encode()[:at] for at in range(0, 900, 7)])


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode) | _cut)
def test_whatever_is_given_is_read_or_refused(data: bytes) -> None:
    faults: list[Any] = []
    try:
        bundle = read(ImportFile("x", data))
    except ImportRefused as error:
        faults = error.faults
    assert faults or not bundle.is_empty() or bundle.left_out
