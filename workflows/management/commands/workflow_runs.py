"""`manage.py workflow_runs`: the last runs of a workflow that are kept, or one of them with its way through the nodes.

Exit codes: 0 told; 1 Redis cannot be reached; 2 there is no such workflow; 3 there is no such run, or not any more.
"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from workflows.insight import reading
from workflows.insight.hours import moment
from workflows.insight.runs import Run
from workflows.insight_views import milliseconds
from workflows.management.about_workflow import AboutWorkflow, second
from workflows.models import Workflow


class Command(AboutWorkflow):
    """List runs, or show one."""

    help = "Tell the last runs of a workflow, newest first; with --run one of them, node by node."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take which runs."""
        super().add_arguments(parser)
        parser.add_argument("--failed", action="store_true", help="only those that failed")
        parser.add_argument("--run", default="", help="id of one run")

    def tell(self, row: Workflow, options: Any) -> None:
        """List, or show."""
        if options["run"]:
            self._show(row, options)
            return
        found = reading.last_runs(row.pk, True if options["failed"] else None)
        if options["json"]:
            self.say_json({"flowId": row.pk, "runs": [run.as_json() for run in found]})
            return
        rows = [(second(moment(run.started_ms)), run.id, milliseconds(run.ms), run.trigger, _outcome(run)) for run in found]
        self.say_table(("started", "run", "took", "trigger", "outcome"), rows, "No run is kept.")

    def _show(self, row: Workflow, options: Any) -> None:
        run = reading.find_run(row.pk, options["run"])
        if run is None:
            raise CommandError(f"There is no run {options['run']} of this workflow, or it is not kept any more.", returncode=3)
        if options["json"]:
            self.say_json(run.as_json())
            return
        self.stdout.write(f"{second(moment(run.started_ms))}, took {milliseconds(run.ms)}: {_outcome(run)}")
        rows = [(at + 1, one.node_id, one.label, milliseconds(one.start_ms), milliseconds(one.ms))
                for at, one in enumerate(run.visits)]  # fmt: skip
        self.say_table(("#", "node", "label", "began after", "took"), rows, "It visited no node.")


def _outcome(run: Run) -> str:
    failure = run.failure
    return f"failed at {failure.node_id or '-'}: {failure.name}: {failure.message}" if failure else "finished"
