"""From bytes to parts: JSON, YAML, or a zip archive of such files, whatever their names end in. Nothing touches the file system.

Everything is bounded: the bytes of all files together, unpacked (`most_bytes`), their number, the depth of what they hold.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from wegnology.applications.global_values import stored_fault
from wegnology.lib.fields import parse_json
from wegnology.lib.paths import MAX_DEPTH, is_deeper
from wegnology.lib.safe_yaml import YamlFault, load
from wegnology.lib.types import JSONValue
from workflows.exceptions import Fault
from workflows.exchange.faults import ImportRefused, inside
from workflows.exchange.fields import said
from workflows.exchange.flow_form import MOST_VERSIONS, MOST_WORKFLOWS, is_many, is_single, read_many, read_single
from workflows.exchange.parts import DEVELOP, Bundle, VersionPart, WorkflowPart
from workflows.exchange.template_form import is_template, read_template

MOST_FILES = 2_000
_ENDINGS = (".json", ".flow", ".yaml", ".yml")
_OF_ARCHIVE = ("__MACOSX/", ".git/")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1


class ImportFile(NamedTuple):
    """A file as it was given. Its name is only shown, never used to open anything."""

    name: str
    data: bytes


def read_files(files: Sequence[ImportFile], most_bytes: int) -> Bundle:
    """Return what the files hold; raises `ImportRefused` with everything that is wrong."""
    bundle = Bundle()
    room = _Room(most_bytes)
    for file in files:
        if len(file.data) > most_bytes:
            bundle.fault(
                file.name,
                _("This has %(count)s bytes; %(most_bytes)s are possible.") % {"count": len(file.data), "most_bytes": most_bytes},
            )
        elif file.data[:4] == b"PK\x03\x04":
            for inner in _unpacked(file, room, bundle):
                _read(inner, bundle, in_archive=True)
        elif room.take(len(file.data), file.name, bundle):
            _read(file, bundle, in_archive=False)
    return _whole(bundle)


def read_document(document: JSONValue, place: str = "") -> Bundle:
    """Return what a document holds that was parsed already, such as the body of a request; raises `ImportRefused`."""
    bundle = Bundle()
    if fault := _bad(document):
        bundle.fault(place, fault)
    elif not _take(document, place, bundle):
        bundle.fault(place, _what_it_is(document))
    return _whole(bundle)


def _whole(bundle: Bundle) -> Bundle:
    _put_together(bundle)
    _check_whole(bundle)
    if bundle.faults:
        raise ImportRefused(bundle.faults)
    return bundle


class _Room:
    """What may still be read."""

    def __init__(self, most: int) -> None:
        self.most = self.left = most
        self.files = MOST_FILES

    def take(self, size: int, place: str, bundle: Bundle) -> bool:
        """Say whether there is room for a file; one too many is a fault, told once."""
        if self.files == 0:
            bundle.fault(
                place, _("There are more than %(most_files)s files: import some at a time.") % {"most_files": MOST_FILES}
            )
        self.files -= 1
        if size > self.left >= 0:
            bundle.fault(
                place, _("The files have more than %(most)s bytes together: import some at a time.") % {"most": self.most}
            )
        self.left -= size
        return self.files >= 0 and self.left >= 0


def _unpacked(file: ImportFile, room: _Room, bundle: Bundle) -> Iterator[ImportFile]:
    """Yield the files of an archive that can be read here; a fault ends it."""
    others = 0
    try:
        with zipfile.ZipFile(io.BytesIO(file.data)) as archive:
            for entry in archive.infolist():
                if entry.is_dir() or entry.filename.startswith(_OF_ARCHIVE):
                    continue
                if not entry.filename.lower().endswith(_ENDINGS):
                    others += 1
                    continue
                place = f"{file.name}, {entry.filename[:200]}"
                if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _METHODS:
                    bundle.fault(place, _("Encrypted files, and such that are packed in rare ways, cannot be read."))
                    continue
                with archive.open(entry) as opened:
                    data = opened.read(room.left + 1)  # what the archive says of sizes is not believed
                if not room.take(len(data), place, bundle):
                    return
                yield ImportFile(place, data)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, RuntimeError, OSError) as error:
        bundle.fault(file.name, _("This archive cannot be read: %(error)s.") % {"error": error})
    if others:
        bundle.left_out.append(Fault(file.name, _("%(others)s file(s) that are neither JSON nor YAML.") % {"others": others}))


def _read(file: ImportFile, bundle: Bundle, *, in_archive: bool) -> None:
    for place, document in _documents(file, bundle):
        if fault := _bad(document):
            bundle.fault(place, fault)
        elif not _take(document, place, bundle):
            what = _what_it_is(document)
            if in_archive:
                bundle.left_out.append(Fault(place, what))
            else:
                bundle.fault(
                    place, _("%(what)s Choose exported workflows (.flow, .json, .yaml) or an archive of them.") % {"what": what}
                )


def _documents(file: ImportFile, bundle: Bundle) -> list[tuple[str, JSONValue]]:
    try:
        text = file.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        bundle.fault(file.name, _("This is no text in UTF-8: byte %(start)s does not fit.") % {"start": error.start})
        return []
    try:
        if text.lstrip()[:1] in ("{", "["):
            return [(file.name, parse_json(text))]
        found = load(text, depth=MAX_DEPTH)
    except ValidationError as error:
        bundle.fault(file.name, _("This is no JSON. %(messages)s") % {"messages": " ".join(error.messages)})
    except YamlFault as error:
        bundle.fault(_("%(name)s, line %(line)s") % {"name": file.name, "line": error.line}, str(error))
    except ValueError as error:  # numbers of thousands of digits
        bundle.fault(file.name, _("This cannot be read: %(error)s.") % {"error": error})
    else:
        return [
            (_("%(name)s, document %(at)s") % {"name": file.name, "at": at} if len(found) > 1 else file.name, each)
            for at, each in enumerate(found, 1)
        ]
    return []


def _bad(document: JSONValue) -> str:
    return (
        _("This is nested more than %(max_depth)s deep.") % {"max_depth": MAX_DEPTH}
        if is_deeper(document, MAX_DEPTH)
        else stored_fault(document)
    )


def _take(document: Any, place: str, bundle: Bundle) -> bool:
    """Read a document; say whether it is one of those that can be."""
    if isinstance(document, list) and document:
        forms = [isinstance(each, dict) and is_single(each) for each in document]
        for at, each in enumerate(document if all(forms) else ()):
            read_single(each, inside(place, f"[{at}]"), bundle)
        return all(forms)
    if not isinstance(document, dict):
        return False
    if is_template(document):
        read_template(document, place, bundle)
    elif is_many(document):
        read_many(document, place, bundle)
    elif is_single(document):
        read_single(document, place, bundle)
    else:
        return False
    return True


def _what_it_is(document: JSONValue) -> str:
    kind = document.get("_type") if isinstance(document, dict) else None
    return (
        _("This is a file of the kind %(kind)s.") % {"kind": said(kind)}
        if isinstance(kind, str)
        else _("There are no workflows in it.")
    )


def _put_together(bundle: Bundle) -> None:
    """Give each version to its workflow; what has none becomes a workflow of its own, which develops from there."""
    known = {part.source_id: part for part in bundle.workflows if part.source_id}
    for version in bundle.loose_versions:
        part = known.get(version.workflow_id)
        if part is None:
            part = _of_its_own(version)
            known[version.workflow_id or version.place] = part
            bundle.workflows.append(part)
            bundle.changed.append(Fault(version.place, _("A version without its workflow: it becomes a workflow of its own.")))
        elif part.version(version.name):
            bundle.fault(
                inside(version.place, "version"),
                _("The workflow has two versions called %(name)s.") % {"name": said(version.name)},
            )
        part.versions.append(version)
    bundle.loose_versions.clear()


def _of_its_own(version: VersionPart) -> WorkflowPart:
    develop = VersionPart(version.place, DEVELOP, version.triggers, version.nodes, version.globals)
    name = version.workflow_name or f"Imported {version.name}"[:255]
    return WorkflowPart(version.place, version.workflow_id, name, versions=[develop])


def _check_whole(bundle: Bundle) -> None:
    if bundle.is_empty() and not bundle.faults:
        bundle.fault("", _("There is nothing in it that can be imported here."))
    if len(bundle.workflows) > MOST_WORKFLOWS:
        bundle.fault(
            "",
            _("There are %(count)s workflows; at most %(most_workflows)s can be imported at a time.")
            % {"count": len(bundle.workflows), "most_workflows": MOST_WORKFLOWS},
        )
    versions = sum(len(part.versions) - 1 for part in bundle.workflows)
    if versions > MOST_VERSIONS:
        bundle.fault(
            "",
            _("There are %(versions)s named versions; at most %(most_versions)s can be imported at a time.")
            % {"versions": versions, "most_versions": MOST_VERSIONS},
        )
    seen: dict[str, str] = {}
    for part in bundle.workflows:
        if part.source_id and part.source_id in seen:
            bundle.fault(part.place, _("The workflow with this id stands in %(seen)s, too.") % {"seen": seen[part.source_id]})
        seen[part.source_id] = part.place
