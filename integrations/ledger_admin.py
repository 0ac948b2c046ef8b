"""The page of an integration's ledger: what became of everything, for a day, a week or as long as it is kept."""

import time
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from integrations.balance import Imbalance, imbalances
from integrations.chart import chart, day_chart
from integrations.ledger_reading import by_day, read_ledger_of, sent_by_day
from integrations.models import Integration
from integrations.panel import flow_panel
from integrations.runtime.ledger import SentLine
from integrations.trial_admin import TrialPages
from wegnology.lib.redis import RedisAway

NAME = "integrations_integration_ledger"


class LedgerPages(TrialPages):
    """Adds the page to those of integrations."""

    def get_urls(self) -> list[URLPattern]:
        """Add the address of the page."""
        view = self.admin_site.admin_view(self.ledger_view)
        return [path("<str:object_id>/ledger/", view, name=NAME), *super().get_urls()]

    def ledger_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the ledger of one integration to who may see the integration."""
        row: Integration | None = self.get_object(request, object_id)
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        context = {"flow": flow_panel(row), **self.parked_context(row), **_ledger(row, _days(request.GET.get("days", "")))}
        return self.tab_page(request, row, "ledger", _("Throughput and ledger of %(name)s") % {"name": row.name}, **context)

    def parked_context(self, row: Integration) -> dict[str, Any]:
        """Return what packages above know of its parked runs."""
        return {}


def spans() -> list[int]:
    """Return the spans in days that are offered."""
    return sorted({days for days in (1, 7, settings.LEDGER_DAYS) if days <= settings.LEDGER_DAYS})


def _days(text: str) -> int:
    return int(text) if text.isdecimal() and int(text) in spans() else spans()[0]


def _ledger(row: Integration, days: int) -> dict[str, Any]:
    now_ms = int(time.time() * 1000)
    ledger = read_ledger_of([row.pk], 24 * days)
    received, sent = ledger.received, ledger.sent
    if days == 1:
        charts = chart(received, now_ms), chart(sent, now_ms, 24, SentLine)
    else:
        received, sent = by_day(received), sent_by_day(sent)
        charts = day_chart(received, now_ms, days), day_chart(sent, now_ms, days, SentLine)
    return {
        "days": days,
        "spans": spans(),
        "received_chart": charts[0],
        "received": received,
        "sent_chart": charts[1],
        "sent": sent,
        "stored": ledger.stored,
        "faults": _faults(row),
    }


def _faults(row: Integration) -> list[Imbalance]:
    try:
        return imbalances([row.pk])
    except RedisAway:
        return []
