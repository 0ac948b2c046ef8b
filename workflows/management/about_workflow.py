"""What the commands share that tell what a workflow did.

Exit codes: 0 told; 1 Redis cannot be reached; 2 there is no such workflow, or an option is wrong; others by the command.
"""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from wegnology.lib.redis import RedisAway
from wegnology.lib.types import JSONObject
from workflows.models import Workflow

MAX_HOURS = 24 * 366


class AboutWorkflow(BaseCommand):
    """A command about one workflow, which tells it to people or as JSON."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the workflow, and how to tell it."""
        parser.add_argument("workflow", help="id of the workflow")
        parser.add_argument("--json", action="store_true", help="tell it as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Find the workflow and tell."""
        row = Workflow.objects.filter(pk=options["workflow"]).first()
        if row is None:
            raise CommandError(f"There is no workflow {options['workflow']}.", returncode=2)
        try:
            self.tell(row, options)
        except RedisAway as error:
            raise CommandError(f"Redis cannot be reached: {error}", returncode=1) from error

    def tell(self, row: Workflow, options: Any) -> None:
        """Tell what the command is for; what `RedisAway` names may be raised."""
        raise NotImplementedError

    def say_json(self, found: JSONObject) -> None:
        """Write JSON, indented."""
        self.stdout.write(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())

    def say_table(self, head: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> None:
        """Write a table with aligned columns; of texts in the last column as much as there is."""
        if not rows:
            self.stdout.write(empty)
            return
        texts = [head, *[[" ".join(str(cell).split()) for cell in row] for row in rows]]
        widths = [max(len(line[at]) for line in texts) for at in range(len(head))]
        for line in texts:
            self.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def add_window(parser: ArgumentParser) -> None:
    """Take how far back to look."""
    parser.add_argument("--hours", type=hours, default=24, help="how many hours back (24)")
    parser.add_argument("--version-id", default="", help="only this version")


def window(options: Any) -> tuple[datetime, datetime]:
    """Return from when to when."""
    now = timezone.now()
    return now - timedelta(hours=options["hours"]), now


def hours(text: str) -> int:
    """Read a number of hours."""
    if not text.isdecimal() or not 1 <= int(text) <= MAX_HOURS:
        raise ArgumentTypeError(f"give a whole number from 1 to {MAX_HOURS}")
    return int(text)


def second(time: datetime) -> str:
    """Write a time in the zone of the installation."""
    return f"{timezone.localtime(time):%Y-%m-%d %H:%M:%S}"
