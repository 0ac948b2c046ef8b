"""Integrations in the API."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.saving import save
from integrations.api.schemas import (
    IntegrationPatchCommon,
    IntegrationPostCommon,
    StatusList,
    integration_schema,
    integrations_schema,
    patch_schema,
    post_schema,
)
from integrations.api.status import status_answer
from integrations.connectors.base import connectors
from integrations.live import Live, read_live
from integrations.models import Integration
from integrations.reconnecting import reconnect
from integrations.runtime.status import NEVER_SEEN
from wegnology.applications.api.base import CalledView, found_or_404, with_etag
from wegnology.applications.models import Role
from wegnology.lib.registry import UnknownName
from wegnology.lib.rest.answers import DONE, Success, iso, with_links
from wegnology.lib.rest.errors import Conflict, Invalid
from wegnology.lib.rest.etags import etag_of, require_match
from wegnology.lib.rest.operations import operation
from wegnology.lib.rest.paging import Listing, collection
from wegnology.lib.rest.typed import config_name, read_typed
from wegnology.lib.types import JSONObject

LISTING = Listing(
    "Integrations",
    sort={
        "name": "name",
        "id": "pk",
        "creationDate": "created_at",
        "integrationType": "integration_type",
        "lastUpdated": "updated_at",
    },
    filters={"name": "name", "integrationType": "integration_type"},
)
EXAMPLES = {
    "an MQTT broker": {
        "name": "Greenhouse broker",
        "integrationType": "mqtt",
        "topics": ["greenhouse/+/temperature"],
        "mqttConfig": {"protocol": "mqtts", "host": "broker.example.com", "port": 8883, "username": "hub", "password": "secret"},
    }
}


class IntegrationViews(CalledView):
    """What the views of integrations share."""

    def shown(self, row: Integration, live: Live) -> dict[str, Any]:
        """Return an integration as it is answered."""
        home = f"/applications/{row.application_id}"
        place = f"{home}/integrations/{row.pk}"
        answer = {
            "id": row.pk,
            "integrationId": row.pk,
            "applicationId": row.application_id,
            "creationDate": iso(row.created_at),
            "lastUpdated": iso(row.updated_at),
            "name": row.name,
            "integrationType": row.integration_type,
            "enabled": row.enabled,
            "topics": row.topics,
            config_name(row.integration_type): shown_config(row),
            "status": status_of(row, live),
        }
        answer |= {"credentialName": row.credential_name} if row.credential_name else {}
        links = {"self": place, "application": home, "check": f"{place}/check"}
        return with_links(answer, self.flags, links, self, ("PATCH", "DELETE"))

    def answer(self, row: Integration, status: int = 200) -> Response:
        """Return one integration."""
        return with_etag(self.shown(row, read_live([row.pk])), row, status=status)

    def row(self, ids: Mapping[str, str], request: Request | None = None) -> Integration:
        """Return the integration of the address; with a request, locked, and as its `If-Match` says."""
        rows = Integration.objects.filter(application=self.application)
        row = found_or_404(rows.select_for_update() if request else rows, ids["integrationId"], "Integration")
        if request is not None:
            require_match(request, etag_of(row))
        return row

    def page(self) -> tuple[Sequence[Integration], Response]:
        """Return the rows of a page, and the answer that lists them."""
        query = self.query(LISTING.query)
        rows, total = LISTING.page(Integration.objects.filter(application=self.application), query)
        live = read_live([row.pk for row in rows])
        items = [self.shown(row, live) for row in rows]
        return rows, Response(collection(items, total, query, applicationId=self.application.pk))


def shown_config(row: Integration) -> JSONObject:
    """Return the settings with a mask in place of each secret; nothing of a type that this release does not have."""
    try:
        masked = row.config_schema.masked(row.config)
    except UnknownName:
        return {}
    return {name: value for name, value in masked.items() if value is not None}


def status_of(row: Integration, live: Live) -> dict[str, Any]:
    """Return the status of a row."""
    return status_answer(live.statuses.get(row.pk, NEVER_SEEN) if live.away_since is None else None)


class IntegrationsView(IntegrationViews):
    """/applications/{applicationId}/integrations."""

    @operation(
        "List integrations",
        scope="integrations.get",
        role=Role.VIEWER,
        answer=integrations_schema,
        query=LISTING.query,
        description="Secrets in settings are answered as a mask; a mask that is sent back keeps what is stored.",
    )
    def get(self, request: Request, **ids: str) -> Response:
        """Return a page of them."""
        return self.page()[1]

    @operation(
        "Create an integration",
        scope="integrations.post",
        role=Role.EDITOR,
        answer=integration_schema,
        status=201,
        body=post_schema,
        examples=EXAMPLES,
        description="An enabled one connects within two seconds.",
    )
    def post(self, request: Request, **ids: str) -> Response:
        """Create it."""
        data = request.data
        kind = data.get("integrationType") if isinstance(data, dict) else ""
        kinds = [connector.name for connector in connectors]
        sent = read_typed(IntegrationPostCommon, data, str(kind), kinds)
        if kind not in kinds:
            known = f"There is no such type of integration; known are {', '.join(sorted(kinds))}."
            raise Invalid({**sent.faults, **({"integrationType": known} if kind else {})})
        row = Integration(application=self.application, integration_type=kind)
        with transaction.atomic():
            save(row, sent.values, sent.config if sent.config is not None else {}, sent.faults)
        return self.answer(row, 201)


class IntegrationView(IntegrationViews):
    """/applications/{applicationId}/integrations/{integrationId}."""

    @operation("Read an integration", scope="integration.get", role=Role.VIEWER, answer=integration_schema)
    def get(self, request: Request, **ids: str) -> Response:
        """Return it."""
        return self.answer(self.row(ids))

    @operation(
        "Change an integration",
        scope="integration.patch",
        role=Role.EDITOR,
        answer=integration_schema,
        body=patch_schema,
        headers=("If-Match",),
        description="What is not sent stays; a configuration that is sent replaces the stored one as a whole.",
        examples={"switch it off": {"enabled": False}},
    )
    def patch(self, request: Request, **ids: str) -> Response:
        """Change what is named."""
        with transaction.atomic():
            row = self.row(ids, request)
            if row.integration_type not in connectors:
                raise Invalid({"": f"This release has no integrations of type {row.integration_type}."})
            kinds = [connector.name for connector in connectors]
            sent = read_typed(IntegrationPatchCommon, request.data, row.integration_type, kinds)
            save(row, sent.values, sent.config, sent.faults)
        return self.answer(row)


class StatusView(IntegrationViews):
    """/applications/{applicationId}/integrations/status."""

    @operation("Read the status of all integrations", scope="integrations.status", role=Role.VIEWER, answer=StatusList)
    def get(self, request: Request, **ids: str) -> Response:
        """Return them all at once."""
        rows = list(Integration.objects.filter(application=self.application).defer("config", "topics"))
        live = read_live([row.pk for row in rows])
        items = [
            {
                "integrationId": row.pk,
                "name": row.name,
                "integrationType": row.integration_type,
                "enabled": row.enabled,
                "status": status_of(row, live),
            }
            for row in rows
        ]
        away = iso(live.away_since) if live.away_since else None
        return Response({"applicationId": self.application.pk, "items": items, "count": len(items), "awaySince": away})


class ReconnectView(IntegrationViews):
    """/applications/{applicationId}/integrations/{integrationId}/reconnect."""

    @operation(
        "Reconnect an integration",
        scope="integration.reconnect",
        role=Role.EDITOR,
        answer=Success,
        errors=(409,),
        description="The connection is closed and made anew within two seconds.",
    )
    def post(self, request: Request, **ids: str) -> Response:
        """Ask for it."""
        if not reconnect([self.row(ids)]):
            raise Conflict("The integration is disabled: there is no connection.")
        return Response(DONE)
