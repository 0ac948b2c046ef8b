"""The official client: service credentials, which only the newer one knows."""

import json
from typing import Any

import pytest

from tests import factories
from tests.api.conftest import Api
from tests.api.test_clients_accounts import refused
from tests.api.test_clients_integrations import faults
from tests.lib.test_credential_types import KEY
from wegnology.applications.models import Application, Credential, Role
from wegnology.lib.known_globals import MASK
from wegnology.lib.types import JSONObject

pytestmark = pytest.mark.django_db

AWS = {"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": "hunter2hunter2", "region": "eu-central-1"}


def made(client: Any, of: Application, **more: Any) -> dict[str, Any]:
    """Create a service credential."""
    body = {"name": "AWS", "type": "aws", "awsConfig": AWS, **more}
    answer: dict[str, Any] = client.credentials.post(applicationId=of.pk, credential=body)
    return answer


def stored(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a credential, opened."""
    return Credential.objects.get(pk=answer["id"]).raw_config()


def test_secrets_are_never_answered(api: Api) -> None:
    client, row = api.client(), api.application()
    answer = made(client, row, description="for telemetry")
    assert answer["awsConfig"] == {"accessKeyId": AWS["accessKeyId"], "region": "eu-central-1"}
    assert (answer["type"], answer["enabled"], answer["description"]) == ("aws", True, "for telemetry")
    ids = {"applicationId": row.pk, "credentialId": answer["id"]}
    assert client.credential.get(**ids) == answer
    listed = client.credentials.get(applicationId=row.pk, filterField="type", filter="aws")
    assert listed["items"] == [answer]


def test_what_is_not_sent_stays(api: Api) -> None:
    client, row = api.client(), api.application()
    answer = made(client, row)
    ids = {"applicationId": row.pk, "credentialId": answer["id"]}
    client.credential.patch(**ids, credential={"awsConfig": {"region": "eu-west-1"}})
    assert stored(answer) == {**AWS, "region": "eu-west-1"}
    client.credential.patch(**ids, credential={"awsConfig": {**answer["awsConfig"], "secretAccessKey": MASK}})
    assert stored(answer) == AWS
    client.credential.patch(**ids, credential={"awsConfig": {"secretAccessKey": "another one"}, "enabled": False})
    assert stored(answer)["secretAccessKey"] == "another one"
    assert client.credential.get(**ids)["enabled"] is False


def test_every_fault_is_named(api: Api) -> None:
    client, row = api.client(), api.application()
    made(client, row)
    body = {"name": "AWS", "type": "aws", "awsConfig": {**AWS, "region": "", "more": 1}, "gcpConfig": {}}
    places = faults(refused(client.credentials.post, applicationId=row.pk, credential=body))
    assert places == {"name", "awsConfig.region", "awsConfig.more", "gcpConfig"}
    assert faults(refused(client.credentials.post, applicationId=row.pk, credential={"name": "x", "type": "git"})) == {"type"}
    assert faults(refused(client.credentials.post, applicationId=row.pk, credential={})) == {"name", "type"}
    http = {"name": "h", "type": "http", "httpConfig": {"uriMatch": "https://a.b", "authMethod": "header", "secretValue": "x"}}
    assert refused(client.credentials.post, applicationId=row.pk, credential=http)[0] == 400


def test_a_name_is_followed_by_what_uses_it(api: Api) -> None:
    client, row = api.client(), api.application()
    login = factories.credential(row, name="Feed")
    source = factories.integration(
        row, integration_type="websocket", config={"url": "ws://127.0.0.1/feed"}, topics=(), credential_name="Feed"
    )
    ids = {"applicationId": row.pk, "credentialId": login.pk}
    node: JSONObject = {
        "id": "a",
        "type": "HttpNode",
        "config": {"uriTemplate": "http://a", "credentialNameTemplate": "Feed"},
        "outputIds": [],
    }
    factories.workflow(row, name="caller", nodes=[node])
    factories.workflow(row, name="other")
    linked = client.credential.linked_resources(**ids)
    assert [item["id"] for item in linked["integrations"]["items"]] == [source.pk]
    assert [item["name"] for item in linked["flows"]["items"]] == ["caller"]
    client.credential.patch(**ids, credential={"name": "Renamed"})
    source.refresh_from_db()
    assert source.credential_name == "Renamed"
    assert client.credential.delete(**ids) == {"success": True}
    assert refused(client.credential.get, **ids)[0] == 404
    assert refused(client.credential.linked_resources, **ids)[0] == 404


@pytest.mark.parametrize(("role", "allowed"), [(Role.VIEWER, "get"), (Role.EDITOR, "patch"), (Role.ADMINISTRATOR, "delete")])
def test_roles(api: Api, role: Role, allowed: str) -> None:
    row = api.application()
    ids = {"applicationId": row.pk, "credentialId": factories.credential(row).pk}
    client = api.client(of=api.person(row, role))
    order = ["get", "patch", "delete"]
    for name in order:
        call = getattr(client.credential, name)
        more: dict[str, Any] = {"credential": {}} if name == "patch" else {}
        if order.index(name) <= order.index(allowed):
            call(**ids, **more)
        else:
            assert refused(call, **ids, **more)[0] == 403


def test_a_google_key_says_whose_it_is(api: Api) -> None:
    client, row = api.client(), api.application()
    body = {"name": "Google", "type": "gcp", "gcpConfig": {"keyJson": json.dumps(KEY)}}
    answer = client.credentials.post(applicationId=row.pk, credential=body)
    assert json.loads(answer["gcpConfig"]["keyMetaJson"]) == {
        name: KEY[name] for name in ("client_email", "project_id", "private_key_id")
    }
    assert set(answer["gcpConfig"]) == {"keyMetaJson"}
