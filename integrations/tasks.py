"""Celery tasks of integrations, on the queue `tasks`: what people ask for and wait for."""

import logging
import threading
from collections.abc import Callable
from contextlib import closing

from celery import current_app, shared_task
from django.db import close_old_connections
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from integrations import check_records, trial_records, trial_sending
from integrations.check_records import AskGone, CheckRecord
from integrations.checking import check_in_thread
from integrations.models import Integration
from integrations.runtime.snapshot import Desired, desire
from wegnology.applications.models import Application
from wegnology.lib.check_steps import CheckStep
from wegnology.lib.redis import RedisAway, SyncRedis, sync_client
from wegnology.lib.types import JSONObject

logger = logging.getLogger(__name__)

CHECK_TASK = "integrations.check"
TRIAL_TASK = "integrations.test_message"
Checks = Callable[[Desired, Callable[[CheckStep], None]], bool]


def enqueue_check(check_id: str) -> None:
    """Ask a tasks process for a check that was put down (`check_records.ask`). Raises what `RedisAway` names."""
    _enqueue(CHECK_TASK, check_id, check_records.ASKED_SECONDS)


def enqueue_trial(trial_id: str) -> None:
    """Ask a tasks process to send a test message that was put down (`trial_records.ask`). Raises what `RedisAway` names."""
    _enqueue(TRIAL_TASK, trial_id, trial_records.ASKED_SECONDS)


def _enqueue(task: str, identifier: str, seconds: float) -> None:
    try:
        current_app.send_task(task, args=[identifier], queue="tasks", ignore_result=True, retry=False, expires=seconds)
    except OperationalError as error:
        raise ConnectionError(_("the queue cannot be reached: %(error)s") % {"error": error}) from error


@shared_task(name=CHECK_TASK, ignore_result=True, acks_late=False)
def check(check_id: str) -> None:
    """Run a check that was asked for; its steps go to Redis as they come."""
    try:
        with closing(sync_client(timeout=5.0)) as client:
            perform(client, check_id, check_in_thread)
    except RedisAway as error:
        logger.warning("the check %s cannot be told: %s", check_id, error)
    finally:
        close_old_connections()


@shared_task(name=TRIAL_TASK, ignore_result=True, acks_late=False)
def test_message(trial_id: str) -> None:
    """Send a test message that was asked for."""
    try:
        with closing(sync_client(timeout=5.0)) as client:
            trial_sending.perform(client, trial_id, stored_desired)
    except RedisAway as error:
        logger.warning("what became of the test message %s cannot be told: %s", trial_id, error)
    finally:
        close_old_connections()


def stored_desired(integration_id: str) -> Desired | None:
    """Resolve an integration as it is saved; None when it is gone."""
    row = Integration.objects.filter(pk=integration_id).first()
    return desired_of(row) if row is not None else None


def perform(client: SyncRedis, check_id: str, run: Checks) -> None:
    """Take a check, run it, write down each step. A check that somebody else took is left alone."""
    try:
        record, wanted = check_records.take(client, check_id)
    except AskGone:
        return
    book = _Book(client, record)
    in_time = run(_desired(wanted), book.note)
    book.close(in_time)


def _desired(wanted: JSONObject) -> Desired:
    """Resolve what is to be checked exactly as a listener does."""
    return desired_of(Integration(**wanted, enabled=True))


def desired_of(row: Integration) -> Desired:
    """Resolve a row over what its application holds now, exactly as a listener does."""
    application = Application.objects.prefetch_related("globals", "credentials").get(pk=row.application_id)
    credentials = {one.name: one for one in application.credentials.all()}
    return desire(row, {"globals": application.globals_for_connections()}, credentials)


class _Book:
    """The record of a check under way. Notes come from the thread of the check; after `close` they are ignored."""

    def __init__(self, client: SyncRedis, record: CheckRecord) -> None:
        self._client, self._record = client, record
        self._lock = threading.Lock()
        check_records.write(client, record)

    def note(self, step: CheckStep) -> None:
        """Write down a step."""
        with self._lock:
            if not self._record.over:
                self._record = self._record.with_step(step)
                check_records.write(self._client, self._record)

    def close(self, in_time: bool) -> None:
        """Write down that the check is over."""
        with self._lock:
            for step in self._record.steps:
                if not in_time and step.state in ("running", "waiting"):
                    late = step.state == "running"
                    detail = _("It did not end in time and was left to itself.") if late else ""
                    self._record = self._record.with_step(step._replace(state="failed" if late else "skipped", detail=detail))
            self._record = self._record.ended()
            check_records.write(self._client, self._record)
