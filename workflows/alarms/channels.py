"""The ways out: mail, webhook, workflows. Each tells all it is given, or raises `NotTold` with a sentence for people.

A webhook is called with POST and JSON: `{"alarms": [...], "sentAt": ..., "id": ...}`, at most a hundred alarms in a call. The
header `X-Wegnology-Signature: sha256=<hex>` is HMAC-SHA256 over the body with the rule's key. An answer of 2xx is a success;
redirects are not followed: a signed call goes where it was meant to go or nowhere. Every address is judged like those of
integrations.
"""

import asyncio
import hashlib
import hmac
import smtplib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime

import orjson
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db.models import Prefetch
from django.utils.translation import gettext as _
from pydantic import ValidationError

from integrations.events import EventKind, Origin, TriggerEvent
from integrations.runtime.depositing import SIGNAL, Deposit, deposit
from integrations.runtime.limits import Limits
from wegnology.lib.crypto import KeyMissing, SealBroken
from wegnology.lib.egress_guard import GuardedLoop
from wegnology.lib.http_fetch import Fetch, Fetched, Fetcher, FetchFailed
from wegnology.lib.ids import new_id
from wegnology.lib.redis import RedisAway, sync_client
from wegnology.lib.types import JSONObject
from workflows.alarms.keeping import OVER
from workflows.alarms.wording import alarm_data, mail_text, subject_line
from workflows.erring import derived_id
from workflows.models import DEVELOP, AlarmNotice, AlarmRule, Workflow, WorkflowVersion
from workflows.triggers import ALARM, AlarmConfig

SECONDS = 10.0
IN_A_CALL = 100
SIGNATURE = "X-Wegnology-Signature"


class NotTold(Exception):
    """It could not be told; the text says why and what to do, without secrets."""


def mail(rule: AlarmRule, notices: Sequence[AlarmNotice]) -> None:
    """Send one mail about all of them to everybody who is told."""
    send_mail(rule.emails, subject_line(rule, notices), mail_text(rule, notices))


def send_mail(to: Sequence[str], subject: str, text: str) -> None:
    """Send a mail by the installation's server. Raises `NotTold`."""
    if not settings.MAIL_CONFIGURED:
        raise NotTold(_("This installation has no mail server: an operator sets EMAIL_URL."))
    message = EmailMessage(subject, text, to=list(to), headers={"Auto-Submitted": "auto-generated"})
    try:
        with get_connection(timeout=SECONDS) as connection:
            connection.send_messages([message])
    except smtplib.SMTPRecipientsRefused as error:
        raise NotTold(
            _("The mail server refuses %(recipients)s.") % {"recipients": ", ".join(sorted(error.recipients))[:300]}
        ) from None
    except smtplib.SMTPAuthenticationError:
        raise NotTold(_("The mail server refuses the login of EMAIL_URL.")) from None
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise NotTold(
            _("The mail server did not take it: %(name)s: %(error)s") % {"name": type(error).__name__, "error": str(error)[:200]}
        ) from None


def call(rule: AlarmRule, notices: Sequence[AlarmNotice]) -> None:
    """Call the rule's webhook."""
    for first in range(0, len(notices), IN_A_CALL):
        send_call(rule, [alarm_data(one.alarm, one.occasion) for one in notices[first : first + IN_A_CALL]])


def send_call(rule: AlarmRule, alarms: Sequence[JSONObject]) -> None:
    """Call the rule's webhook once, signed. Raises `NotTold`."""
    try:
        url, key = rule.receiver()
    except (KeyMissing, SealBroken) as error:
        raise NotTold(_("The address of the webhook cannot be opened: %(error)s.") % {"error": error}) from None
    sent = datetime.now().astimezone().isoformat()
    body = orjson.dumps({"id": new_id(), "sentAt": sent, "ruleId": rule.pk, "alarms": list(alarms)})
    signature = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "User-Agent": "WEGnology", SIGNATURE: f"sha256={signature}"}
    wanted = Fetch("POST", url, headers, body, follow=False, seconds=SECONDS)
    try:
        with asyncio.Runner(loop_factory=GuardedLoop) as runner:
            answer = runner.run(_fetch(rule.pk, wanted))
    except FetchFailed as error:
        raise NotTold(_("The webhook could not be called: %(error)s.") % {"error": error}) from None
    if not 200 <= answer.status < 300:
        raise NotTold(_("The webhook answered %(status)s in place of 2xx.") % {"status": answer.status})


async def _fetch(owner: str, wanted: Fetch) -> Fetched:
    """Ask, and close the line."""
    fetcher = Fetcher()
    closer = asyncio.create_task(fetcher.run())
    try:
        return await fetcher.fetch(owner, wanted)
    finally:
        await asyncio.sleep(0)  # a task that never began would not close anything
        closer.cancel()
        await asyncio.wait([closer])


def start(rule: AlarmRule, notices: Sequence[AlarmNotice]) -> None:
    """Start the workflows of the application that have an alarm trigger for this kind. Raises `NotTold`."""
    listening = list(_listening(rule.application_id))
    wanted = [
        (one, workflow_id, key)
        for one in notices
        for workflow_id, key, config in listening
        if config.covers(rule.kind, one.occasion == OVER)
    ]
    if not wanted:
        return
    limits = Limits.from_settings()
    try:
        with closing(sync_client(timeout=5.0)) as client:
            for notice, workflow_id, key in wanted:
                event = _event(notice, workflow_id, key)
                once = (f"alarm:{notice.pk}:{workflow_id}:{key}", 1)
                if not deposit(client, Deposit(workflow_id, event, SIGNAL, once), limits):
                    raise NotTold(_("A workflow has no room in its inbox."))
    except RedisAway as error:
        raise NotTold(_("Redis cannot be reached: %(error)s.") % {"error": error}) from None


def _event(notice: AlarmNotice, workflow_id: str, key: str) -> bytes:
    """Return the event of one trigger: the same id however often it is put there."""
    identifier = derived_id(str(notice.pk), notice.alarm_id, workflow_id, key)
    data: JSONObject = {"alarm": alarm_data(notice.alarm, notice.occasion)}
    at = int(notice.due_at.timestamp() * 1000)
    return TriggerEvent(identifier, EventKind.MESSAGE, at, data, origin=Origin(ALARM, key, "alarm", notice.alarm_id)).to_json()


def _listening(application_id: str) -> Iterator[tuple[str, str, AlarmConfig]]:
    """Yield the alarm triggers of live versions: workflow, key, settings; three queries at most."""
    develop = Prefetch("versions", WorkflowVersion.objects.filter(name=DEVELOP), to_attr="develop")
    rows = Workflow.objects.filter(application_id=application_id, enabled=True).select_related("default_version")
    for row in rows.prefetch_related(develop):
        version = row.default_version or next(iter(row.develop), None)
        if version is not None and version.enabled:
            yield from ((row.pk, key, config) for key, config in _triggers(version.triggers))


def _triggers(triggers: Iterable[object]) -> Iterator[tuple[str, AlarmConfig]]:
    for raw in triggers:
        if isinstance(raw, dict) and raw.get("type") == ALARM and isinstance(raw.get("key"), str):
            try:
                yield raw["key"], AlarmConfig.model_validate(raw.get("config") or {})
            except ValidationError:
                continue  # the workflow's page says what is wrong with it
