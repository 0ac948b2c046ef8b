"""`manage.py workflow_versions`: list, keep, compare, choose, switch and delete the versions of a workflow.

Exit codes: 0 done; 1 refused, the text says why; 2 there is no such workflow or version, or an option is wrong; 3 with --check:
the versions differ.
"""

from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from typing import Any

from django.core.management.base import CommandError

from wegnology.lib.types import JSONObject
from workflows.exceptions import VersionMissing, VersionRefused
from workflows.management.about_workflow import AboutWorkflow, second
from workflows.models import DEVELOP, Workflow, WorkflowVersion
from workflows.version_content import content_of, graph_faults
from workflows.version_diff import difference
from workflows.version_diff_text import text_of
from workflows.version_panel import badge_of, lines_of
from workflows.versions import (
    create_version,
    delete_versions,
    find_version,
    save_develop,
    set_default,
    set_enabled,
)

_NAMES: dict[str, tuple[int, int]] = {
    "list": (0, 0),
    "show": (1, 1),
    "create": (1, 1),
    "default": (1, 1),
    "enable": (0, 1),
    "disable": (0, 1),
    "diff": (1, 2),
    "revert": (1, 1),
    "delete": (1, 1_000),
}
"""How many versions each action takes: at least, at most."""


class Command(AboutWorkflow):
    """Do one thing with the versions of a workflow."""

    help = (
        "list: all versions. show V: what one holds. create V: keep what develop holds as V. default V: triggers start V, which "
        "may be develop. enable, disable V: one version; without V the workflow. diff V [W]: what differs from V to W (develop). "
        "revert V: develop holds what V holds. delete V...: into the trash. V is a name or an id."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what to do, with which versions."""
        super().add_arguments(parser)
        parser.add_argument("action", nargs="?", choices=list(_NAMES), default="list")
        parser.add_argument("versions", nargs="*", metavar="version")
        parser.add_argument("--notes", default="", help="create: notes of the version")
        parser.add_argument("--default", action="store_true", dest="make_default", help="create: triggers start it from now on")
        parser.add_argument("--replace", action="store_true", help="create: take the place of a version of that name")
        parser.add_argument("--keep-as", default="", metavar="NAME", help="revert: keep what develop holds now as this version")
        parser.add_argument("--check", action="store_true", help="diff: exit with 3 if they differ")

    def tell(self, row: Workflow, options: Any) -> None:
        """Do it, and tell what is so now."""
        least, most = _NAMES[options["action"]]
        if not least <= len(options["versions"]) <= most:
            number = ("no version", "one version")[most] if least == most else f"{least} to {most} versions"
            raise CommandError(f"Name {number} for {options['action']}, not {len(options['versions'])}.", returncode=2)
        try:
            act: Callable[[Workflow, Any], None] = getattr(self, f"_{options['action']}")
            act(row, options)
        except VersionMissing as error:
            raise CommandError(str(error), returncode=2) from error
        except VersionRefused as error:
            raise CommandError(str(error), returncode=1) from error

    def _list(self, row: Workflow, options: Any) -> None:
        lines = lines_of(row)
        if options["json"]:
            versions: list[Any] = [_as_json(row, line.version) for line in lines]
            self.say_json(
                {"flowId": row.pk, "enabled": row.enabled, "defaultVersionId": row.default_version_id, "versions": versions}
            )
            return
        told = [
            (line.version.name, line.badge.words, second(line.version.created_at), line.version.pk, line.version.notes)
            for line in lines
        ]
        self.say_table(("version", "state", "kept", "id", "notes"), told, "")

    def _show(self, row: Workflow, options: Any) -> None:
        version = find_version(row, *options["versions"])
        faults: list[Any] = [str(fault) for fault in graph_faults(content_of(version), None)]
        self.say_json({**_as_json(row, version), "faults": faults, **content_of(version)._asdict()})

    def _create(self, row: Workflow, options: Any) -> None:
        (name,) = options["versions"]
        version = create_version(
            row, name, notes=options["notes"], replace=options["replace"], make_default=options["make_default"]
        )
        self._done(row, [version], options, "is kept, and is the default version" if options["make_default"] else "is kept")

    def _default(self, row: Workflow, options: Any) -> None:
        version = find_version(row, *options["versions"])
        set_default(row, version)
        self._done(row, [version], options, "is the default version")

    def _enable(self, row: Workflow, options: Any) -> None:
        self._switch(row, options, True)

    def _disable(self, row: Workflow, options: Any) -> None:
        self._switch(row, options, False)

    def _switch(self, row: Workflow, options: Any, enabled: bool) -> None:
        target = find_version(row, *options["versions"]) if options["versions"] else row
        changed = set_enabled(target, enabled)
        words = "is enabled" if enabled else "is disabled"
        self._done(row, [target], options, words if changed else f"{words} already")

    def _diff(self, row: Workflow, options: Any) -> None:
        names = options["versions"]
        before, after = (find_version(row, name) for name in (names[0], names[1] if len(names) > 1 else DEVELOP))
        found = difference(content_of(before), content_of(after))
        if options["json"]:
            self.say_json({"flowId": row.pk, "before": before.name, "after": after.name, **found.to_json()})
        else:
            self.stdout.write(text_of(found))
        if options["check"] and not found.is_empty:
            raise CommandError(f"{before.name} and {after.name} differ.", returncode=3)

    def _revert(self, row: Workflow, options: Any) -> None:
        version = find_version(row, *options["versions"])
        develop = save_develop(row, content_of(version), keep_as=options["keep_as"])
        self._done(row, [develop], options, f"holds what {version.name} holds")

    def _delete(self, row: Workflow, options: Any) -> None:
        versions = [find_version(row, name) for name in dict.fromkeys(options["versions"])]
        told: list[Any] = [_as_json(row, version) for version in versions]
        delete_versions(row, versions)
        if options["json"]:
            self.say_json({"flowId": row.pk, "deleted": told})
        else:
            self.stdout.write(f"Deleted: {', '.join(version.name for version in versions)}. They can be restored from the trash.")

    def _done(self, row: Workflow, about: Sequence[Workflow | WorkflowVersion], options: Any, words: str) -> None:
        for one in about:
            if not options["json"]:
                self.stdout.write(f"{one.name} {words}.")
            elif isinstance(one, WorkflowVersion):
                self.say_json(_as_json(row, one))
            else:
                self.say_json(_switches(row))


def _switches(row: Workflow) -> JSONObject:
    return {"flowId": row.pk, "enabled": row.enabled, "defaultVersionId": row.default_version_id}


def _as_json(row: Workflow, version: WorkflowVersion) -> JSONObject:
    """Return what is told of a version, under the names that the REST API has for it."""
    return {
        "flowVersionId": version.pk,
        "flowId": row.pk,
        "version": version.name,
        "enabled": version.enabled,
        "isDefault": (row.default_version_id or DEVELOP) in (version.pk, version.name),
        "state": str(badge_of(row, version).words),
        "notes": version.notes,
        "creationDate": version.created_at.isoformat(),
    }
