"""`manage.py workflow_errors`: the errors of a workflow by kind.

Exit codes: 0 told; 1 Redis cannot be reached; 2 there is no such workflow; 3 with --check: there were errors.
"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from workflows.insight import reading
from workflows.management.about_workflow import AboutWorkflow, add_window, second, window
from workflows.models import Workflow


class Command(AboutWorkflow):
    """List errors."""

    help = "Tell the errors of a workflow by kind: how often, at which node, when first and when last."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the window, and whether errors are to be an exit code."""
        super().add_arguments(parser)
        add_window(parser)
        parser.add_argument("--check", action="store_true", help="exit with 3 if there were any")

    def tell(self, row: Workflow, options: Any) -> None:
        """List."""
        lines = reading.errors(row.pk, *window(options), options["version_id"])
        if options["json"]:
            self.say_json({"flowId": row.pk, "errors": [line.as_json() for line in lines]})
        else:
            rows = [(one.count, second(one.first), second(one.last), one.node_id or "-", f"{one.name}: {one.message}")
                    for one in lines]  # fmt: skip
            self.say_table(("count", "first", "last", "node", "error"), rows, "No run failed.")
        if lines and options["check"]:
            raise CommandError(f"{sum(line.count for line in lines)} runs failed.", returncode=3)
