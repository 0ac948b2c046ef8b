"""`manage.py workflow_debug`: the debug values of a workflow, as they come.

Exit codes: 0 told; 1 Redis cannot be reached; 2 there is no such workflow; 3 too many are watched; 130 interrupted.
"""

import time
from argparse import ArgumentParser
from typing import Any

import orjson
from django.core.management.base import CommandError

from workflows.insight import watching
from workflows.insight.hits import ShownHit
from workflows.insight.hours import moment
from workflows.management.about_workflow import AboutWorkflow, second
from workflows.models import Workflow

EVERY_SECONDS = 0.5


class Command(AboutWorkflow):
    """Record and show debug values."""

    help = "Record the debug values of a workflow for some minutes and write them as they come; with --json a line each."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take for how long."""
        super().add_arguments(parser)
        parser.add_argument("--minutes", type=float, default=1.0, help="how long to record (1); 0 shows what is kept")

    def tell(self, row: Workflow, options: Any) -> None:
        """Show what is kept, or record and show what comes."""
        shown = watching.hits(row.pk)
        after = shown[-1].id if shown else ""
        if options["minutes"] <= 0:
            self._say(shown, options["json"])
            return
        try:
            until = watching.watch(row.pk, options["minutes"])
        except watching.TooManyWatched as error:
            raise CommandError(str(error), returncode=3) from error
        try:
            while time.time() < until.timestamp() + 2 * EVERY_SECONDS:
                time.sleep(EVERY_SECONDS)
                found = watching.hits(row.pk, after)
                after = found[-1].id if found else after
                self._say(found, options["json"])
        except KeyboardInterrupt:
            watching.unwatch(row.pk)
            raise CommandError("Stopped.", returncode=130) from None

    def _say(self, found: list[ShownHit], as_json: bool) -> None:
        for hit in found:
            if as_json:
                self.stdout.write(orjson.dumps(hit.as_json()).decode())
            elif hit.missed:
                self.stdout.write(f"{second(moment(hit.time_ms))} {hit.missed} values were not recorded")
            else:
                title = f"{hit.level} {hit.message or hit.node_label}"
                self.stdout.write(f"{second(moment(hit.time_ms))} {title}: {hit.value}{'…' if hit.cut else ''}")
        self.stdout.flush()
