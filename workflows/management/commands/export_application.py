"""`manage.py export_application`: write an application into one file, without its secrets.

Exit codes: 0 written; 1 the file cannot be written; 2 there is no such application.
"""

from argparse import ArgumentParser
from typing import Any

from wegnology.applications.models import Application
from workflows.exchange.exporting import export_application
from workflows.management.about_exchange import ExportCommand, find


class Command(ExportCommand):
    """Export an application."""

    help = "Write an application, its globals, service credentials, integrations and workflows, into one archive without secrets."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take which application."""
        super().add_arguments(parser)
        parser.add_argument("application", help="id or name of the application")
        self.add_output(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Export."""
        application = find(Application.objects.all(), options["application"], "application")
        exported = export_application(application)
        self.deliver(exported, options, {"application": {"id": application.pk, "name": application.name}})
