"""Celery's door to the engine."""

import asyncio
import logging

from celery import shared_task
from django.db import close_old_connections

from integrations.runtime.dispatch import DRAIN_TASK
from workflows import bootstep
from workflows.alarms import telling
from workflows.alarms.watching import TELL_TASK

logger = logging.getLogger(__name__)

HAND_OVER_SECONDS = 10.0


@shared_task(name=DRAIN_TASK, ignore_result=True, acks_late=False)
def drain(partition: int) -> None:
    """Hand a partition that has work to the engine of this process, and return at once."""
    engine, loop = bootstep.running()
    if engine is None or loop is None:
        logger.warning("this process runs no engine; the sweeper asks again for partition %d", partition)
        return
    asyncio.run_coroutine_threadsafe(engine.take(partition), loop).result(HAND_OVER_SECONDS)


@shared_task(name=TELL_TASK, ignore_result=True, acks_late=False)
def tell_alarms(rule_id: str) -> None:
    """Tell people and programs what is due of a rule. It may take as long as their servers do."""
    try:
        telling.tell(rule_id)
    finally:
        close_old_connections()
