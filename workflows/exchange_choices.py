"""Which integration of the application each one stands for that imported workflows refer to: asked after a trial."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from integrations.connectors.base import connectors
from integrations.models import Integration
from wegnology.applications.models import Application
from workflows.exchange.report import Report, Wanted

PREFIX = "stands-"
"""Begins the names of the fields; the id in the files follows."""
MOST = 200
"""Choices of one page; an import with more of them is one for the command."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One field: what the files mean, which integrations may stand for it, and what is wrong with the one that was chosen."""

    wanted: Wanted
    options: list[tuple[str, str]]
    chosen: str
    fault: str = ""

    @property
    def field(self) -> str:
        """Return the name of the field."""
        return f"{PREFIX}{self.wanted.identifier}"


class Choices:
    """What a person chose so far, judged by what the application has."""

    def __init__(self, application: Application | None, given: Mapping[str, str]) -> None:
        rows = Integration.objects.filter(application=application).order_by("name", "pk") if application else ()
        fault = _("It is no integration of %(name)s: choose another one.") % {"name": application.name} if application else ""
        self._rows = {row.pk: row for row in rows}
        self.given = {name.removeprefix(PREFIX): here for name, here in given.items() if name.startswith(PREFIX) and here}
        if not self._rows:
            self.given = {}  # a new application, or an empty one: nothing can stand for anything
        self.faults = {there: fault for there, here in self.given.items() if here not in self._rows}

    @property
    def good(self) -> dict[str, str]:
        """Return integrations of here by the ids in the files, as an import takes them."""
        return {there: here for there, here in self.given.items() if there not in self.faults}

    @property
    def carried(self) -> list[tuple[str, str]]:
        """Return the choices as hidden fields, for a page that cannot ask again."""
        return [(f"{PREFIX}{there}", here) for there, here in self.given.items()]

    def fields(self, report: Report) -> list[Choice]:
        """Return the fields to ask, by what a trial found."""
        return [self._field(wanted) for wanted in list(report.wanted.values())[:MOST]] if self._rows else []

    def _field(self, wanted: Wanted) -> Choice:
        options = [*self._options(wanted)]
        if not wanted.found:
            options.insert(0, ("", _("None yet: choose it in the workflow later")))
        return Choice(wanted, options, wanted.found, self.faults.get(wanted.identifier, ""))

    def _options(self, wanted: Wanted) -> Iterator[tuple[str, str]]:
        """Yield those of the same type first: their messages have the shape that the workflow expects."""
        for row in sorted(self._rows.values(), key=lambda row: row.integration_type != wanted.integration_type):
            yield row.pk, f"{row.name} ({_label(row.integration_type)})"


def _label(integration_type: str) -> str:
    return _(connectors.get(integration_type).label) if integration_type in connectors else integration_type
