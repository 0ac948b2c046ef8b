"""The official clients: accounts, applications, tokens, audit logs."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from tests import factories
from tests.api.conftest import PASSWORD, REFUSED, Api
from wegnology.applications.models import ApiToken, Application, Role, UserToken

pytestmark = pytest.mark.django_db


def refused(call: Any, **arguments: Any) -> tuple[int, dict[str, Any]]:
    """Return status and body of an error."""
    with pytest.raises(REFUSED) as error:
        call(**arguments)
    status, body = error.value.args
    assert set(body) >= {"type", "message"}
    return status, body


class TestLogin:
    def test_by_address_and_by_name(self, api: Api, kind: str) -> None:
        person = api.person()
        client = api.client(kind, "")
        for name in (person.email, person.email.upper(), person.username):
            answer = client.auth.authenticate_user(credentials={"email": name, "password": PASSWORD})
            assert answer["userId"] == f"{person.pk:024x}"
            client.auth_token = answer["token"]
            assert client.me.get()["email"] == person.email
            client.auth_token = ""

    def test_wrong_passwords_and_unknown_people_read_the_same(self, api: Api, kind: str) -> None:
        person, client = api.person(), api.client(kind, "")
        wrong = [{"email": person.email, "password": "no"}, {"email": "nobody@example.com", "password": "no"}]
        answers = [refused(client.auth.authenticate_user, credentials=credentials) for credentials in wrong]
        assert answers[0] == answers[1]
        assert (answers[0][0], answers[0][1]["type"]) == (401, "Unauthorized")

    def test_what_is_missing_is_named(self, api: Api, kind: str) -> None:
        status, body = refused(api.client(kind, "").auth.authenticate_user, credentials={"password": 7, "other": 1})
        assert (status, body["type"]) == (400, "Validation")
        assert {fault["name"] for fault in body["validationErrors"]} == {"email", "password", "other"}

    def test_a_login_can_be_narrow_and_short(self, api: Api, kind: str) -> None:
        person, client = api.person(api.application()), api.client(kind, "")
        credentials = {
            "email": person.email,
            "password": PASSWORD,
            "requestedScopes": ["applications.get"],
            "tokenTTL": 60,
        }
        client.auth_token = client.auth.authenticate_user(credentials=credentials)["token"]
        assert client.applications.get()["totalCount"] == 1
        assert refused(client.me.get)[1]["type"] == "Forbidden"
        row = UserToken.objects.get(user=person)
        assert row.expires_at - row.created_at < timedelta(minutes=2)

    def test_a_token_ends_with_its_time_with_the_password_and_with_the_account(self, api: Api, kind: str) -> None:
        person = api.person()
        client = api.client(kind, person)
        UserToken.objects.filter(user=person).update(expires_at=datetime.now(UTC))
        assert refused(client.me.get)[0] == 401
        client = api.client(kind, person)
        person.set_password("another One 8")
        person.save()
        assert refused(client.me.get)[0] == 401
        client = api.client(kind, person)
        person.is_active = False
        person.save()
        assert refused(client.me.get)[0] == 401

    def test_there_is_no_single_sign_on(self, api: Api, kind: str) -> None:
        assert api.client(kind, "").auth.sso_domain(email="ann@example.com") == ""


class TestMe:
    def test_read_and_change(self, api: Api, kind: str) -> None:
        person = api.person(api.application())
        client = api.client(kind, person)
        assert client.me.get()["summary"] == {"appCount": 1}
        changed = client.me.patch(user={"firstName": "Ann", "lastName": "Lee"})
        assert (changed["fullName"], changed["isOperator"]) == ("Ann Lee", False)

    def test_the_address_needs_the_password(self, api: Api, kind: str) -> None:
        person = api.person()
        client = api.client(kind, person)
        assert refused(client.me.patch, user={"email": "new@example.com"})[0] == 400
        assert refused(client.me.patch, user={"email": "new@example.com", "password": "wrong"})[0] == 401
        assert refused(client.me.patch, user={"email": "new", "password": PASSWORD})[0] == 400
        assert client.me.patch(user={"email": "new@example.com", "password": PASSWORD})["email"] == "new@example.com"

    def test_a_new_password_ends_other_logins(self, api: Api, kind: str) -> None:
        person = api.person()
        old, client = api.client(kind, person), api.client(kind, person)
        if kind == "losant-rest":
            faulty = {"password": PASSWORD, "newPassword": "12345"}
            assert refused(client.me.change_password, data=faulty)[1]["validationErrors"][0]["name"] == "newPassword"
        answer = client.me.change_password(data={"password": PASSWORD, "newPassword": "another Tulip 9"})
        assert refused(old.me.get)[0] == 401
        assert refused(client.me.get)[0] == 401
        client.auth_token = answer["token"]
        assert client.me.get()["userId"] == answer["userId"]

    def test_other_logins_may_be_kept(self, api: Api, kind: str) -> None:
        person = api.person()
        old, client = api.client(kind, person), api.client(kind, person)
        data = {"password": PASSWORD, "newPassword": "another Tulip 9", "invalidateExistingTokens": False}
        client.me.change_password(data=data)
        assert old.me.get()["email"] == person.email

    def test_a_fresh_token_and_logging_out_everywhere(self, api: Api, kind: str) -> None:
        person = api.person()
        client = api.client(kind, person)
        client.auth_token = client.me.refresh_token()["token"]
        assert UserToken.objects.filter(user=person).count() == 2
        client.me.patch(user={"tokenCutoff": (datetime.now(UTC) + timedelta(minutes=1)).isoformat()})
        assert refused(client.me.get)[0] == 401


class TestApplications:
    def test_create_read_change_delete(self, api: Api, kind: str) -> None:
        client = api.client(kind)
        entries = [{"key": "host", "json": '"a.example.com"', "description": "where"}, {"key": "n", "json": "[1,2]"}]
        made = client.applications.post(application={"name": "Greenhouse", "globals": entries})
        key = made["applicationId"]
        assert made["globals"] == [
            {"key": "host", "json": '"a.example.com"', "cloudOnly": False, "description": "where", "secret": False},
            {"key": "n", "json": "[1,2]", "cloudOnly": False, "description": "", "secret": False},
        ]
        assert (made["ownerId"], made["role"]) == (f"{api.operator.pk:024x}", "administrator")
        changed = client.application.patch(
            applicationId=key, application={"description": "north", "globals": [{"key": "n", "json": "3"}]}
        )
        assert ([entry["key"] for entry in changed["globals"]], changed["description"]) == (["n"], "north")
        assert client.application.get(applicationId=key)["name"] == "Greenhouse"
        assert client.application.delete(applicationId=key) == {"success": True}
        assert refused(client.application.get, applicationId=key) == (
            404,
            {"type": "NotFound", "message": "Application was not found"},
        )

    def test_single_globals(self, api: Api, kind: str) -> None:
        row = api.application()
        client = api.client(kind)
        client.application.globals(applicationId=row.pk, globals=[{"key": "a", "json": "1"}, {"key": "b", "json": "2"}])
        changes = [{"key": "a", "json": None}, {"key": "c", "json": '"x"', "secret": True}, {"key": "b", "description": "two"}]
        answer = client.application.globals(applicationId=row.pk, globals=changes)
        assert [(entry["key"], entry["json"], entry["description"]) for entry in answer["globals"]] == [
            ("b", "2", "two"),
            ("c", '"••••••"', ""),
        ]

    def test_a_secret_global_survives_being_sent_back(self, api: Api, kind: str) -> None:
        row = api.application()
        client = api.client(kind)
        client.application.globals(applicationId=row.pk, globals=[{"key": "key", "json": '"hunter2"', "secret": True}])
        shown = client.application.get(applicationId=row.pk)["globals"]
        assert "hunter2" not in str(shown)
        client.application.patch(applicationId=row.pk, application={"globals": shown})
        assert row.globals.get(key="key").opened() == "hunter2"
        plain = [{**shown[0], "secret": False}]
        assert refused(client.application.patch, applicationId=row.pk, application={"globals": plain})[0] == 400

    def test_every_fault_is_named(self, api: Api, kind: str) -> None:
        row = api.application()
        entries = [{"key": "a", "json": "nope"}, {"key": "a", "json": "1"}, {"key": "b", "json": "1"}]
        status, body = refused(api.client(kind).application.patch, applicationId=row.pk, application={"globals": entries})
        assert (status, [fault["name"] for fault in body["validationErrors"]]) == (400, ["globals.0.json", "globals.1.key"])
        faulty = {"name": "", "globals": "x", "ownerId": 1}
        status, body = refused(api.client(kind).application.patch, applicationId=row.pk, application=faulty)
        assert {fault["name"] for fault in body["validationErrors"]} == {"name", "globals", "ownerId"}

    def test_pages_and_filters(self, api: Api, kind: str) -> None:
        person = api.person()
        for name in ("Alpha north", "alpha south", "Beta_north", "100%"):
            api.application(name).members.create(user=person)
        client = api.client(kind, person)

        def names(**how: Any) -> list[str]:
            return [item["name"] for item in client.applications.get(**how)["items"]]

        assert names(sortDirection="desc", perPage=2) == ["alpha south", "Beta_north"]
        assert names(filterField="name", filter="alpha*", sortField="id") == ["Alpha north", "alpha south"]
        assert names(filterField="name", filter="*_n*") == ["Beta_north"]
        assert names(filterField="name", filter="100%") == ["100%"]
        assert names(filterField="name", filter="alpha") == []
        assert len(names(filter="")) == 4
        answer = client.applications.get(perPage=3, page=1, sortField="creationDate")
        assert {name: answer[name] for name in ("count", "totalCount", "perPage", "page", "sortField", "sortDirection")} == {
            "count": 1,
            "totalCount": 4,
            "perPage": 3,
            "page": 1,
            "sortField": "creationDate",
            "sortDirection": "asc",
        }
        assert refused(client.applications.get, sortField="secret", perPage=0)[1]["validationErrors"][0]["type"] == "Validation"

    def test_links_and_actions(self, api: Api, kind: str) -> None:
        row = api.application()
        client = api.client(kind)
        answer = client.application.get(applicationId=row.pk, _actions=True)
        assert answer["_links"]["self"] == {"href": f"/applications/{row.pk}"}
        assert answer["_actions"]["patch"] == {"method": "PATCH", "href": f"/applications/{row.pk}"}
        assert not {"_links", "_actions"} & client.application.get(applicationId=row.pk, _links=False).keys()

    def test_who_is_no_member_sees_nothing(self, api: Api, kind: str) -> None:
        row = api.application()
        client = api.client(kind, api.person())
        assert client.applications.get()["items"] == []
        assert refused(client.application.get, applicationId=row.pk)[0] == 404
        assert refused(client.applications.post, application={"name": "Mine"})[0] == 403

    def test_payload_counts(self, api: Api, kind: str) -> None:
        from wegnology.applications.records import UsageDay

        row = api.application()
        day = datetime(2026, 5, 4, tzinfo=UTC)
        UsageDay.objects.create(application_id=row.pk, day=day.date(), source="integration", payloads=7, dropped=2)
        span = {"start": int(day.timestamp() * 1000), "end": int(day.timestamp() * 1000) + 1}
        client = api.client(kind)
        assert client.application.payload_counts(applicationId=row.pk, **span) == {"integration": {"2026-05-04": 7}}
        assert client.application.payload_counts(applicationId=row.pk) == {}
        if kind == "losant-rest":
            counts = client.application.payload_counts_breakdown(applicationId=row.pk, **span)["counts"]
            assert counts == [{"date": "2026-05-04T00:00:00.000Z", "payloads": 7, "dropped": 2}]


class TestExport:
    def test_an_application_goes_out_and_comes_in(self, api: Api, kind: str) -> None:
        row, other = api.application(), api.application()
        factories.workflow(factories.integration(row, name="Broker"), name="Alert")
        client = api.client(kind)
        url = client.application.export(applicationId=row.pk, options={})["url"]
        data = requests.get(url, timeout=60).content
        assert data[:2] == b"PK"
        assert requests.get(f"{url}x", timeout=60).json()["type"] == "NotFound"
        body = {"files": [{"name": "a.zip", "data": base64.b64encode(data).decode()}]}
        place = f"/applications/{other.pk}/import"
        tried = client.request("POST", place, body={**body, "dryRun": True})
        assert (tried["dryRun"], other.workflows.count()) == (True, 0)
        done = client.request("POST", place, body=body)
        assert [one["name"] for one in done["workflows"]] == ["Alert"]
        assert list(other.integrations.values_list("name", "enabled")) == [("Broker", False)]
        wrong = {"files": [{"name": "a.zip", "data": "!"}]}
        assert refused(client.request, method="POST", path=place, body=wrong)[0] == 400
        odd = {**body, "conflictBehavior": "perhaps"}
        assert refused(client.request, method="POST", path=place, body=odd)[0] == 400


class TestTokens:
    def test_create_use_and_revoke(self, api: Api, kind: str) -> None:
        row = api.application()
        client = api.client(kind)
        wanted = {"name": "export", "scope": ["application.get"], "expirationDate": "2099-01-01T00:00:00.000Z"}
        made = client.application_api_tokens.post(applicationId=row.pk, apiToken=wanted)
        assert (made["creatorType"], made["creatorName"], made["status"]) == ("user", "operator", "active")
        used = api.client(kind, made["token"])
        assert used.application.get(applicationId=row.pk)["id"] == row.pk
        assert refused(used.application.patch, applicationId=row.pk, application={})[0] == 403
        ids = {"applicationId": row.pk, "apiTokenId": made["apiTokenId"]}
        assert "token" not in client.application_api_token.get(**ids)
        assert "lastUsed" in client.application_api_token.get(**ids)
        client.application_api_token.patch(**ids, apiToken={"status": "inactive", "name": "paused"})
        assert refused(used.application.get, applicationId=row.pk)[0] == 401
        listed = client.application_api_tokens.get(applicationId=row.pk, filterField="status", filter="inactive")
        assert [item["name"] for item in listed["items"]] == ["paused"]
        client.application_api_token.patch(**ids, apiToken={"status": "active"})
        client.application_api_token.delete(**ids)
        assert refused(used.application.get, applicationId=row.pk)[0] == 401
        assert refused(client.application_api_token.get, **ids)[0] == 404

    def test_a_token_stays_in_its_application(self, api: Api, kind: str) -> None:
        row, other = api.application(), api.application()
        client = api.token_client(row, kind=kind)
        assert client.application.get(applicationId=row.pk)["role"] == "administrator"
        assert refused(client.application.get, applicationId=other.pk)[0] == 404
        assert refused(client.applications.get)[0] == 403
        assert refused(client.me.get)[0] == 403

    def test_a_token_gives_no_more_than_it_has(self, api: Api, kind: str) -> None:
        row = api.application()
        client = api.token_client(row, "applicationApiTokens.post", "application.get", kind=kind)
        more = {"name": "more", "scope": ["all.Application"]}
        assert refused(client.application_api_tokens.post, applicationId=row.pk, apiToken=more)[0] == 403
        client.application_api_tokens.post(applicationId=row.pk, apiToken={"name": "same", "scope": ["application.get"]})
        assert ApiToken.objects.get(application=row, name="same").creator_kind == "token"

    @pytest.mark.parametrize(
        "wrong", [{"scope": ["all.User"]}, {"scope": []}, {"scope": ["device.get"]}, {"expirationDate": "2020-01-01T00:00:00Z"}]
    )
    def test_what_cannot_be(self, api: Api, wrong: dict[str, Any]) -> None:
        row = api.application()
        status, _ = refused(api.client().application_api_tokens.post, applicationId=row.pk, apiToken={"name": "x", **wrong})
        assert status == 400

    def test_an_ended_token_opens_nothing(self, api: Api, kind: str) -> None:
        row = api.application()
        client = api.token_client(row, kind=kind)
        ApiToken.objects.filter(application=row).update(expires_at=datetime.now(UTC))
        assert refused(client.application.get, applicationId=row.pk)[0] == 401


class TestAuditLogs:
    def test_who_did_what(self, api: Api, kind: str) -> None:
        row = api.application()
        person = api.person(row, Role.EDITOR)
        api.client(kind, person).application.patch(applicationId=row.pk, application={"name": "Renamed"})
        api.token_client(row, kind=kind).application.patch(applicationId=row.pk, application={"description": "by token"})
        client = api.client(kind)
        page = client.audit_logs.get(orgId=row.pk, perPage=3)
        newest, _the_token, older = page["items"]
        assert (newest["actorType"], newest["actorName"]) == ("ApiToken", f"{row.name} token")
        assert (older["actorType"], older["actorId"], older["primaryTargetId"]) == ("User", f"{person.pk:024x}", row.pk)
        assert older["changes"] == {"name": [row.name, "Renamed"]}
        assert client.audit_log.get(orgId=row.pk, auditLogId=older["id"])["requestAction"] == "changed"
        assert refused(client.audit_log.get, orgId=row.pk, auditLogId="f" * 24)[0] == 404

    def test_filters(self, api: Api, kind: str) -> None:
        row = api.application()
        person = api.person(row, Role.ADMINISTRATOR)
        mine = api.client(kind, person)
        mine.application_api_tokens.post(applicationId=row.pk, apiToken={"name": "made"})
        mine.application.patch(applicationId=row.pk, application={"name": "Renamed"})

        def found(**wanted: Any) -> list[str]:
            page = mine.audit_logs.get(orgId=row.pk, auditLogFilter=wanted, sortDirection="asc")
            return [f"{item['requestResource']} {item['requestAction']}" for item in page["items"]]

        assert found(actor=[{"id": f"{person.pk:024x}"}]) == ["ApiToken created", "Application changed"]
        assert found(secondaryTarget=[{"type": "ApiToken"}]) == ["ApiToken created"]
        assert found(request=[{"resource": "Application", "action": "changed"}]) == ["Application changed"]
        assert found(actor=[{"type": "ApiToken"}]) == []
        assert mine.audit_logs.get(orgId=row.pk, start=4_000_000_000_000)["items"] == []


def test_everything_of_an_application_goes_with_it(api: Api) -> None:
    row = api.application()
    client = api.token_client(row)
    assert client.application.delete(applicationId=row.pk) == {"success": True}
    assert not Application.objects.filter(pk=row.pk).exists()
    assert refused(client.application.get, applicationId=row.pk)[0] == 401
