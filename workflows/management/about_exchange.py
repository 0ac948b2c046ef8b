"""What the commands share that write and read files of workflows and applications.

Exit codes: 0 done, nothing is left to do; 1 refused, nothing was done; 2 an option or a name is wrong; 3 done, and the report
says what is to be filled in, to be fixed, or not supported here.
"""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import orjson
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Model, QuerySet

from wegnology.applications.models import Application
from wegnology.lib.types import JSONObject
from workflows.exceptions import Fault
from workflows.exchange.exporting import Exported
from workflows.exchange.faults import ImportRefused, shown
from workflows.exchange.importing import import_files
from workflows.exchange.reading import ImportFile
from workflows.exchange.report import Conflict, Options, Report, Scope, faults_json

REFUSED, WRONG, TO_DO = 1, 2, 3
M = TypeVar("M", bound=Model)


def find(rows: QuerySet[M], given: str, what: str) -> M:
    """Return the row of an id, else of a name; raises `CommandError` when there is none, or more."""
    found = list(rows.filter(pk=given)[:1]) or list(rows.filter(name=given)[:2])
    if len(found) != 1:
        reason = "There is no" if not found else "There is more than one"
        raise CommandError(f"{reason} {what} {given!r}. Give its id.", returncode=WRONG)
    return found[0]


class FileCommand(BaseCommand):
    """A command that tells what it did to people, or with --json to programs."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take how to tell it."""
        parser.add_argument("--json", action="store_true", help="tell what was done as JSON")

    def say_json(self, found: JSONObject) -> None:
        """Write JSON, indented."""
        self.stdout.write(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())


class ExportCommand(FileCommand):
    """A command that writes a file."""

    def add_output(self, parser: ArgumentParser) -> None:
        """Take where to write, and whether over what is there."""
        parser.add_argument("-o", "--output", default="", help="file or folder to write to; - for standard output")
        parser.add_argument("--force", action="store_true", help="write over a file that is there")

    def deliver(self, exported: Exported, options: Any, about: JSONObject) -> None:
        """Write the file, and tell where it is."""
        if options["output"] == "-":
            sys.stdout.buffer.write(exported.data)
            return
        path = Path(options["output"] or exported.name)
        path = path / exported.name if path.is_dir() else path
        try:
            with path.open("wb" if options["force"] else "xb") as file:
                file.write(exported.data)
        except OSError as error:
            hint = " Give --force to write over it." if isinstance(error, FileExistsError) else ""
            raise CommandError(f"{path} cannot be written: {error.strerror or error}.{hint}", returncode=REFUSED) from None
        if options["json"]:
            self.say_json({"file": str(path), "bytes": len(exported.data), "contentType": exported.content_type, **about})
        else:
            self.stdout.write(f"{path}: {len(exported.data)} bytes")


class ImportCommand(FileCommand):
    """A command that reads files."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take files, and how to import them."""
        super().add_arguments(parser)
        parser.add_argument("files", nargs="+", type=Path, help="exported files or archives; - for standard input")
        parser.add_argument(
            "--conflict", choices=[each.value for each in Conflict], default=Conflict.CREATE.value,
            help="what happens with what is there already (create: it arrives beside it)",
        )  # fmt: skip
        parser.add_argument("--dry-run", action="store_true", help="only say what would happen")
        parser.add_argument("--strict", action="store_true", help="refuse what could not run as it is")
        parser.add_argument(
            "--integration", action="append", type=_pair, default=[], metavar="THERE=HERE",
            help="take this integration of the application for one in the files; ids or names; may be given again",
        )  # fmt: skip

    def options_for(self, scope: Scope, given: Any, **more: Any) -> Options:
        """Return how to import."""
        return Options(
            scope=scope, conflict=Conflict(given["conflict"]), dry_run=given["dry_run"], strict=given["strict"],
            integrations=dict(given["integration"]), **more,
        )  # fmt: skip

    def run_import(self, application: Application | None, given: Any, options: Options) -> None:
        """Import and tell; raises `CommandError` with the exit code where something is left to do."""
        try:
            report = import_files(application, [_file(path) for path in given["files"]], options)
        except ImportRefused as error:
            if given["json"]:
                self.say_json({"imported": False, "faults": faults_json(error.faults)})
                raise CommandError("Nothing was imported.", returncode=REFUSED) from None
            raise CommandError("Nothing was imported:\n" + "\n".join(map(str, error.faults)), returncode=REFUSED) from None
        if given["json"]:
            self.say_json({"imported": not report.dry_run, **report.as_json()})
        else:
            self._tell(report)
        if not report.is_complete():
            raise CommandError("Something is left to do: see above.", returncode=TO_DO)

    def _tell(self, report: Report) -> None:
        went = "Would go" if report.dry_run else "Went"
        new = "a new application" if report.created_application else "the application"
        self.stdout.write(f"{went} into {new} {report.application_name} {report.application_id}".rstrip())
        for each in report.outcomes:
            self.stdout.write(f"{each.kind} {each.name}: {each.result} {each.identifier}".rstrip())
        self._list("To fill in", report.to_fill_in)
        self._list("To fix", report.to_fix)
        self._list("Not supported here", report.not_supported)
        self._list("Changed", report.changed)
        self._list("Left out", report.left_out)

    def _list(self, title: str, faults: Sequence[Fault]) -> None:
        if faults:
            self.stdout.write(f"{title}:")
        for fault in shown(faults):
            self.stdout.write(f"  {fault}")


def _pair(text: str) -> tuple[str, str]:
    there, equals, here = text.partition("=")
    if not (there and equals and here):
        raise ArgumentTypeError("give THERE=HERE, two ids or names of integrations")
    return there, here


def _file(path: Path) -> ImportFile:
    """Read a file that the operator named, no more of it than may be imported."""
    most = settings.IMPORT_BYTES + 1
    try:
        if str(path) == "-":
            return ImportFile("standard input", sys.stdin.buffer.read(most))
        with path.open("rb") as file:
            return ImportFile(path.name, file.read(most))
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror or error}.", returncode=WRONG) from None
