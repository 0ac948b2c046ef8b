"""Whole applications as files, in the API: out by a link that holds for some minutes, in as base64."""

import base64
import binascii
from typing import Any

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.http import HttpResponse
from django.urls import reverse
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response

from wegnology.applications.api.base import CalledView
from wegnology.applications.audit import record
from wegnology.applications.models import Application, Role
from wegnology.lib.rest.errors import Invalid, NotFound, TooLarge
from wegnology.lib.rest.operations import operation
from wegnology.lib.rest.views import ApiView
from wegnology.lib.schema import Schema
from workflows.api.flow_schemas import invalid
from workflows.exchange.exporting import export_application
from workflows.exchange.faults import ImportRefused
from workflows.exchange.importing import import_files
from workflows.exchange.reading import ImportFile
from workflows.exchange.report import Conflict, Options, Report, Scope

LINK_SECONDS = 600
_SALT = "export of an application"
MOST_FILES = 200


class ExportPost(Schema):
    """How an application is exported."""

    options: dict[str, Any] = Field({}, description="Taken for compatibility: all of it is exported, none of its secrets.")
    email: str = Field("", max_length=1024, description="Taken for compatibility: it is done when this answers.")


class ExportResult(Schema):
    """Where the file is."""

    url: str = Field(description=f"Anybody who has it may fetch the archive, for {LINK_SECONDS // 60} minutes.")


class ImportedFile(Schema):
    """A file that was exported, here or elsewhere: .zip, .yaml, .json or .flow."""

    name: str = Field(min_length=1, max_length=255, examples=["Greenhouse.zip"])
    data: str = Field(description="Its bytes in base64.")


class ImportPost(Schema):
    """Files to import."""

    files: list[ImportedFile] = Field(min_length=1, max_length=MOST_FILES)
    conflict_behavior: str = Field(
        Conflict.CREATE.value,
        json_schema_extra={"enum": [one.value for one in Conflict]},
        description="What happens with what is there already, by its name.",
    )
    scope: str = Field(
        Scope.APPLICATION.value,
        json_schema_extra={"enum": [one.value for one in Scope]},
        description="Only workflows, or globals, credentials and integrations, too.",
    )
    dry_run: bool = Field(False, description="Only say what would happen.")
    strict: bool = Field(False, description="Refuse what could not run as it is.")
    integrations: dict[str, str] = Field({}, description="Integrations here to take for those of the files, by id or name.")


class ImportResult(Schema):
    """What happened, or would: each thing with its outcome, and what has to be filled in or put right."""

    dry_run: bool
    complete: bool = Field(description="Everything can be switched on as it is.")
    application: dict[str, Any]
    workflows: list[Any]
    integrations: list[Any]
    credentials: list[Any]
    globals: list[Any]
    to_fill_in: list[Any]
    to_fix: list[Any]
    not_supported: list[Any]
    changed: list[Any]
    left_out: list[Any]
    imported_flow_id_map: dict[str, str]
    imported_version_id_map: dict[str, str]


class ExportView(CalledView):
    """/applications/{applicationId}/export."""

    @operation(
        "Export an application",
        scope="application.export",
        role=Role.ADMINISTRATOR,
        answer=ExportResult,
        body=ExportPost,
        description="An archive with globals, service credentials, integrations and workflows, none with its secrets.",
    )
    def post(self, request: Request, **ids: str) -> Response:
        """Return the address of the file."""
        self.body(ExportPost)
        mark = signing.dumps(self.application.pk, salt=_SALT)
        with transaction.atomic():
            record(None, "exported", self.application)
        return Response({"url": request.build_absolute_uri(reverse("api:export_file", args=[mark]))})


class ExportFileView(ApiView):
    """/exports/{mark}."""

    @operation("Fetch an exported application", status=200, description="By the address that the export gave.")
    def get(self, request: Request, mark: str) -> HttpResponse:
        """Return the archive."""
        try:
            key = signing.loads(mark, salt=_SALT, max_age=LINK_SECONDS)
        except signing.BadSignature:
            raise NotFound("There is no such export, or its time is over: ask for another one") from None
        row = Application.objects.filter(pk=key).first()
        if row is None:
            raise NotFound("Application was not found")
        exported = export_application(row)
        heading = {"Content-Disposition": f'attachment; filename="{row.pk}.zip"'}
        return HttpResponse(exported.data, content_type=exported.content_type, headers=heading)


class ImportView(CalledView):
    """/applications/{applicationId}/import."""

    @operation(
        "Import files into an application",
        scope="application.import",
        role=Role.ADMINISTRATOR,
        answer=ImportResult,
        body=ImportPost,
        description="All or nothing. What is new arrives disabled.",
    )
    def post(self, request: Request, **ids: str) -> Response:
        """Import them."""
        wanted = self.body(ImportPost)
        files = [ImportFile(one.name, _bytes(one.data, at)) for at, one in enumerate(wanted.files)]
        if sum(len(one.data) for one in files) > settings.IMPORT_BYTES:
            raise TooLarge(f"An import may have {settings.IMPORT_BYTES:,} bytes.")
        try:
            report: Report = import_files(self.application, files, _options(wanted))
        except ImportRefused as error:
            raise invalid(error.faults) from None
        return Response(report.as_json())


def _options(wanted: ImportPost) -> Options:
    faults = {}
    for name, value, kind in (("conflictBehavior", wanted.conflict_behavior, Conflict), ("scope", wanted.scope, Scope)):
        if value not in [one.value for one in kind]:
            faults[name] = f"This must be one of {', '.join(one.value for one in kind)}."
    if faults:
        raise Invalid(faults)
    return Options(
        conflict=Conflict(wanted.conflict_behavior),
        scope=Scope(wanted.scope),
        dry_run=wanted.dry_run,
        strict=wanted.strict,
        integrations=wanted.integrations,
    )


def _bytes(text: str, at: int) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid({f"files.{at}.data": "This is not base64."}) from None
