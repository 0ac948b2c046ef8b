"""`manage.py integration_check`: is it really working? The check of the pages, run here, with a connection of its own.

It leaves the live connection alone, takes no message and is over within 30 s for each. Exit codes, the worst of all that are
checked: 0 every step is well; 1 a step warns; 2 a step failed; 3 it did not end in time; 64 there is no such integration.
"""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from integrations.checking import CHECK_SECONDS, check_in_thread
from integrations.choosing import chosen
from integrations.models import Integration
from integrations.tasks import desired_of
from wegnology.applications.audit import record
from wegnology.lib.check_steps import CheckStep

WELL, WARNS, FAILED, NOT_ENDED = 0, 1, 2, 3


class Command(BaseCommand):
    """Check integrations, one after the other."""

    help = "Check integrations as they are saved. Exit codes: 0 well, 1 a step warns, 2 a step failed, 3 not ended in time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take which integrations, and in which form."""
        parser.add_argument("integrations", nargs="+", metavar="ID or name", help="which ones; they may be disabled")
        parser.add_argument("--application", metavar="ID", help="only those of this application")
        parser.add_argument("--seconds", type=float, default=CHECK_SECONDS, help="how long one may take (default: 30)")
        parser.add_argument("--json", action="store_true", help="the steps of each, as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, write and end with the code."""
        codes, reports = [], []
        for row in chosen(options["integrations"], options["application"]):
            steps, ended = _check(row, options["seconds"])
            codes.append(_code(steps, ended))
            reports.append(_report(row, steps, ended))
            if not options["json"]:
                self._tell(row, steps, ended)
        if options["json"]:
            self.stdout.write(json.dumps({"integrations": reports}, indent=2))
        raise SystemExit(max(codes))

    def _tell(self, row: Integration, steps: list[CheckStep], ended: bool) -> None:
        self.stdout.write(f"{row.pk}  {row.name}")
        for step in steps:
            self.stdout.write(f"  {step.state:<8}{step.seconds * 1000:>7.0f} ms  {step.name}  {step.detail}".rstrip())
            if step.advice:
                self.stdout.write(f"{'':<21}{step.advice}")
        if not ended:
            self.stdout.write("  The check did not end in time.")


def _check(row: Integration, seconds: float) -> tuple[list[CheckStep], bool]:
    """Return the steps as they stand at the end, and whether there was one."""
    record(None, "checked", row, {"settings": "as saved"})
    row.enabled = True  # not saved: what is switched off can be checked, too
    steps: dict[str, CheckStep] = {}
    ended = check_in_thread(desired_of(row), lambda step: steps.update({step.name: step}), seconds)
    return list(steps.values()), ended


def _code(steps: list[CheckStep], ended: bool) -> int:
    states = {step.state for step in steps}
    if not ended:
        return NOT_ENDED
    return FAILED if "failed" in states else WARNS if "warning" in states else WELL


def _report(row: Integration, steps: list[CheckStep], ended: bool) -> dict[str, Any]:
    told = [{**step._asdict(), "seconds": round(step.seconds, 3)} for step in steps]
    return {"id": row.pk, "name": row.name, "ended": ended, "steps": told}
