"""The form of the import page: which files, into which application, and what happens with what is there."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from wegnology.applications.access import applications_of, may, may_add_applications
from wegnology.applications.current import current_of
from wegnology.applications.models import Application, Role
from wegnology.lib.theme import Select
from workflows.exchange.fields import NAME_LENGTH
from workflows.exchange.reading import ImportFile
from workflows.exchange.report import Conflict, Options, Scope
from workflows.exchange_kept import kept

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
    """Several files, or none; cleans to what an import takes."""

    widget = ManyFiles

    def clean(self, value: Any) -> list[ImportFile]:
        """Return the files with their contents, which are in memory and bounded already."""
        return [ImportFile(each.name, each.read()) for each in value or ()]


class ImportForm(forms.Form):
    """What to import, and where to. Only applications in which the person may do it are offered.

    `kept` is the mark of files that were sent before; they count where no others come.
    """

    uploads = FilesField()
    kept = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
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

    def clean_kept(self) -> str:
        """Take the files that were sent before, where there are no new ones."""
        given: dict[str, Any] = self.cleaned_data
        mark: str = given["kept"]
        if not given["uploads"] and mark:
            given["uploads"] = kept(self._user.pk, mark)
        if not given["uploads"]:
            gone = _("The files are not kept any more: choose them once more.")
            self.add_error("uploads", gone if mark else _("Choose the files to import."))
        return mark

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

    def options(self, *, dry_run: bool, integrations: Mapping[str, str]) -> Options:
        """Return how to import; `integrations` of here stand for those in the files."""
        given = self.cleaned_data
        new = given["application"] == NEW
        return Options(
            scope=Scope(given["scope"]),
            conflict=Conflict(given["conflict"]),
            dry_run=dry_run,
            integrations=integrations,
            name=given["name"] if new else "",
            owner_id=int(self._user.pk or 0) if new else None,
        )
