"""The form of the import page: which files, into which application, and what happens with what is there."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from wegnology.applications.access import applications_of, may, may_add_applications
from wegnology.applications.current import current_of
from wegnology.applications.models import Application, Role
from wegnology.lib.theme import Select
from workflows.exchange.fields import NAME_LENGTH
from workflows.exchange.reading import ImportFile
from workflows.exchange.report import Conflict, Options, Scope

NEW = "new"
SCOPES = [
    (Scope.WORKFLOWS.value, _("Workflows")),
    (Scope.APPLICATION.value, _("Everything: workflows, integrations, service credentials and globals")),
]
CONFLICTS = [
    (Conflict.CREATE.value, _("It arrives beside it, under a name with a number")),
    (Conflict.ERROR.value, _("Nothing is imported; all that is there already is named")),
    (Conflict.RETAIN.value, _("What is there stays; links lead to it")),
    (Conflict.REPLACE.value, _("What is there gets the new contents; it keeps its id, secrets and addresses")),
]


class ManyFiles(forms.FileInput):
    """An input for several files."""

    allow_multiple_selected = True


class FilesField(forms.Field):
    """Several files; cleans to what an import takes."""

    widget = ManyFiles

    def clean(self, value: Any) -> list[ImportFile]:
        """Return the files with their contents, which are in memory and bounded already."""
        if not value:
            raise ValidationError(_("Choose the files to import."))
        return [ImportFile(each.name, each.read()) for each in value]


class ImportForm(forms.Form):
    """What to import, and where to. Only applications in which the person may do it are offered."""

    uploads = FilesField()
    application = forms.ChoiceField(widget=Select())
    scope = forms.ChoiceField(choices=SCOPES, widget=Select())
    conflict = forms.ChoiceField(choices=CONFLICTS, widget=Select())
    name = forms.CharField(max_length=NAME_LENGTH, required=False)

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user = request.user
        rows = applications_of(request.user, Role.EDITOR).order_by("name", "pk")
        self._rows = {row.pk: row for row in rows}
        new = [(NEW, _("A new application"))] if may_add_applications(request.user) else []
        choice = self.fields["application"]
        assert isinstance(choice, forms.ChoiceField)  # noqa: S101  (for mypy)
        choice.choices = [*((row.pk, row.name) for row in rows), *new]
        current = current_of(request).application
        self.initial = {"application": current.pk if current else "", **self.initial}

    def clean(self) -> dict[str, Any]:
        """Refuse what only administrators may."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        row = self.target()
        if cleaned.get("application") == NEW:
            cleaned["scope"] = Scope.APPLICATION.value
        elif cleaned.get("scope") == Scope.APPLICATION.value and row and not may(self._user, row.pk, Role.ADMINISTRATOR):
            self.add_error("scope", _("Only administrators of the application import everything."))
        return cleaned

    def target(self) -> Application | None:
        """Return the chosen application; None for a new one."""
        return self._rows.get(self.cleaned_data.get("application", ""))

    def options(self, *, dry_run: bool) -> Options:
        """Return how to import."""
        given = self.cleaned_data
        new = given["application"] == NEW
        return Options(
            scope=Scope(given["scope"]),
            conflict=Conflict(given["conflict"]),
            dry_run=dry_run,
            name=given["name"] if new else "",
            owner_id=int(self._user.pk or 0) if new else None,
        )
