"""`manage.py workflow_stats`: runs, failures and wall time of a workflow by the hour.

Exit codes: 0 told; 1 Redis cannot be reached; 2 there is no such workflow.
"""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from workflows.insight import reading
from workflows.insight_views import milliseconds
from workflows.management.about_workflow import AboutWorkflow, add_window, hours, second, window
from workflows.models import Workflow


class Command(AboutWorkflow):
    """Count runs."""

    help = "Tell runs, failures and wall time of a workflow by the hour."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the window, and what a line stands for."""
        super().add_arguments(parser)
        add_window(parser)
        parser.add_argument("--step", type=hours, default=1, help="hours that a line stands for (1)")

    def tell(self, row: Workflow, options: Any) -> None:
        """Count."""
        step = timedelta(hours=options["step"])
        lines = reading.stats(row.pk, *window(options), options["version_id"], step)
        total = reading.total(lines)
        if options["json"]:
            self.say_json({"flowId": row.pk, "total": total.as_json(), "metrics": [line.as_json() for line in lines]})
            return
        rows = [(second(one.time), one.runs, one.failed, milliseconds(one.mean_ms)) for one in lines if one.runs]
        rows.append(("together", total.runs, total.failed, milliseconds(total.mean_ms)))
        self.say_table(("from", "runs", "failed", "wall time of a run"), rows, "")
