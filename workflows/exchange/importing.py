"""The door for imports: pages, the REST API and commands call `import_files`, or `import_bundle` with what they read."""

from collections.abc import Sequence

from django.conf import settings
from django.utils.translation import gettext

from wegnology.applications.models import Application
from workflows.exceptions import Fault
from workflows.exchange.faults import ImportRefused
from workflows.exchange.parts import Bundle
from workflows.exchange.planning import make_plan
from workflows.exchange.reading import ImportFile, read_files
from workflows.exchange.report import Options, Report
from workflows.exchange.writing import Overtaken, write

MOST_ATTEMPTS = 5


def import_files(application: Application | None, files: Sequence[ImportFile], options: Options) -> Report:
    """Import workflows, or with `Scope.APPLICATION` all that files hold, into an application; None makes a new one.

    New workflows and integrations arrive disabled. All or nothing; raises `ImportRefused` with every fault.
    """
    return import_bundle(application, read_files(files, settings.IMPORT_BYTES), options)


def import_bundle(application: Application | None, bundle: Bundle, options: Options) -> Report:
    """Import what was read. Raises `ImportRefused`."""
    for _ in range(MOST_ATTEMPTS):
        if application is not None:
            application = Application.objects.filter(pk=application.pk).first()
            if application is None:
                raise ImportRefused([Fault("", gettext("The application has been deleted."))])
        plan = make_plan(application, bundle, options)
        if options.dry_run:
            return plan.report
        try:
            written = write(plan)
        except Overtaken:
            continue
        plan.report.application_id = written.pk
        return plan.report
    raise ImportRefused([Fault("", gettext("The application is being changed all the time: try again in a moment."))])
