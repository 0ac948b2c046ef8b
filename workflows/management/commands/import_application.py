"""`manage.py import_application`: read an application from a file, as a new one or into one that is there.

Exit codes: 0 imported, ready to be enabled; 1 refused, nothing was imported; 2 there is no such application, person or file;
3 imported, and something is to be filled in, to be fixed, or not supported here.
"""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError

from wegnology.applications.models import Application
from workflows.exchange.report import Scope
from workflows.management.about_exchange import WRONG, ImportCommand, find


class Command(ImportCommand):
    """Import an application."""

    help = "Read an exported application: globals, service credentials, integrations and workflows, the last two disabled."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take where to."""
        super().add_arguments(parser)
        parser.add_argument("--into", default="", help="id or name of an application that is there; without it a new one is made")
        parser.add_argument("--name", default="", help="name of the new application (that in the file)")
        parser.add_argument("--owner", default="", help="user name of who becomes administrator of the new application")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import."""
        application = find(Application.objects.all(), options["into"], "application") if options["into"] else None
        if application is not None and (options["name"] or options["owner"]):
            raise CommandError("--name and --owner are for a new application, without --into.", returncode=WRONG)
        wanted = self.options_for(Scope.APPLICATION, options, name=options["name"], owner_id=_owner(options["owner"]))
        self.run_import(application, options, wanted)


def _owner(name: str) -> int | None:
    if not name:
        return None
    row = get_user_model()._default_manager.filter(username=name).first()
    if row is None:
        raise CommandError(f"There is no user {name!r}.", returncode=WRONG)
    return int(row.pk)
