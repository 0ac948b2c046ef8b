"""`manage.py parked`: list, replay and discard parked runs, for scripts and for whoever has no browser at hand.

Exit codes: 0 done; 1 some of it could not be done (no room in an inbox, refused), they stay parked; 2 an option is wrong, or no
parked run is like that; 3 Redis cannot be reached, nothing was done.
"""

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet

from wegnology.applications.models import Application
from wegnology.lib.redis import RedisAway
from workflows.dropping import discard
from workflows.models import ParkedRun, ReplayJob
from workflows.parked import Chosen
from workflows.replay import VERSIONS, send_back
from workflows.replay_jobs import USUAL_RATE, JobRefused, begin

DONE, SOME, WRONG, AWAY = 0, 1, 2, 3
AT_ONCE = 100
"""More than this are replayed in the background."""
LISTED = 100


class Command(BaseCommand):
    """Do something with parked runs."""

    help = (
        "list: what is parked. replay: run it again, up to 100 at once, more (or with --rate) in the background by the workers. "
        "delete: discard it for good, counted as dropped. Exit codes: 0 done, 1 some stay parked, 2 wrong option or none found, "
        "3 Redis cannot be reached."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what to do, with which runs."""
        parser.add_argument("action", choices=["list", "replay", "delete"])
        parser.add_argument("ids", nargs="*", metavar="ID", help="parked runs; without any, all that the options name")
        parser.add_argument("--application", metavar="ID", help="only of this application")
        parser.add_argument("--reason", default="")
        parser.add_argument("--workflow", default="", metavar="ID")
        parser.add_argument("--integration", default="", metavar="ID")
        parser.add_argument("--text", default="", help="part of the error, or the id of an event")
        parser.add_argument("--before", default="", metavar="TIME", help="parked before, such as 2026-03-01T12:00:00+00:00")
        parser.add_argument("--limit", type=int, default=LISTED, help=f"list: so many at most (default {LISTED})")
        parser.add_argument("--rate", type=float, help="replay: in the background, so many a second")
        parser.add_argument("--develop", action="store_true", help="replay: into the develop version")
        parser.add_argument("--all", action="store_true", help="delete: needed where neither ids nor a filter are given")
        parser.add_argument("--json", action="store_true", help="answer in JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it and end with the code."""
        names = ("reason", "workflow", "integration", "text", "before")
        reason, workflow, integration, text, before = (options[name] for name in names)
        try:
            chosen = Chosen(reason, workflow, integration, text, before, tuple(options["ids"]))
        except ValueError as error:
            raise CommandError(str(error), returncode=WRONG) from error
        owners = Application.objects.filter(pk=options["application"]) if options["application"] else Application.objects.all()
        rows = chosen.rows(owners.values("pk"))
        code = getattr(self, f"_{options['action']}")(rows, chosen, options)
        raise SystemExit(code)

    def _tell(self, options: Any, told: dict[str, Any], text: str) -> None:
        self.stdout.write(json.dumps(told, indent=2) if options["json"] else text)

    def _list(self, rows: QuerySet[ParkedRun], _chosen: Chosen, options: Any) -> int:
        count = rows.count()
        shown = list(rows.defer("payload")[: max(options["limit"], 0)])
        lines = [
            f"{row.pk}  {row.created_at:%Y-%m-%d %H:%M}  {row.reason:<18}{row.error_name}: {row.error_message[:80]}"
            for row in shown
        ]
        self._tell(options, {"total": count, "runs": [_told(row) for row in shown]}, "\n".join([*lines, f"{count:,} parked"]))
        return DONE if count else WRONG

    def _replay(self, rows: QuerySet[ParkedRun], chosen: Chosen, options: Any) -> int:
        version = VERSIONS[1] if options["develop"] else ""
        count = rows.count()
        if not count:
            raise CommandError("No parked run is like that.", returncode=WRONG)
        if options["rate"] is not None or count > AT_ONCE:
            return self._begin(rows, chosen, version, options)
        try:
            result = send_back(list(rows), version)
        except RedisAway as error:
            raise CommandError(f"Redis cannot be reached, nothing was replayed: {error}", returncode=AWAY) from error
        told = {"replayed": len(result.done), "no_room": result.no_room, "refused": result.refused}
        refused = [f"{key}: {why}" for key, why in result.refused.items()]
        text = f"{len(result.done)} on the way again, {len(result.no_room)} without room, {len(refused)} refused"
        self._tell(options, told, "\n".join([text, *refused]))
        return DONE if len(result.done) == count else SOME

    def _begin(self, rows: QuerySet[ParkedRun], chosen: Chosen, version: str, options: Any) -> int:
        jobs: list[ReplayJob] = []
        rate = USUAL_RATE if options["rate"] is None else options["rate"]
        try:
            for owner in Application.objects.filter(pk__in=rows.order_by().values("application")):
                jobs.append(begin(owner, chosen, rate=rate, version=version, asker="command"))
        except JobRefused as error:
            raise CommandError(str(error), returncode=SOME if jobs else WRONG) from error
        told = [{"id": job.pk, "application": job.application_id, "total": job.total, "rate": job.rate} for job in jobs]
        self._tell(options, {"jobs": told}, _words(jobs))
        return DONE

    def _delete(self, rows: QuerySet[ParkedRun], chosen: Chosen, options: Any) -> int:
        if chosen == Chosen() and not options["all"] and not options["application"]:
            raise CommandError("Name ids or a filter, or say --all.", returncode=WRONG)
        count = discard(rows)
        self._tell(options, {"deleted": count}, f"{count:,} discarded")
        return DONE if count else WRONG


def _words(jobs: Sequence[ReplayJob]) -> str:
    return "\n".join(f"replay {job.pk}: {job.total:,} runs, {job.rate:g} a second, in the background" for job in jobs)


def _told(row: ParkedRun) -> dict[str, Any]:
    return {
        "id": row.pk,
        "application": row.application_id,
        "integration": row.integration_id,
        "workflow": row.workflow_id,
        "event": row.event_id,
        "reason": row.reason,
        "error": {"name": row.error_name, "message": row.error_message, "node": row.node_id},
        "parked": row.created_at.isoformat(),
    }
