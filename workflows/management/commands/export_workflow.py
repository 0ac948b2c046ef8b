"""`manage.py export_workflow`: write workflows of an application into a file.

Exit codes: 0 written; 1 the file cannot be written; 2 there is no such application, workflow or version.
"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from wegnology.applications.models import Application
from workflows.exchange.exporting import Form, NothingToExport, export_workflows
from workflows.management.about_exchange import WRONG, ExportCommand, find
from workflows.models import DEVELOP


class Command(ExportCommand):
    """Export workflows."""

    help = "Write workflows into a file: one version as .flow, or all versions as JSON or YAML. No secret is in it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take which workflows, and in which form."""
        super().add_arguments(parser)
        parser.add_argument("application", help="id or name of the application")
        parser.add_argument("workflows", nargs="*", help="ids or names of workflows; all of the application if none is given")
        parser.add_argument(
            "--form", choices=[each.value for each in Form], default=Form.JSON.value, help="json: all versions, one file"
        )
        parser.add_argument("--version-name", default=DEVELOP, help="with --form flow: the version to write (develop)")
        self.add_output(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Export."""
        application = find(Application.objects.all(), options["application"], "application")
        own = application.workflows.all()
        rows = [find(own, given, "workflow") for given in options["workflows"]] or list(own)
        if not rows:
            raise CommandError("The application has no workflows.", returncode=WRONG)
        try:
            exported = export_workflows(application, rows, Form(options["form"]), options["version_name"])
        except NothingToExport as error:
            raise CommandError(str(error), returncode=WRONG) from None
        self.deliver(exported, options, {"workflows": [{"id": row.pk, "name": row.name} for row in rows]})
