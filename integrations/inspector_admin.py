"""The pages of the message inspector: the last messages of an integration, followed live, searched, decoded.

Without a script the list is what it was when the page was loaded, with a button to look again. Whoever may see the integration
may see its messages.
"""

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from integrations.inspection import (
    ENDED,
    WAITING,
    Inspection,
    Message,
    find_message,
    is_kept,
    matching,
    read_inspection,
    views,
)
from integrations.ledger_admin import LedgerPages
from integrations.models import Integration
from integrations.runtime import sources
from integrations.wording import span
from wegnology.lib.redis import RedisAway

_PAGE = "integrations_integration_messages"
OUTCOMES = (WAITING, "finished", "unmatched", "parked", "dropped", ENDED)
_TONES = {"finished": "success", "parked": "warning", "dropped": "danger", WAITING: "info"}
_WORDS = {"unmatched": gettext_noop("no workflow"), ENDED: gettext_noop("ended")}
PREVIEW = 160


class InspectorPages(LedgerPages):
    """Adds the pages to those of integrations."""

    class Media:
        js = ("wegnology/messages.js",)

    def get_urls(self) -> list[URLPattern]:
        """Add the addresses of the pages."""
        wrap = self.admin_site.admin_view
        return [
            path("<str:object_id>/messages/", wrap(self.messages_view), name=_PAGE),
            path("<str:object_id>/messages/rows", wrap(self.rows_view), name=f"{_PAGE}_rows"),
            path("<str:object_id>/messages/<str:event_id>/", wrap(self.message_view), name=f"{_PAGE[:-1]}"),
            *super().get_urls(),
        ]

    def _row(self, request: HttpRequest, object_id: str) -> Integration:
        row: Integration | None = self.get_object(request, object_id)
        if row is None:
            raise Http404("There is no such integration")
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        return row

    def messages_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the last messages."""
        row = self._row(request, object_id)
        text, outcome = _asked(request)
        title = _("Messages of %(name)s") % {"name": row.name}
        context = {
            "text": text,
            "outcome": outcome,
            "outcomes": [(name, _WORDS.get(name, name)) for name in OUTCOMES],
            "kept": is_kept(),
            "most": settings.INSPECT_MESSAGES,
            "per_second": settings.INSPECT_PER_SECOND,
            "rows_url": f"{reverse(f'admin:{_PAGE}_rows', args=[row.pk])}?{request.GET.urlencode()}",
        }
        try:
            inspection = read_inspection(row.pk)
        except RedisAway:
            return self.tab_page(request, row, "messages", title, **context, away=True)
        shown = matching(inspection.messages, text, outcome)
        more = {"place": inspection.place, "rows": _rows(row, shown), "total": len(inspection.messages)}
        return self.tab_page(request, row, "messages", title, **context, **more)

    def rows_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Return what is new to whoever follows: each message as a row, newest first; nothing while nothing is new."""
        row = self._row(request, object_id)
        text, outcome = _asked(request)
        try:
            inspection = read_inspection(row.pk)
        except RedisAway:
            return JsonResponse({"error": _("Redis cannot be reached.")}, status=503)
        if request.GET.get("place") == inspection.place:
            return JsonResponse({"place": inspection.place})
        rows = _rows(row, matching(inspection.messages, text, outcome))
        html = [{"id": one["id"], "html": render_to_string("pages/message_row.html", {"row": one})} for one in rows]
        return JsonResponse({"place": inspection.place, "rows": html, "total": len(inspection.messages)})

    def message_view(self, request: HttpRequest, object_id: str, event_id: str) -> HttpResponse:
        """Show one message decoded, with what ran and what took how long."""
        row = self._row(request, object_id)
        title = _("Message of %(name)s") % {"name": row.name}
        try:
            message = find_message(read_inspection(row.pk), event_id)
        except RedisAway:
            return self.tab_page(request, row, "message", title, away=True)
        if message is None:
            gone = self.tab_page(request, row, "message", title)
            gone.status_code = 404
            return gone
        names = sources.names({run.workflow_id for run in message.runs} | {sent.integration_id for sent in message.sends})
        context = {
            "message": message,
            "row": _shown(row, message),
            "views": views(message, request.GET.get("as", "")),
            "runs": [
                (run, names.get(run.workflow_id, _("deleted")), self.workflow_address(run.workflow_id, names))
                for run in message.runs
            ],
            "sends": [(sent, names.get(sent.integration_id, "deleted")) for sent in message.sends],
            **self.message_context(request, row, message),
        }
        return self.tab_page(request, row, "message", title, **context)

    def workflow_address(self, workflow_id: str, known: Collection[str]) -> str:
        """Return where the page of a workflow is, if it is among those that are known; packages above have such pages."""
        return ""

    def message_context(self, request: HttpRequest, row: Integration, message: Message) -> dict[str, Any]:
        """Return what packages above can do with a message."""
        return {}


def _asked(request: HttpRequest) -> tuple[str, str]:
    outcome = request.GET.get("outcome", "")
    return request.GET.get("q", "").strip()[:200], outcome if outcome in OUTCOMES else ""


def _rows(integration: Integration, messages: list[Message]) -> list[dict[str, Any]]:
    return [_shown(integration, message) for message in messages]


def _shown(integration: Integration, message: Message) -> dict[str, Any]:
    """Return what a row shows of a message."""
    kind, _dot, reason = message.outcome.partition(":")
    times = (message.throttle_ms or None, message.queue_ms, message.run_ms, message.send_ms)
    names = (_("throttle"), _("queue"), _("run"), _("send"))
    return {
        "id": message.event_id,
        "url": reverse(f"admin:{_PAGE[:-1]}", args=[integration.pk, message.event_id]),
        "accepted_ms": message.accepted_ms,
        "kind": message.kind,
        "topic": message.topic,
        "preview": _preview(message),
        "tone": _TONES.get(kind, "muted"),
        "outcome": ": ".join(_(part) for part in (_WORDS.get(kind, kind), reason) if part),
        "times": ", ".join(f"{name} {_took(took)}" for name, took in zip(names, times, strict=True) if took is not None),
        "runs": len(message.runs),
        "size": message.size,
        "cut": message.cut,
        "skipped": message.skipped_before,
    }


def _took(milliseconds: int) -> str:
    return f"{milliseconds} ms" if milliseconds < 10_000 else span(milliseconds)


def _preview(message: Message) -> str:
    """Return the beginning of what is most likely the body: the longest text that is not the topic."""
    texts = [
        value for name, value in message.data.items() if isinstance(value, str) and name not in ("topic", "type", "encoding")
    ]
    return max(texts, key=len, default="")[:PREVIEW]


__all__ = ["Inspection", "InspectorPages"]
