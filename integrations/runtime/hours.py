"""Ledger hours on their way into the database, and from there into the usage of applications.

Counts are absolute, so writing an hour twice changes nothing; usage gets what is new against the stored hour, in the same
transaction. An hour remembers its application, which is known while the integration exists.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from django.db import transaction

from integrations.models import LedgerHour
from integrations.runtime import sources
from wegnology.applications import usage
from wegnology.applications.usage import Amount, Bucket

Place = tuple[str, datetime]
LIMIT = "dropped:limit"
"""How the ledger counts what a payload limit turned away."""


def store(rows: Sequence[LedgerHour]) -> None:
    """Write hours, and what is new in them into the usage."""
    ids = {row.integration_id for row in rows}
    with transaction.atomic():
        known = sources.owners(ids)
        known = {**_remembered(ids - known.keys()), **known}
        for row in rows:
            row.application_id = known.get(row.integration_id, "")
        buckets = {_place(row): _bucket(row) for row in rows if row.application_id}
        usage.lock(buckets.values())
        before = _stored(ids, {row.hour for row in rows})
        LedgerHour.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["integration_id", "hour"],
            update_fields=["counts", "application_id", "unended", "unsent"],
        )
        usage.add(_new(rows, before, buckets))


def _place(row: LedgerHour) -> Place:
    return row.integration_id, row.hour


def _bucket(row: LedgerHour) -> Bucket:
    return Bucket(row.application_id, row.hour.astimezone(UTC).date())


def _remembered(ids: set[str]) -> dict[str, str]:
    """Return the applications of integrations that are gone, as their hours remember them."""
    if not ids:
        return {}
    rows = LedgerHour.objects.filter(integration_id__in=ids).exclude(application_id="").order_by()
    return dict(rows.values_list("integration_id", "application_id").distinct())


def _stored(ids: set[str], hours: set[datetime]) -> dict[Place, Mapping[str, int]]:
    rows = LedgerHour.objects.filter(integration_id__in=ids, hour__in=hours)
    return {(pk, hour): counts for pk, hour, counts in rows.values_list("integration_id", "hour", "counts")}


def _new(
    rows: Sequence[LedgerHour], before: Mapping[Place, Mapping[str, int]], buckets: Mapping[Place, Bucket]
) -> dict[Bucket, Amount]:
    amounts: dict[Bucket, Amount] = {}
    for row in rows:
        bucket = buckets.get(_place(row))
        if bucket is None:
            continue
        new, old = _amount(row.counts), _amount(before.get(_place(row), {}))
        known = amounts.get(bucket, Amount(0, 0))
        payloads, dropped = max(new.payloads - old.payloads, 0), max(new.dropped - old.dropped, 0)
        amounts[bucket] = Amount(known.payloads + payloads, known.dropped + dropped)
    return amounts


def _amount(counts: Mapping[str, int]) -> Amount:
    turned_away = counts.get(LIMIT, 0)
    return Amount(counts.get("messages", 0) - turned_away, turned_away)
