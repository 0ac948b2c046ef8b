"""How the API behaves whatever is asked: who is let in, bounds, limits, names of requests, what it never does."""

import json
import logging
import runpy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from integrations.live import outage
from tests import factories
from tests.access_rows import a_replay
from tests.api.tokens import a_token, bearer
from tests.servers.processes import free_port
from tests.servers.redis import RedisServer
from tests.standards import ROOT
from wegnology.applications.models import Application, Role, UserToken
from wegnology.applications.tokens import issue_user_token
from wegnology.lib.rest import limits
from wegnology.lib.rest.request_ids import RequestIdFilter

pytestmark = [pytest.mark.django_db, pytest.mark.one_database, pytest.mark.usefixtures("redis_here")]

PASSWORD = "tulips in the Rain 7"


@pytest.fixture(autouse=True)
def _nothing_before() -> None:
    """Forget what earlier tests counted in this process."""
    outage.over()
    limits._windows.clear()
    limits._away_until = 0.0


@pytest.fixture
def plant() -> Application:
    return factories.application("Plant")


@pytest.fixture
def headers(plant: Application) -> dict[str, str]:
    """The header of an administrator."""
    return bearer(factories.person("ann", plant, Role.ADMINISTRATOR, password=PASSWORD, email="ann@example.com"))


def log_in(client: Client, password: str = PASSWORD, name: str = "ann", **extra: Any) -> Any:
    """Ask for a token."""
    body = json.dumps({"email": name, "password": password})
    return client.post("/api/auth/user", body, content_type="application/json", **extra)


class TestWhoIsLetIn:
    def test_a_session_means_nothing(self, client: Client, plant: Application) -> None:
        """So no other site can make a browser act here."""
        client.force_login(factories.person("ann", plant, Role.ADMINISTRATOR))
        response = client.get(f"/api/applications/{plant.pk}")
        assert (response.status_code, response.json()["type"]) == (401, "Unauthorized")
        assert response["WWW-Authenticate"] == "Bearer"
        assert client.delete(f"/api/applications/{plant.pk}").status_code == 401
        assert "Set-Cookie" not in response

    @pytest.mark.parametrize(
        "header",
        ["", "Bearer", "Bearer ", "Basic YW5uOng=", "Bearer wgu_x", "Bearer wga_x", "Bearer " + "x" * 4096, "Bearer é", "wgu_x"],
    )
    def test_what_is_no_token(self, client: Client, header: str) -> None:
        assert client.get("/api/me", headers={"Authorization": header}).status_code == 401

    def test_a_token_in_the_address_means_nothing(self, client: Client, headers: dict[str, str]) -> None:
        token = headers["Authorization"].removeprefix("Bearer ")
        assert client.get(f"/api/me?access_token={token}&token={token}").status_code == 401

    def test_only_a_digest_is_stored(self, headers: dict[str, str], plant: Application) -> None:
        token = headers["Authorization"].removeprefix("Bearer ")
        row, secret = a_token(plant)
        stored = f"{UserToken.objects.values().get()} {type(row).objects.values().get(pk=row.pk)}"
        assert token not in stored
        assert secret not in stored
        assert len(token) > 40

    def test_who_loses_the_membership_loses_the_application(self, client: Client, plant: Application) -> None:
        person = factories.person("ann", plant)
        headers = bearer(person)
        assert client.get(f"/api/applications/{plant.pk}", headers=headers).status_code == 200
        plant.members.all().delete()
        assert client.get(f"/api/applications/{plant.pk}", headers=headers).status_code == 404


