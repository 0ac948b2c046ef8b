"""Alarms on their way to people and programs: a real mail server, a real web server, a real inbox."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from integrations.events import TriggerEvent
from integrations.runtime.keys import key
from tests import factories
from tests.servers.redis import RedisServer
from tests.servers.smtp import SmtpServer
from wegnology.lib.redis import sync_client
from wegnology.lib.types import JSONObject
from workflows.alarms.channels import IN_A_CALL, SIGNATURE
from workflows.alarms.keeping import MAIL, OPENED, OVER, REPEATED, WEBHOOK, WORKFLOWS
from workflows.alarms.telling import MOST_ATTEMPTS, due_rules, retry_after, tell
from workflows.alarms.trial import try_rule
from workflows.models import Alarm, AlarmNotice, AlarmRule

pytestmark = pytest.mark.django_db


@pytest.fixture
def smtp(settings: Settings) -> Iterator[SmtpServer]:
    """A mail server that the settings name."""
    with SmtpServer() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.MAIL_CONFIGURED = "127.0.0.1", server.port, True
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.PUBLIC_URL = "https://hub.example.com"
        yield server


class Receiver:
    """A web server that keeps calls and answers with `status`, or a redirect."""

    def __init__(self) -> None:
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                owner.calls.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(owner.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook?token=hush"


@pytest.fixture
def web() -> Iterator[Receiver]:
    """A web server for webhooks."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()
    thread.join(10)


def a_rule(url: str = "", **fields: Any) -> AlarmRule:
    rule = factories.application("Plant").alarm_rules.get(kind="refused")
    for name, value in fields.items():
        setattr(rule, name, value)
    rule.call_at(url)
    rule.save()
    return rule


def notices(rule: AlarmRule, channel: str, occasion: str = OPENED, count: int = 1) -> list[AlarmNotice]:
    """Open alarms and note that they are to be told."""
    now = timezone.now()
    about = {"application": rule.application, "rule": rule, "kind": rule.kind, "subject_kind": "integration"}
    said = {"first_cause": "It was.", "cause": "Bad login.", "opened_at": now, "updated_at": now}
    alarms = [Alarm.objects.create(subject_id=f"{at:024}", subject_name=f"Broker {at}\n", **about, **said) for at in range(count)]
    return [AlarmNotice.objects.create(alarm=one, rule=rule, channel=channel, occasion=occasion, due_at=now) for one in alarms]


def test_a_mail_holds_all_that_is_due(smtp: SmtpServer) -> None:
    rule = a_rule(emails=["ops@example.com", "night@example.com"])
    notices(rule, MAIL, count=2)
    assert due_rules(timezone.now()) == [rule.pk]
    tell(rule.pk)
    (mail,) = smtp.mails
    assert mail["To"] == "ops@example.com, night@example.com"
    assert mail["Subject"] == "Refused: Broker 0 and 1 more (Plant)"
    body = mail.get_payload(decode=True)
    assert isinstance(body, bytes)
    text = body.decode()
    assert "Bad login." in text
    assert "What to do: Correct the settings" in text
    assert f"https://hub.example.com/admin/workflows/alarm/{Alarm.objects.earliest('subject_id').pk}/change/" in text
    assert not AlarmNotice.objects.exists()
    rule.refresh_from_db()
    assert (rule.mail_failure, rule.told_at is not None) == ("", True)


def test_what_is_over_says_so_in_the_subject(smtp: SmtpServer) -> None:
    rule = a_rule(emails=["ops@example.com"])
    notices(rule, MAIL, OVER)
    tell(rule.pk)
    assert smtp.mails[0]["Subject"] == "Over: Refused: Broker 0 (Plant)"


def test_a_mail_that_is_refused_is_tried_again_and_the_rule_says_why(smtp: SmtpServer) -> None:
    rule = a_rule(emails=["ops@example.com"])
    notices(rule, MAIL)
    smtp.refuses = True
    tell(rule.pk)
    rule.refresh_from_db()
    assert "refuses ops@example.com" in rule.mail_failure
    assert due_rules(timezone.now()) == []
    smtp.refuses = False
    tell(rule.pk, timezone.now() + timedelta(minutes=1))
    rule.refresh_from_db()
    assert (rule.mail_failure, len(smtp.mails)) == ("", 1)


def test_without_a_mail_server_the_rule_says_so(settings: Settings) -> None:
    settings.MAIL_CONFIGURED = False
    rule = a_rule(emails=["ops@example.com"])
    notices(rule, MAIL)
    tell(rule.pk)
    rule.refresh_from_db()
    assert "EMAIL_URL" in rule.mail_failure


def test_what_fails_for_a_day_is_given_up() -> None:
    rule = a_rule(emails=["ops@example.com"])
    (notice,) = notices(rule, MAIL)
    AlarmNotice.objects.filter(pk=notice.pk).update(attempts=MOST_ATTEMPTS)
    tell(rule.pk)
    assert not AlarmNotice.objects.exists()
    assert sum((retry_after(at) for at in range(MOST_ATTEMPTS)), timedelta()) > timedelta(hours=20)


