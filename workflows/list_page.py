"""The list of workflows: what starts each, its last run, runs and failures of the last hours, read for a whole page at once."""

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.list_page import spark_html
from integrations.live import outage
from integrations.models import Integration
from integrations.runtime.keys import key
from integrations.wording import ago
from wegnology.applications.owned_admin import OwnedAdmin
from wegnology.lib.badges import Badge, badge_html
from wegnology.lib.redis import RedisAway, sync_client
from wegnology.lib.theme import ChangeList
from workflows.graph import INTEGRATION
from workflows.insight.records import RunHour
from workflows.insight.runs import Run
from workflows.models import DEVELOP, Workflow, WorkflowVersion
from workflows.trigger_words import trigger_words

HOURS = 24
SPARK_HOURS = 12
TRIGGERS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Shown:
    """What a row shows. `triggers` are what starts the live version, in words; `hours` runs by the hour, the newest last.

    Without `known` nobody can say when the last run was: Redis is away.
    """

    triggers: list[str]
    last: Run | None
    runs: int
    failed: int
    hours: tuple[int, ...]
    known: bool = True


class WorkflowList(ChangeList):
    """A page of workflows with what they did: no query or round trip a row."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page's rows, then everything about them at once."""
        super().get_results(request)
        rows: list[Workflow] = list(self.result_list)
        self.result_list = rows
        ids = [row.pk for row in rows]
        triggers, counted = triggers_of(rows), runs_by_hour(ids)
        last, self.away_since = last_runs_of(ids)
        for row in rows:
            runs, failed, hours = counted.get(row.pk, (0, 0, (0,) * SPARK_HOURS))
            found = Shown(triggers.get(row.pk, []), last.get(row.pk), runs, failed, hours, self.away_since is None)
            row.shown = found  # type: ignore[attr-defined]


def triggers_of(rows: Sequence[Workflow]) -> dict[str, list[str]]:
    """Return what starts the live version of each, in words; two queries."""
    wanted = {row.default_version_id for row in rows if row.default_version_id}
    live = WorkflowVersion.objects.filter(workflow__in=rows).order_by().only("workflow_id", "name", "triggers")
    chosen = {row.pk: row.default_version_id for row in rows}
    found: dict[str, list[Any]] = {}
    for version in live:
        is_live = version.pk in wanted if chosen[version.workflow_id] else version.name == DEVELOP
        if is_live and isinstance(version.triggers, list):
            found[version.workflow_id] = [raw for raw in version.triggers if isinstance(raw, dict)]
    keys = {str(raw.get("key")) for triggers in found.values() for raw in triggers if raw.get("type") == INTEGRATION}
    names = dict(Integration.objects.filter(pk__in=keys).values_list("pk", "name"))
    return {pk: list(dict.fromkeys(_said(raw, names) for raw in triggers)) for pk, triggers in found.items()}


def _said(raw: Mapping[str, Any], names: Mapping[str, str]) -> str:
    if raw.get("type") == INTEGRATION:
        return names.get(str(raw.get("key")), _("an integration that is gone"))
    return trigger_words(raw.get("type"))


def last_runs_of(ids: Sequence[str]) -> tuple[dict[str, Run], datetime | None]:
    """Return the latest run that is kept of each, in one round trip; while Redis is away nothing, and since when it is."""
    names = [key(kind, pk) for pk in ids for kind in ("runs", "failures")]
    try:
        with closing(sync_client()) as client, client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.lindex(name, 0)
            answers = pipe.execute()
    except RedisAway:
        return {}, outage.seen()
    outage.over()
    found = {}
    for at, pk in enumerate(ids):
        runs = [Run.from_json(text) for text in answers[at * 2 : at * 2 + 2] if text]
        if runs:
            found[pk] = max(runs, key=lambda run: run.started_ms)
    return found, None


def runs_by_hour(ids: Sequence[str]) -> dict[str, tuple[int, int, tuple[int, ...]]]:
    """Return runs and failures of a day, and the runs in each of the last hours; one query."""
    newest = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    rows = RunHour.objects.filter(workflow_id__in=ids, hour__gt=newest - timedelta(hours=HOURS)).order_by()
    found: dict[str, tuple[int, int, list[int]]] = {}
    for pk, hour, runs, failed in rows.values_list("workflow_id", "hour", "runs", "failed"):
        all_runs, all_failed, hours = found.get(pk, (0, 0, [0] * SPARK_HOURS))
        back = int((newest - hour).total_seconds() // 3600)
        if 0 <= back < SPARK_HOURS:
            hours[SPARK_HOURS - 1 - back] += runs
        found[pk] = (all_runs + runs, all_failed + failed, hours)
    return {pk: (runs, failed, tuple(hours)) for pk, (runs, failed, hours) in found.items()}


def last_html(run: Run | None) -> SafeString:
    """Say when the last run was and how it ended."""
    if run is None:
        return SafeString("—")
    when = ago(run.started_ms, int(time.time() * 1000))
    if run.failure is None:
        return badge_html(Badge("check_circle", when, "success"))
    return badge_html(Badge("error", when, "danger", run.failure.message[:120]))


def listed(words: Iterable[str], shown: int = TRIGGERS_SHOWN) -> SafeString:
    """Return the first words, and how many more there are."""
    all_words = list(words)
    text = format_html_join(", ", "{}", ((word,) for word in all_words[:shown]))
    more = len(all_words) - shown
    return format_html("{} {}", text, _("and %(count)s more") % {"count": more}) if more > 0 else text or SafeString("—")


class ListPages(OwnedAdmin):
    """List of workflows."""

    list_before_template = "pages/redis_away.html"
    list_display = ("name", "triggers_", "live_version", "enabled", "last_run", "hours", "failures")
    list_select_related = ("application", "default_version")
    list_filter = ("enabled", "application")
    list_per_page = 50
    search_fields = ("name", "id", "description")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[WorkflowList]:
        """Use the list that reads what workflows did."""
        return WorkflowList

    @admin.display(description=gettext_lazy("Started by"))
    def triggers_(self, row: Any) -> SafeString:
        """Return what starts it."""
        return listed(row.shown.triggers)

    @admin.display(description=gettext_lazy("Live version"))
    def live_version(self, row: Workflow) -> str:
        """Return the version that triggers fire."""
        return row.default_version.name if row.default_version else DEVELOP

    @admin.display(description=gettext_lazy("Last run"))
    def last_run(self, row: Any) -> SafeString:
        """Return when it last ran, and how that ended."""
        return last_html(row.shown.last) if row.shown.known else format_html("{}", _("unknown"))

    @admin.display(description=gettext_lazy("Last hours"))
    def hours(self, row: Any) -> SafeString:
        """Return a small chart of its runs."""
        return spark_html(row.shown.hours, _("%(count)s runs in %(hours)s hours"))

    @admin.display(description=gettext_lazy("Failed in 24 h"))
    def failures(self, row: Any) -> SafeString:
        """Return how many runs failed, with the way to their errors."""
        if not row.shown.failed:
            return SafeString("0")
        address = reverse("admin:workflows_workflow_errors", args=[row.pk])
        said = _("%(failed)s of %(runs)s") % {"failed": f"{row.shown.failed:,}", "runs": f"{row.shown.runs:,}"}
        return format_html('<a class="wg-link" href="{}">{}</a>', address, said)