class TestFreshTokens:
    def refresh(self, client: Client, token: str) -> str:
        response = client.get("/api/me/refreshToken", headers=bearer(token))
        assert response.status_code == 200
        return str(response.json()["token"])

    def test_they_last_as_long_and_end_with_the_login(self, client: Client, settings: Settings) -> None:
        settings.USER_LOGIN_DAYS = 3
        person = factories.person("ann")
        with time_machine.travel("2026-03-01T00:00:00Z", tick=False) as clock:
            token = issue_user_token(person, ["all.User"], timedelta(days=2))
            clock.shift(timedelta(days=1))
            token = self.refresh(client, token)
            assert UserToken.objects.latest("created_at").expires_at == datetime(2026, 3, 4, tzinfo=UTC)
            clock.shift(timedelta(days=1))
            token = self.refresh(client, token)
            clock.shift(timedelta(days=1))
            assert client.get("/api/me/refreshToken", headers=bearer(token)).status_code == 401

    def test_one_that_was_asked_for_an_hour_stays_one_of_an_hour(self, client: Client) -> None:
        self.refresh(client, issue_user_token(factories.person("ann"), ["me.*"], timedelta(hours=1)))
        row = UserToken.objects.latest("created_at")
        assert row.scope == ["me.*"]
        assert row.expires_at - row.created_at < timedelta(hours=1, minutes=1)

    def test_a_login_that_the_setting_ends_cannot_be_prolonged(self, client: Client, settings: Settings) -> None:
        token = issue_user_token(factories.person("ann"), ["all.User"], timedelta(days=2))
        UserToken.objects.update(created_at=timezone.now() - timedelta(days=2), logged_in_at=None)
        settings.USER_LOGIN_DAYS = 1
        response = client.get("/api/me/refreshToken", headers=bearer(token))
        assert (response.status_code, "Log in again" in response.json()["message"]) == (401, True)


class TestGuessing:
    def test_an_account_is_closed_for_a_while(self, client: Client, headers: dict[str, str], settings: Settings) -> None:
        settings.LOGIN_TRIES, settings.LOGIN_SECONDS = 3, 300
        assert [log_in(client, "no").status_code for _ in range(4)] == [401, 401, 401, 429]
        response = log_in(client)
        assert (response.status_code, response.json()["type"]) == (429, "TooManyRequests")
        assert 0 < int(response["Retry-After"]) <= 300
        assert log_in(client, name="ANN ").status_code == 429

    def test_one_who_knows_the_password_is_forgiven(self, client: Client, headers: dict[str, str], settings: Settings) -> None:
        settings.LOGIN_TRIES = 2
        for _ in range(3):
            assert log_in(client, "no").status_code == 401
            assert log_in(client).status_code == 200

    def test_an_address_that_tries_many_accounts_is_closed_too(self, client: Client, settings: Settings) -> None:
        settings.LOGIN_TRIES_PER_ADDRESS = 3
        found = [log_in(client, "no", name=f"nobody{number}").status_code for number in range(4)]
        assert found == [401, 401, 401, 429]
        assert log_in(client, "no", name="other", REMOTE_ADDR="203.0.113.9").status_code == 401

    def test_it_holds_without_redis(self, client: Client, headers: dict[str, str], settings: Settings) -> None:
        settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
        settings.LOGIN_TRIES = 2
        assert [log_in(client, "no").status_code for _ in range(3)] == [401, 401, 429]

    def test_who_sends_no_token_is_slowed(self, client: Client, settings: Settings, headers: dict[str, str]) -> None:
        settings.API_STRANGERS_PER_MINUTE = 2
        assert [client.get("/api/me").status_code for _ in range(3)] == [401, 401, 429]
        assert client.get("/api/me", headers=headers).status_code == 200


class TestLimits:
    def test_a_caller_has_so_many_requests(self, client: Client, plant: Application, settings: Settings) -> None:
        settings.API_PER_MINUTE = 3
        one, other = bearer(factories.person("ann", plant)), bearer(a_token(plant)[1])
        address = f"/api/applications/{plant.pk}"
        assert [client.get(address, headers=one).status_code for _ in range(4)] == [200, 200, 200, 429]
        response = client.get(address, headers=one)
        assert 0 < int(response["Retry-After"]) <= 60
        assert client.get(address, headers=other).status_code == 200

    def test_behind_a_proxy_its_last_word_counts(self, client: Client, settings: Settings) -> None:
        settings.API_STRANGERS_PER_MINUTE, settings.BEHIND_PROXY = 1, True
        ask = [{"X-Forwarded-For": f"{forged}, 203.0.113.9"} for forged in ("1.1.1.1", "2.2.2.2")]
        assert [client.get("/api/me", headers=headers).status_code for headers in ask] == [401, 429]
        assert client.get("/api/me", headers={"X-Forwarded-For": "203.0.113.10"}).status_code == 401


