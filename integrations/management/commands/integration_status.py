"""`manage.py integration_status`: how integrations are, for people, scripts and monitoring.

Exit codes: 0 all that are enabled are connected (or none is chosen); 1 some need a look (connecting, degraded, silent, flapping);
2 some do not work (disconnected, refused, unknown, not configured); 3 Redis cannot be reached, nothing is known.
"""

import json
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from integrations.api.status import status_answer
from integrations.choosing import chosen
from integrations.live import Live, read_live
from integrations.models import Integration
from integrations.panel import badges
from integrations.runtime.status import NEVER_SEEN, ConnectionState, Status

WELL, LOOK, BROKEN, AWAY = 0, 1, 2, 3
_FINE = (ConnectionState.CONNECTED, ConnectionState.DISABLED)
_LOOK = (ConnectionState.CONNECTING, ConnectionState.DEGRADED, ConnectionState.SILENT)


class Command(BaseCommand):
    """Tell the status of integrations."""

    help = "Tell how integrations are. Exit codes: 0 well, 1 needs a look, 2 does not work, 3 Redis cannot be reached."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take which integrations, and in which form."""
        parser.add_argument("integrations", nargs="*", metavar="ID or name", help="which ones (default: all)")
        parser.add_argument("--application", metavar="ID", help="only those of this application")
        parser.add_argument("--json", action="store_true", help="everything that is known, as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write and end with the code."""
        rows = chosen(options["integrations"], options["application"])
        live = read_live([row.pk for row in rows])
        if options["json"]:
            self.stdout.write(json.dumps(_report(rows, live), indent=2))
        else:
            self._tell(rows, live)
        raise SystemExit(AWAY if live.away_since else max((_code(row, live.statuses[row.pk]) for row in rows), default=WELL))

    def _tell(self, rows: list[Integration], live: Live) -> None:
        if live.away_since:
            self.stderr.write("Redis cannot be reached: what follows is what the database knew last.")
        shown = badges(rows, live, int(time.time() * 1000))
        for row in rows:
            badge = shown[row.pk]
            self.stdout.write(f"{row.pk}  {badge.words:<24}{row.name}  {badge.detail}".rstrip())


def _report(rows: list[Integration], live: Live) -> dict[str, Any]:
    return {
        "redis": live.away_since is None,
        "integrations": [
            {
                "id": row.pk,
                "name": row.name,
                "applicationId": row.application_id,
                "applicationName": row.application.name,
                "integrationType": row.integration_type,
                "enabled": row.enabled,
                "status": status_answer(live.statuses.get(row.pk)),
            }
            for row in rows
        ],
    }


def _code(row: Integration, status: Status) -> int:
    if not row.enabled or (status.state in _FINE and not status.flapping):
        return WELL
    if status == NEVER_SEEN or status.state not in (*_FINE, *_LOOK):
        return BROKEN
    return LOOK
