"""`manage.py import_workflow`: read workflows from files into an application, disabled.

Exit codes: 0 imported, ready to be enabled; 1 refused, nothing was imported; 2 there is no such application or file; 3 imported,
and something is to be filled in, to be fixed, or not supported here.
"""

from argparse import ArgumentParser
from typing import Any

from wegnology.applications.models import Application
from workflows.exchange.report import Scope
from workflows.management.about_exchange import ImportCommand, find


class Command(ImportCommand):
    """Import workflows."""

    help = "Read workflows from .flow, JSON and YAML files, or archives of them, into an application. They arrive disabled."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take where to."""
        parser.add_argument("application", help="id or name of the application")
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Import."""
        application = find(Application.objects.all(), options["application"], "application")
        self.run_import(application, options, self.options_for(Scope.WORKFLOWS, options))