class TestBodies:
    @pytest.mark.parametrize(
        ("body", "status", "said"),
        [
            (b"{", 400, "not JSON"),
            (b'"\\u0000"', 400, "cannot be stored"),
            (b'{"name": "a\\u0000b"}', 400, "cannot be stored"),
            (b"[" * 100_000, 400, "not JSON"),
            (b"[1]", 400, ""),
            (b"null", 400, ""),
            (b'{"name": NaN}', 400, "not JSON"),
            (b'{"name": "\\ud800"}', 400, ""),
            (b'{"name": 1}', 400, "name"),
            (b"\xff", 400, "not JSON"),
        ],
    )
    def test_what_cannot_be_read(
        self, client: Client, plant: Application, headers: dict[str, str], body: bytes, status: int, said: str
    ) -> None:
        address = f"/api/applications/{plant.pk}"
        response = client.patch(address, body, content_type="application/json", headers=headers)
        assert response.status_code == status
        assert said in response.json()["message"]

    def test_a_large_one_is_refused(
        self, client: Client, plant: Application, headers: dict[str, str], settings: Settings
    ) -> None:
        settings.API_BODY_BYTES = 100
        body = json.dumps({"description": "x" * 100})
        address = f"/api/applications/{plant.pk}"
        response = client.patch(address, body, content_type="application/json", headers=headers)
        assert (response.status_code, response.json()["type"]) == (413, "PayloadTooLarge")

    def test_only_json(self, client: Client, plant: Application, headers: dict[str, str]) -> None:
        response = client.post(f"/api/applications/{plant.pk}/credentials", {"name": "x"}, headers=headers)
        assert (response.status_code, response.json()["type"]) == (415, "UnsupportedMediaType")

    @pytest.mark.parametrize("query", ["page=-1", "page=x", "perPage=0", "perPage=99999", "_links=perhaps", "page=1" + "0" * 30])
    def test_parameters_that_cannot_be(self, client: Client, headers: dict[str, str], query: str) -> None:
        response = client.get(f"/api/applications?{query}", headers=headers)
        assert response.status_code == 400
        assert response.json()["validationErrors"][0]["name"] == query.partition("=")[0]

    @pytest.mark.parametrize("address", ["/api/", "/api/nothing", "/api/applications/", "/api/me/"])
    def test_what_does_not_exist_is_json_too(self, client: Client, headers: dict[str, str], address: str) -> None:
        response = client.get(address, headers=headers)
        assert (response.status_code, response.json()["type"]) == (404, "NotFound")

    def test_nul_in_an_address(self, client: Client, headers: dict[str, str]) -> None:
        assert client.get("/api/applications/%00", headers=headers).status_code == 404
        assert client.get("/api/applications?filterField=name&filter=%00", headers=headers).status_code == 400

    def test_methods(self, client: Client, headers: dict[str, str], plant: Application) -> None:
        address = f"/api/applications/{plant.pk}"
        response = client.put(address, "{}", content_type="application/json", headers=headers)
        assert (response.status_code, response.json()["type"]) == (405, "MethodNotAllowed")
        assert client.options(address)["Allow"] == "GET, PATCH, DELETE, HEAD, OPTIONS"


