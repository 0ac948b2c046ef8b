"""Celery's queues in a Redis of the tests: whoever asks for a worker there waits for no broker that is not."""

from collections.abc import Iterator
from contextlib import contextmanager

from kombu import pools

from wegnology.celery import app


@contextmanager
def celery_at(url: str) -> Iterator[None]:
    """Let Celery's queues be in this Redis for as long as the context lasts."""
    before = app.conf.broker_url
    _move(url)
    try:
        yield
    finally:
        _move(before)


def _move(url: str) -> None:
    app.conf.update(broker_url=url)
    pools.reset()
    app._after_fork()  # type: ignore[attr-defined]
