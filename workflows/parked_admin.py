"""Parked runs: what failed, with its event and payload, and the button that runs it again."""

import contextlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.history_admin import ReadOnlyAdmin, names_of
from integrations.runtime.sources import names
from wegnology.applications.models import Role
from wegnology.applications.owned_admin import PART_ROLES
from wegnology.lib.theme import ChangeList
from workflows.dropping import discard
from workflows.models import ParkedRun, Workflow
from workflows.parked import MOST_IDS, Chosen
from workflows.parked_event import data_html, event_html
from workflows.replay_admin import ReplayPages

INTEGRATION_PAGE = "admin:integrations_integration_change"
WORKFLOW_PAGE = "admin:workflows_workflow_change"
CHOICES = 50
"""So many are offered by a filter."""


def pretty(text: str) -> SafeString:
    """Show JSON indented; what is not JSON (cut to size, perhaps) as it is."""
    with contextlib.suppress(ValueError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return format_html('<pre class="wg-code" tabindex="0">{}</pre>', text)


class ParkedList(ChangeList):
    """A page of parked runs, with the names of integrations and workflows read once for all."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the rows, then the names."""
        super().get_results(request)
        name_all(self.result_list)


def name_all(rows: Sequence[Any]) -> None:
    """Give rows the names of their integrations and workflows, with links to those that exist; two queries for all."""
    sources = names_of(rows)
    ids = {row.workflow_id for row in rows} | set(sources)
    workflows = dict(Workflow.objects.filter(pk__in=ids).values_list("pk", "name"))
    for row in rows:
        own = row.integration_id == row.workflow_id
        origin = WORKFLOW_PAGE if row.integration_id in workflows else INTEGRATION_PAGE
        row.names = (
            _("none: a trigger of its own")
            if own
            else _link(origin, row.integration_id, sources.get(row.integration_id), _("deleted")),
            _link(WORKFLOW_PAGE, row.workflow_id, workflows.get(row.workflow_id), _("deleted") if row.workflow_id else "—"),
        )


def _link(page: str, pk: str, name: str | None, otherwise: str) -> SafeString:
    if name is None:
        return format_html("{}", otherwise)
    return format_html('<a class="wg-link" href="{}">{}</a>', reverse(page, args=[pk]), name)


class CountedFilter(admin.SimpleListFilter):
    """Those that have parked runs, the ones with the most; others are reached from their own pages."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return them by name, with their numbers, and the one that is chosen."""
        name: Any = self.parameter_name
        counted = model_admin.get_queryset(request).order_by().values_list(name).annotate(number=Count("pk"))
        found = dict(counted.order_by("-number", name)[:CHOICES])
        chosen = request.GET.get(name, "")
        if chosen and chosen not in found:
            found |= dict(counted.filter(**{name: chosen}))
        return sorted(((pk, f"{said} ({found[pk]:,})") for pk, said in self.names(found).items()), key=lambda pair: pair[1])

    def names(self, ids: Collection[str]) -> Mapping[str, str]:
        """Return their names by id."""
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow the list."""
        return queryset.filter(**{str(self.parameter_name): self.value()}) if self.value() else queryset


class IntegrationFilter(CountedFilter):
    """Integrations, and workflows with triggers of their own."""

    title = gettext_lazy("integration")
    parameter_name = "integration_id"

    def names(self, ids: Collection[str]) -> Mapping[str, str]:
        """Return their names by id."""
        return names(ids)


class WorkflowFilter(CountedFilter):
    """Workflows."""

    title = gettext_lazy("workflow")
    parameter_name = "workflow_id"

    def names(self, ids: Collection[str]) -> Mapping[str, str]:
        """Return their names by id."""
        return dict(Workflow.objects.filter(pk__in=ids).values_list("pk", "name"))


@admin.register(ParkedRun)
class ParkedRunAdmin(ReplayPages, ReadOnlyAdmin):
    """Runs that failed, kept with their event."""

    has_history = False
    roles: ClassVar = {**PART_ROLES, "replay": Role.EDITOR}
    list_display = ("parked_at", "reason", "workflow", "integration", "error", "node")
    list_filter = ("reason", WorkflowFilter, IntegrationFilter)
    list_per_page = 100
    search_fields = ("error_message", "event_id", "integration_id", "workflow_id")
    actions = ("replay",)
    fields = ("parked_at", "reason", "workflow", "integration", "error", "node", "path_", "event_", "data_", "payload_")
    change_form_template = "admin/workflows/parkedrun/change_form.html"
    change_list_template = "admin/workflows/parkedrun/change_list.html"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Unlike other rows of this kind they may be discarded; they go with their application, too."""
        return self.allowed(request, "delete", obj)

    def has_replay_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Running something again is a change, although the row itself is read-only."""
        return self.allowed(request, "replay", obj)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Discard one, counted in the ledger."""
        discard(ParkedRun.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Discard many, counted in the ledger."""
        discard(queryset)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Use the list that knows names."""
        return ParkedList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return the row with its names."""
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            name_all([row])
        return row

    @admin.display(description=gettext_lazy("Parked"), ordering="created_at")
    def parked_at(self, row: ParkedRun) -> str:
        """Return when it was parked, the last time."""
        return str(localize(timezone.localtime(row.created_at)))

    @admin.display(description=gettext_lazy("Integration"))
    def integration(self, row: Any) -> SafeString:
        """Lead to the integration, or to another workflow whose trigger fired."""
        return format_html("{}", row.names[0])

    @admin.display(description=gettext_lazy("Workflow"))
    def workflow(self, row: Any) -> SafeString:
        """Lead to the workflow."""
        return SafeString(row.names[1])

    @admin.display(description=gettext_lazy("Error"))
    def error(self, row: ParkedRun) -> str:
        """Return what went wrong."""
        return f"{row.error_name}: {row.error_message}"[:300]

    @admin.display(description=gettext_lazy("Node"))
    def node(self, row: ParkedRun) -> str:
        """Return where it went wrong."""
        return f"{row.node_label} ({row.node_id})" if row.node_label else row.node_id or "—"

    @admin.display(description=gettext_lazy("Path taken"))
    def path_(self, row: ParkedRun) -> str:
        """Return the nodes that the run visited."""
        return " → ".join(row.path) or "—"

    @admin.display(description=gettext_lazy("Event"))
    def event_(self, row: ParkedRun) -> SafeString:
        """Return what happened, and when."""
        return event_html(row)

    @admin.display(description=gettext_lazy("Its data"))
    def data_(self, row: ParkedRun) -> SafeString:
        """Return what arrived."""
        return data_html(row)

    @admin.display(description=gettext_lazy("Payload at the node"))
    def payload_(self, row: ParkedRun) -> SafeString:
        """Return the payload as it was when the run failed."""
        return pretty(row.payload) if row.payload else SafeString("—")

    @admin.action(description=gettext_lazy("Replay …"), permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[ParkedRun]) -> HttpResponse | None:
        """Ask at which rate, into which version; then replay the chosen runs."""
        keys = list(queryset.order_by("created_at", "id").values_list("pk", flat=True)[: MOST_IDS + 1])
        if len(keys) > MOST_IDS:
            messages.error(
                request,
                _("Nothing was replayed: these are more than %(most_ids)s. Use “Replay all of these” instead.")
                % {"most_ids": f"{MOST_IDS:,}"},
            )
            return None
        return self.ask(request, Chosen(ids=tuple(keys)))