class TestFailing:
    def test_what_nobody_foresaw_is_answered_without_details(
        self, client: Client, headers: dict[str, str], plant: Application, monkeypatch: pytest.MonkeyPatch, caplog: Any
    ) -> None:
        from wegnology.applications.api import application_views

        def fail(*_: object) -> None:
            raise RuntimeError("hunter2")

        monkeypatch.setattr(application_views, "counted", fail)
        response = client.get(f"/api/applications/{plant.pk}", headers={**headers, "X-Request-Id": "given-by-proxy"})
        assert (response.status_code, response.json()["type"]) == (500, "InternalServerError")
        assert "hunter2" not in response.content.decode()
        assert "given-by-proxy" in response.json()["message"]
        assert "hunter2" in caplog.text

    def test_without_redis_reading_goes_on(
        self, client: Client, headers: dict[str, str], plant: Application, settings: Settings
    ) -> None:
        source = factories.integration(plant)
        settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
        listed = client.get(f"/api/applications/{plant.pk}/integrations", headers=headers)
        assert listed.json()["items"][0]["status"]["state"] == "unknown"
        every = client.get(f"/api/applications/{plant.pk}/integrations/status", headers=headers).json()
        assert every["awaySince"]
        flow = factories.workflow(source)
        response = client.get(f"/api/applications/{plant.pk}/flows/{flow.pk}/storage", headers=headers)
        assert (response.status_code, response.json()["type"]) == (503, "ServiceUnavailable")
        assert response["Retry-After"]


class TestNamesOfRequests:
    def test_every_answer_has_one(self, client: Client, headers: dict[str, str]) -> None:
        names = {client.get(address, headers=headers)["X-Request-Id"] for address in ("/api/me", "/api/nothing", "/healthz")}
        assert len(names) == 3
        assert client.get("/api/me", headers={"X-Request-Id": "from-the-proxy"})["X-Request-Id"] == "from-the-proxy"
        forged = client.get("/api/me", headers={"X-Request-Id": "a b"})["X-Request-Id"]
        assert forged != "a b"

    def test_it_stands_in_every_line(self, client: Client) -> None:
        lines: list[str] = []

        class Keep(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                lines.append(self.format(record))

        handler = Keep()
        handler.addFilter(RequestIdFilter())
        handler.setFormatter(logging.Formatter("%(message)s%(request)s"))
        logger = logging.getLogger("django.request")
        logger.addHandler(handler)
        try:
            response = client.get("/readyz", headers={"X-Request-Id": "look-at-this"})
        finally:
            logger.removeHandler(handler)
        assert response.status_code == 503
        assert lines == ["Service Unavailable: /readyz [request look-at-this]"]

    def test_it_stands_in_the_access_log(self) -> None:
        written = runpy.run_path(str(ROOT / "gunicorn.conf.py"))["access_log_format"]
        assert written.endswith("%({x-request-id}o)s")
        assert "%(q)s" not in written  # what is asked for may be private


class TestQueries:
    @pytest.mark.parametrize("part", ["integrations", "flows", "credentials", "tokens", "audit-logs", "parkedRuns", "replayJobs"])
    def test_lists_ask_as_often_for_many_as_for_few(
        self, client: Client, headers: dict[str, str], plant: Application, part: str, redis_here: RedisServer
    ) -> None:
        def fill(number: int) -> None:
            source = factories.integration(plant, name=f"source {number}")
            flow = factories.workflow(source, name=f"flow {number}")
            factories.version(flow, name="1.0", triggers=[factories.trigger(source)])
            factories.credential(plant, name=f"login {number}")
            a_token(plant, name=f"token {number}")
            a_replay(plant)

        fill(0)
        address = f"/api/applications/{plant.pk}/{part}"
        assert client.get(address, headers=headers).status_code == 200  # notes that the token is used
        counts = []
        for start in (1, 6):
            with CaptureQueriesContext(connection) as queries:
                response = client.get(address, headers=headers)
            assert response.status_code == 200
            counts.append(len(queries))
            for number in range(start, start + 5):
                fill(number)
        assert counts[0] == counts[1] <= 9

    def test_so_does_the_list_of_applications(self, client: Client) -> None:
        person = factories.person("ann")
        headers = bearer(person)
        counts = []
        for number in range(8):
            row = factories.application(f"Plant {number}", a=1, b=2)
            row.members.create(user=person)
            factories.integration(row)
            with CaptureQueriesContext(connection) as queries:
                assert client.get("/api/applications", headers=headers).status_code == 200
            counts.append(len(queries))
        assert counts[1] == counts[-1] <= 9
