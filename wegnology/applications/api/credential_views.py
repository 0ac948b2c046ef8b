"""Service credentials in the API. Secrets are never answered; in a change, settings that are not sent stay."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from wegnology.applications.api.base import CalledView, found_or_404, with_etag
from wegnology.applications.api.credential_schemas import (
    CredentialPatchCommon,
    CredentialPostCommon,
    credential_schema,
    credentials_schema,
    patch_schema,
    post_schema,
)
from wegnology.applications.models import Credential, Role
from wegnology.lib.credential_types import CREDENTIAL_TYPES
from wegnology.lib.crypto import KeyMissing, SealBroken
from wegnology.lib.known_globals import KnownGlobals
from wegnology.lib.masks import unmasked
from wegnology.lib.rest.answers import DONE, Success, iso, with_links
from wegnology.lib.rest.errors import Invalid
from wegnology.lib.rest.etags import etag_of, require_match
from wegnology.lib.rest.operations import operation
from wegnology.lib.rest.paging import Listing, collection
from wegnology.lib.rest.typed import config_name, placed, read_typed
from wegnology.lib.schema import ConfigInvalid
from wegnology.lib.types import JSONObject

LISTING = Listing(
    "Credentials",
    sort={"name": "name", "type": "credential_type", "creationDate": "created_at", "lastUpdated": "updated_at"},
    filters={"name": "name", "type": "credential_type"},
    default="creationDate",
    direction="desc",
)
UNREADABLE = (KeyMissing, SealBroken, ConfigInvalid, LookupError)


class _Views(CalledView):
    @cached_property
    def _globals(self) -> KnownGlobals:
        return self.application.globals_for_connections()

    def shown(self, row: Credential) -> dict[str, Any]:
        """Return a credential as it is answered."""
        place = f"/applications/{row.application_id}/credentials/{row.pk}"
        answer = {
            "id": row.pk,
            "credentialId": row.pk,
            "applicationId": row.application_id,
            "creationDate": iso(row.created_at),
            "lastUpdated": iso(row.updated_at),
            "name": row.name,
            "type": row.credential_type,
            "description": row.description,
            "enabled": row.enabled,
            config_name(row.credential_type): self._shown_config(row),
        }
        links = {
            "self": place,
            "application": f"/applications/{row.application_id}",
            "linkedResources": f"{place}/linkedResources",
        }
        return with_links(answer, self.flags, links, self, ("PATCH", "DELETE"))

    def save(self, row: Credential, values: Any, config: JSONObject | None, faults: Mapping[str, str]) -> None:
        """Check a row with what was sent, and save it; raises `Invalid` with every fault."""
        found = dict(faults)
        if values is not None:
            for name in values.model_fields_set & {"name", "description", "enabled"}:
                setattr(row, name, getattr(values, name))
            others = Credential.objects.filter(application=row.application_id, name=row.name).exclude(pk=row.pk)
            if others.exists():
                found["name"] = "The application has a service credential of this name already."
        if config is not None:
            found |= placed(self._judged(row, config), config_name(row.credential_type))
        if found:
            raise Invalid(found)
        row.save()

    def _judged(self, row: Credential, config: JSONObject) -> dict[str, str]:
        try:
            stored = {} if row._state.adding else row.raw_config()
            raw = {**stored, **unmasked(row.kind, config, stored)}
            raw = {name: value for name, value in raw.items() if value is not None}
            row.kind.check(raw)
        except ConfigInvalid as error:
            return error.errors
        except (KeyMissing, SealBroken) as error:
            return {"": f"The stored secrets cannot be opened: {error}."}
        row.set_config(raw)
        return {}

    def _shown_config(self, row: Credential) -> dict[str, Any]:
        """Return the settings without secrets; of one that cannot be opened what stands there in clear."""
        try:
            kind = row.kind
        except LookupError:
            return {}
        open_names = kind.fields().keys() - kind.secret_fields()
        shown = {name: value for name, value in row.config.items() if name in open_names}
        if not kind.answers:
            return shown
        try:
            login = row.opened(self._globals)
        except UNREADABLE:
            return shown
        return shown | {name: login.hide(str(text)) for name, text in login.in_answers().items()}


class CredentialsView(_Views):
    """/applications/{applicationId}/credentials."""

    @operation(
        "List service credentials", scope="credentials.get", role=Role.VIEWER, answer=credentials_schema, query=LISTING.query
    )
    def get(self, request: Request, **ids: str) -> Response:
        """Return a page of them."""
        query = self.query(LISTING.query)
        rows, total = LISTING.page(Credential.objects.filter(application=self.application), query)
        return Response(collection([self.shown(row) for row in rows], total, query, applicationId=self.application.pk))

    @operation(
        "Create a service credential",
        scope="credentials.post",
        role=Role.EDITOR,
        answer=credential_schema,
        status=201,
        body=post_schema,
    )
    def post(self, request: Request, **ids: str) -> Response:
        """Create it."""
        data = request.data
        kind = str(data.get("type", "")) if isinstance(data, dict) else ""
        sent = read_typed(CredentialPostCommon, data, kind, CREDENTIAL_TYPES)
        faults = dict(sent.faults)
        if kind and kind not in CREDENTIAL_TYPES:
            faults["type"] = f"There is no such type of service credential; known are {', '.join(CREDENTIAL_TYPES)}."
        if faults and kind not in CREDENTIAL_TYPES:
            raise Invalid(faults)
        row = Credential(application=self.application, credential_type=kind)
        with transaction.atomic():
            self.save(row, sent.values, sent.config if sent.config is not None else {}, faults)
        return with_etag(self.shown(row), row, status=201)


class CredentialView(_Views):
    """/applications/{applicationId}/credentials/{credentialId}."""

    @operation("Read a service credential", scope="credential.get", role=Role.VIEWER, answer=credential_schema)
    def get(self, request: Request, **ids: str) -> Response:
        """Return it without its secrets."""
        row = self._row(ids)
        return with_etag(self.shown(row), row)

    @operation(
        "Change a service credential",
        scope="credential.patch",
        role=Role.EDITOR,
        answer=credential_schema,
        body=patch_schema,
        headers=("If-Match",),
        description="Settings that are not sent stay. What names the credential follows a new name.",
    )
    def patch(self, request: Request, **ids: str) -> Response:
        """Change what is named."""
        with transaction.atomic():
            row = self._row(ids, request)
            sent = read_typed(CredentialPatchCommon, request.data, row.credential_type, CREDENTIAL_TYPES)
            self.save(row, sent.values, sent.config, sent.faults)
        return with_etag(self.shown(row), row)

    @operation(
        "Delete a service credential",
        scope="credential.delete",
        role=Role.ADMINISTRATOR,
        answer=Success,
        headers=("If-Match",),
        description="What uses it does not connect any more; `linkedResources` says beforehand what that is.",
    )
    def delete(self, request: Request, **ids: str) -> Response:
        """Delete it."""
        with transaction.atomic():
            self._row(ids, request).delete()
        return Response(DONE)

    def _row(self, ids: dict[str, str], request: Request | None = None) -> Credential:
        rows = Credential.objects.filter(application=self.application)
        row = found_or_404(rows.select_for_update() if request else rows, ids["credentialId"], "Credential")
        if request is not None:
            require_match(request, etag_of(row))
        return row
