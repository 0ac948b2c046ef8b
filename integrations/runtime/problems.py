"""What is wrong with a connection although it works: the rules by which one is *degraded*."""

from collections.abc import Iterator

from django.conf import settings

from integrations.runtime.send_faults import SendFault
from integrations.runtime.status import Status

LONG_MS = 60_000
"""Throttled, or waiting to be run, for so long is told."""
NEARLY_FULL = 0.8
SHOWN = 5


def problems_of(status: Status, send_fault: SendFault | None, now_ms: int, storage_fault: str) -> list[str]:
    """Return what is wrong, a sentence each, the gravest first."""
    return [text for text in _found(status, send_fault, now_ms, storage_fault) if text]


def _found(status: Status, send_fault: SendFault | None, now_ms: int, storage_fault: str) -> Iterator[str]:
    yield storage_fault
    yield status.degraded or _refused(status)
    if send_fault is not None:
        yield f"The last {send_fault.number} messages could not be sent: {send_fault.latest}"
    yield _delay(status, now_ms)
    share = status.flow.waiting / settings.INBOX_EVENTS
    if share >= NEARLY_FULL:
        yield f"The inbox is {share:.0%} full: {status.flow.waiting:,} of {settings.INBOX_EVENTS:,} messages wait in it."
    if status.lagging_ms:
        total = sum(status.backlog.values())
        minutes = (now_ms - status.lagging_ms) // 60_000
        yield f"More and more messages wait at the source: {total:,}, growing for {minutes} min."


def _refused(status: Status) -> str:
    refused = [str(row.get("topic")) for row in status.subscriptions if not row.get("granted")]
    if not refused:
        return ""
    named = ", ".join(refused[:SHOWN]) + (f" and {len(refused) - SHOWN} more" if len(refused) > SHOWN else "")
    return f"{len(refused)} of {len(status.subscriptions)} topics refused: {named}."


def _delay(status: Status, now_ms: int) -> str:
    flow = status.flow
    age = now_ms - flow.oldest_ms if flow.oldest_ms else 0
    if flow.throttled_ms and now_ms - flow.throttled_ms >= LONG_MS:
        return (
            f"Throttled for {(now_ms - flow.throttled_ms) // 1000:,} s: more come than the {flow.limit_per_second:g} a second "
            f"that may start; {flow.waiting:,} wait, the oldest for {age // 1000:,} s."
        )
    if age >= LONG_MS and not flow.throttled_ms:
        return f"Messages wait to be run, {flow.waiting:,} of them, the oldest for {age // 1000:,} s."
    return ""
