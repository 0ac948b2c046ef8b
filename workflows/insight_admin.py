"""Pages of a workflow that show what it did: its last runs, debug values, errors, and counts by the hour.

Whoever may look at the workflow may look at these; recording debug values is switched on by who may change it. A script shows
debug values as they come; without it the page is loaded again.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from integrations.live import outage
from integrations.runtime import sources
from wegnology.applications.owned_admin import OwnedAdmin
from wegnology.lib.redis import RedisAway
from workflows.drawing_admin import draw_version
from workflows.insight import reading, watching
from workflows.insight.runs import Run
from workflows.insight_views import chosen, milliseconds, periods, readable_hit, run_chart, shown_run, window
from workflows.models import Workflow
from workflows.version_panel import changed_since

_PAGE = "workflows_workflow"
_FOLDER = "admin/workflows/workflow"
View = Callable[..., HttpResponse]


class InsightPages(OwnedAdmin):
    """What the pages of workflows show of runs."""

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of runs, debug values, errors and counts."""
        shown: dict[str, View] = {
            "runs/": self._runs,
            "runs/<str:run_id>/": self._run,
            "runs/<str:run_id>/path": self._path,
            "pressed/<str:event_id>/": self._pressed,
            "debug/": self._debug,
            "debug/hits": self._hits,
            "errors/": self._errors,
            "statistics/": self._statistics,
        }
        names = ("runs", "run", "run_path", "pressed", "debug", "debug_hits", "errors", "statistics")
        own = [self._route(place, name, view) for name, (place, view) in zip(names, shown.items(), strict=True)]
        watch = self.admin_site.admin_view(require_POST(partial(self._for_row, self._watch, "change")))
        return [*own, path("<str:object_id>/watch/", watch, name=f"{_PAGE}_watch"), *super().get_urls()]

    def _route(self, place: str, name: str, view: View) -> URLPattern:
        shown = self.admin_site.admin_view(require_safe(partial(self._for_row, view, "view")))
        return path(f"<str:object_id>/{place}", shown, name=f"{_PAGE}_{name}")

    def _for_row(self, view: View, action: str, request: HttpRequest, object_id: str, **words: str) -> HttpResponse:
        """Answer for a workflow that this person may see, or change."""
        row = self.get_object(request, object_id)
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        if not self.allowed(request, action, row):
            raise PermissionDenied
        return view(request, row, **words)

    def _page(self, request: HttpRequest, row: Workflow, name: str, title: str, **context: Any) -> HttpResponse:
        shared = {
            **self.admin_site.each_context(request),
            "title": f"{row.name}: {title}",
            "opts": self.opts,
            "original": row,
            "tab": name,
            "recorded": settings.INSIGHT,
        }
        return TemplateResponse(request, f"{_FOLDER}/{name}.html", shared | context)

    def _runs(self, request: HttpRequest, row: Workflow) -> HttpResponse:
        """Show the last runs."""
        only = request.GET.get("outcome", "")
        try:
            found = reading.last_runs(row.pk, {"failed": True, "finished": False}.get(only))
        except RedisAway:
            return self._page(request, row, "runs", _("runs"), away_since=outage.seen())
        if event := request.GET.get("event", ""):
            found = [run for run in found if run.event_id == event]
        names = {"only": only, "event": event, "kept": settings.RUNS_KEPT, "samples": settings.RUN_SAMPLES}
        return self._page(request, row, "runs", _("runs"), runs=_shown(row, found), **names)

    def _run(self, request: HttpRequest, row: Workflow, run_id: str) -> HttpResponse:
        """Show one run with its way through the nodes."""
        run = _found(row, run_id)
        (shown,) = _shown(row, [run])
        version = row.versions.filter(pk=run.version_id).first()
        visits = [(visit.node_id, visit.output) for visit in run.visits]
        failed = run.failure.node_id if run.failure else ""
        way = {"visits": visits, "failed": failed, "began": (run.trigger, run.source_id)}
        picture = draw_version(version, **way) if version else None
        parked = reverse("admin:workflows_parkedrun_changelist") + f"?q={shown.run.event_id}"
        context = {"parked_url": parked, "picture": picture, "version": version}
        changed = changed_since(version, shown.started) if version else None
        return self._page(request, row, "run", _("run"), shown=shown, changed=changed, **context)

    def _path(self, request: HttpRequest, row: Workflow, run_id: str) -> HttpResponse:
        """Return one run for a script: node ids in order, times, the error."""
        return JsonResponse(_found(row, run_id).as_json())

    def _pressed(self, request: HttpRequest, row: Workflow, event_id: str) -> HttpResponse:
        """Lead to the run of an event as soon as it is there; a script asks again, without it there is a link."""
        try:
            run = next((run for run in reading.last_runs(row.pk) if run.event_id == event_id), None)
        except RedisAway:
            return self._page(request, row, "pressed", _("pressed"), away_since=outage.seen())
        if run is not None:
            return redirect(f"admin:{_PAGE}_run", row.pk, run.id)
        return self._page(request, row, "pressed", _("pressed"), event=event_id)

    def _debug(self, request: HttpRequest, row: Workflow) -> HttpResponse:
        """Show debug values."""
        try:
            until, found = watching.watched_until(row.pk), watching.hits(row.pk)
        except RedisAway:
            return self._page(request, row, "debug", _("debug"), away_since=outage.seen())
        context = {
            "until": until,
            "hits": [readable_hit(hit) for hit in reversed(found)],
            "last": found[-1].id if found else "",
            "may_watch": self.allowed(request, "change", row),
            "minutes": settings.DEBUG_MINUTES,
        }
        return self._page(request, row, "debug", _("debug"), **context)

    def _hits(self, request: HttpRequest, row: Workflow) -> HttpResponse:
        """Return the debug values after the last one known, for the script."""
        try:
            until, found = watching.watched_until(row.pk), watching.hits(row.pk, request.GET.get("after", ""))
        except ValueError as error:
            return JsonResponse({"error": str(error)}, status=400)
        except RedisAway:
            return JsonResponse({"error": _("Redis cannot be reached")}, status=503)
        html = render_to_string(
            "pages/debug_hits.html", {"hits": [readable_hit(hit) for hit in reversed(found)], "original": row}
        )
        last = found[-1].id if found else request.GET.get("after", "")
        return JsonResponse({"html": html, "last": last, "watching": until is not None, "hits": [hit.as_json() for hit in found]})

    def _watch(self, request: HttpRequest, row: Workflow) -> HttpResponse:
        """Begin or end to record debug values."""
        try:
            if request.POST.get("stop"):
                watching.unwatch(row.pk)
            else:
                watching.watch(row.pk)
        except RedisAway as error:
            messages.error(
                request,
                _("Nothing is recorded: Redis cannot be reached (%(error)s). Try again when it is back.") % {"error": error},
            )
        except watching.TooManyWatched as error:
            messages.error(request, str(error))
        return redirect(f"admin:{_PAGE}_debug", row.pk)

    def _errors(self, request: HttpRequest, row: Workflow) -> HttpResponse:
        """Show errors by kind."""
        period = chosen(periods(), request.GET.get("period", ""))
        lines = reading.errors(row.pk, *window(period, timezone.now()))
        context = {"period": period, "periods": periods().values(), "lines": lines, "count": sum(one.count for one in lines)}
        return self._page(request, row, "errors", _("errors"), versions=_versions(row), **context)

    def _statistics(self, request: HttpRequest, row: Workflow) -> HttpResponse:
        """Show counts by the hour."""
        period = chosen(periods(), request.GET.get("period", ""))
        lines = reading.stats(row.pk, *window(period, timezone.now()), step=period.step)
        total = reading.total(lines)
        context = {"period": period, "periods": periods().values(), "total": total, "mean": milliseconds(total.mean_ms)}
        told = [(line, milliseconds(line.mean_ms)) for line in reversed(lines) if line.runs]
        return self._page(request, row, "statistics", _("statistics"), chart=run_chart(lines, period), lines=told, **context)


def _found(row: Workflow, run_id: str) -> Run:
    try:
        run = reading.find_run(row.pk, run_id)
    except RedisAway:
        raise Http404(_("Redis cannot be reached")) from None
    if run is None:
        raise Http404(_("This run is not kept, or not any more"))
    return run


def _versions(row: Workflow) -> dict[str, str]:
    return dict(row.versions.values_list("pk", "name"))


def _shown(row: Workflow, found: list[Run]) -> list[Any]:
    versions, names = _versions(row), sources.names({run.source_id for run in found})
    return [shown_run(run, versions, names) for run in found]