def test_what_another_took_is_left_to_him(smtp: SmtpServer) -> None:
    rule = a_rule(emails=["ops@example.com"])
    (notice,) = notices(rule, MAIL)
    AlarmNotice.objects.filter(pk=notice.pk).update(taken_at=timezone.now(), taken_by="another")
    tell(rule.pk)
    assert smtp.mails == []
    tell(rule.pk, timezone.now() + timedelta(minutes=3))
    assert len(smtp.mails) == 1


def test_a_call_is_signed_and_says_everything(web: Receiver) -> None:
    rule = a_rule(web.url)
    notices(rule, WEBHOOK, REPEATED)
    tell(rule.pk)
    ((headers, body),) = web.calls
    secret = rule.receiver()[1]
    assert headers[SIGNATURE.lower()] == f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
    (told,) = json.loads(body)["alarms"]
    assert (told["kind"], told["occasion"], told["cause"]) == ("refused", "repeated", "Bad login.")
    assert told["subject"]["type"] == "integration"
    assert not AlarmNotice.objects.exists()


def test_many_are_told_in_calls_of_a_hundred(web: Receiver) -> None:
    rule = a_rule(web.url)
    notices(rule, WEBHOOK, count=IN_A_CALL + 1)
    tell(rule.pk)
    assert [len(json.loads(body)["alarms"]) for _, body in web.calls] == [IN_A_CALL, 1]


@pytest.mark.parametrize("status", [500, 404, 307])
def test_a_call_that_fails_is_tried_again_without_naming_the_address(web: Receiver, status: int) -> None:
    rule = a_rule(web.url)
    notices(rule, WEBHOOK)
    web.status = status
    tell(rule.pk)
    rule.refresh_from_db()
    assert f"answered {status}" in rule.webhook_failure
    assert "hush" not in rule.webhook_failure
    assert len(web.calls) == 1  # a redirect is not followed
    web.status = 204
    tell(rule.pk, timezone.now() + timedelta(minutes=1))
    rule.refresh_from_db()
    assert (rule.webhook_failure, AlarmNotice.objects.count()) == ("", 0)


def test_a_call_to_where_nobody_may_connect_is_refused() -> None:
    rule = a_rule("http://169.254.169.254/latest")
    notices(rule, WEBHOOK)
    tell(rule.pk)
    rule.refresh_from_db()
    assert "169.254.169.254" in rule.webhook_failure


def test_one_way_that_fails_does_not_hold_up_the_other(smtp: SmtpServer) -> None:
    rule = a_rule("http://127.0.0.1:1/", emails=["ops@example.com"])
    (one,) = notices(rule, MAIL)
    AlarmNotice.objects.create(alarm=one.alarm, rule=rule, channel=WEBHOOK, occasion=OPENED, due_at=one.due_at)
    tell(rule.pk)
    assert len(smtp.mails) == 1
    assert AlarmNotice.objects.get().channel == WEBHOOK


def test_the_test_of_a_rule(smtp: SmtpServer, web: Receiver) -> None:
    rule = a_rule(web.url, emails=["ops@example.com"])
    assert [one.fault for one in try_rule(rule)] == ["", ""]
    web.status = 500
    assert [bool(one.fault) for one in try_rule(rule)] == [False, True]
    assert json.loads(web.calls[0][1])["alarms"][0]["occasion"] == "test"


def alarm_trigger(**config: Any) -> JSONObject:
    return {"type": "alarm", "config": config, "outputIds": [[]]}


def inbox(workflow_id: str) -> list[TriggerEvent]:
    with closing(sync_client()) as client:
        entries: Any = client.xrange(key("inbox", workflow_id))
    return [TriggerEvent.from_json(fields[b"e"]) for _, fields in entries]


@pytest.mark.parametrize(
    ("config", "occasion", "fires"),
    [
        ({}, OPENED, 1),
        ({}, OVER, 0),
        ({"onOver": True}, OVER, 1),
        ({"onOpen": False}, OPENED, 0),
        ({"kinds": ["refused"]}, OPENED, 1),
        ({"kinds": ["silent"]}, OPENED, 0),
    ],
)
def test_an_alarm_fires_the_triggers_that_want_it(redis_here: RedisServer, config: JSONObject, occasion: str, fires: int) -> None:
    rule = a_rule()
    workflow = factories.workflow(rule.application, triggers=[alarm_trigger(**config)])
    notices(rule, WORKFLOWS, occasion)
    tell(rule.pk)
    events = inbox(workflow.pk)
    assert len(events) == fires
    for event in events:
        trigger = workflow.versions.get().triggers[0]
        assert event.origin is not None
        assert (event.origin.trigger_type, event.origin.trigger_id) == ("alarm", trigger["key"])
        assert event.data["alarm"]["cause"] == "Bad login."  # type: ignore[index,call-overload]
    assert not AlarmNotice.objects.exists()


def test_without_redis_workflows_wait_and_mail_goes_out(smtp: SmtpServer, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    rule = a_rule(emails=["ops@example.com"])
    factories.workflow(rule.application, triggers=[alarm_trigger()])
    (one,) = notices(rule, MAIL)
    AlarmNotice.objects.create(alarm=one.alarm, rule=rule, channel=WORKFLOWS, occasion=OPENED, due_at=one.due_at)
    tell(rule.pk)
    assert len(smtp.mails) == 1
    assert AlarmNotice.objects.get().channel == WORKFLOWS
