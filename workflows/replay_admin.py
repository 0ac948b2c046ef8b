"""The pages that replay: one run, edited or not, or many in the background; and how those replays stand."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from integrations.history_admin import ReadOnlyAdmin
from wegnology.applications.access import applications_of
from wegnology.applications.current import current_of
from wegnology.applications.models import Application, Role
from wegnology.applications.owned_admin import PART_ROLES
from wegnology.lib.redis import RedisAway
from wegnology.lib.theme import ModelAdmin
from workflows.models import DEVELOP, ParkedRun, ReplayJob, ReplayState
from workflows.parked import Chosen
from workflows.replay import data_of, edit_text, send_back
from workflows.replay_jobs import LEAST_RATE, MOST_RATE, OPEN, USUAL_RATE, JobRefused, begin, change

_LIST = "admin:workflows_parkedrun_changelist"
_FILTERS = ("reason", "workflow_id", "integration_id")
_VERSIONS = (("", gettext_lazy("the version that triggers fire")), (DEVELOP, gettext_lazy("the develop version")))


class ReplayForm(forms.Form):
    """How to replay many."""

    rate = forms.FloatField(
        min_value=LEAST_RATE, max_value=MOST_RATE, initial=f"{USUAL_RATE:g}", label=gettext_lazy("Runs a second")
    )
    version = forms.ChoiceField(
        choices=_VERSIONS, required=False, label=gettext_lazy("Run"), widget=forms.Select(attrs={"class": "wg-select"})
    )


class ReplayPages(ModelAdmin):
    """What the pages of parked runs do about replays."""

    def get_urls(self) -> list[URLPattern]:
        """Add the addresses of the replays."""
        wrap = self.admin_site.admin_view
        return [
            path("replay/", wrap(self.replay_many), name="workflows_parkedrun_replay_many"),
            path("<path:object_id>/replay/", wrap(require_POST(self.replay_view)), name="workflows_parkedrun_replay"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Offer to replay all that the filters leave."""
        query = _carried(request.GET)
        address = reverse("admin:workflows_parkedrun_replay_many") + (f"?{query.urlencode()}" if query else "")
        may = self.has_replay_permission(request)  # type: ignore[attr-defined]
        running = ReplayJob.objects.filter(application__in=applications_of(request.user).order_by().values("pk"), state__in=OPEN)
        context = {"replay_all_url": address if may else "", "jobs": list(running[:10]), **(extra_context or {})}
        return super().changelist_view(request, context)

    def replay_many(self, request: HttpRequest) -> HttpResponse:
        """Ask how, and begin; the address says which runs."""
        if not self.has_replay_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        ids = tuple(request.POST.getlist("ids"))
        try:
            chosen = Chosen(ids=ids) if ids else _chosen(request.GET)
        except ValueError as error:
            messages.error(request, _("Nothing was replayed: %(error)s.") % {"error": error})
            return redirect(_LIST)
        return self.ask(request, chosen)

    def ask(self, request: HttpRequest, chosen: Chosen) -> HttpResponse:
        """Show what would be replayed and ask how, or begin when that was answered."""
        own = applications_of(request.user, Role.EDITOR).order_by()
        if (current := current_of(request).application) is not None and not chosen.ids:
            own = own.filter(pk=current.pk)  # as the list that the person came from
        rows = chosen.rows(own.values("pk"))
        answered = request.method == "POST" and "rate" in request.POST
        form = ReplayForm(request.POST if answered else None)
        if answered and form.is_valid():
            owners = own.filter(pk__in=rows.order_by().values("application"))
            return self._begin(request, list(owners), chosen, form.cleaned_data)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Replay parked runs"),
            "opts": self.opts,
            "form": form,
            "chosen": chosen,
            "count": rows.count(),
            "current_name": current.name if current else "",
            "address": f"{reverse('admin:workflows_parkedrun_replay_many')}?{_carried(request.GET).urlencode()}",
        }
        return TemplateResponse(request, "admin/workflows/parkedrun/replay.html", context)

    def _begin(self, request: HttpRequest, owners: list[Application], chosen: Chosen, how: dict[str, Any]) -> HttpResponse:
        for application in owners:
            try:
                job = begin(application, chosen, rate=how["rate"], version=how["version"], asker=request.user.get_username())
            except JobRefused as error:
                messages.error(
                    request, _("%(name)s: nothing is replayed: %(error)s.") % {"name": application.name, "error": error}
                )
            else:
                messages.success(
                    request,
                    _("%(name)s: %(total)s runs are being replayed, %(rate)s a second.")
                    % {"name": application.name, "total": f"{job.total:,}", "rate": f"{job.rate:g}"},
                )
        if not owners:
            messages.warning(request, _("No parked run is like that any more."))
        return redirect("admin:workflows_replayjob_changelist")

    def replay_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Replay one run, with other data if some was entered."""
        row = self.get_object(request, object_id)
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        if not self.has_replay_permission(request, row):  # type: ignore[attr-defined]
            raise PermissionDenied
        back = reverse("admin:workflows_parkedrun_change", args=[row.pk])
        return HttpResponseRedirect(reverse(_LIST) if _replay_one(request, row) else back)

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Offer the replay to who may do it."""
        row = self.get_object(request, object_id)
        may = row is not None and self.has_replay_permission(request, row)  # type: ignore[attr-defined]
        context = {"may_replay": may, "data": data_of(row) if row is not None else "", "versions": _VERSIONS}
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})


def _carried(query: QueryDict) -> QueryDict:
    """Return what an address says of the runs that are meant: filters and search, as the list has them."""
    carried = QueryDict(mutable=True)
    for name in (*_FILTERS, "q"):
        if value := query.get(name, query.get(f"{name}__exact", "")):
            carried[name] = value
    return carried


def _chosen(query: QueryDict) -> Chosen:
    carried = _carried(query)
    reason, workflow_id, integration_id = (str(carried.get(name, "")) for name in _FILTERS)
    return Chosen(reason, workflow_id, integration_id, str(carried.get("q", "")))


def _replay_one(request: HttpRequest, row: ParkedRun) -> bool:
    """Replay one run; say whether it left the list."""
    version = DEVELOP if request.POST.get("version") == DEVELOP else ""
    try:
        if text := request.POST.get("data", "").strip():
            edit_text(row, text)
        result = send_back([row], version)
    except ValueError as error:
        messages.error(request, _("Nothing was replayed. %(error)s.") % {"error": error})
        return False
    except RedisAway as error:
        messages.error(
            request, _("Nothing was replayed: Redis cannot be reached (%(error)s). Try again when it is back.") % {"error": error}
        )
        return False
    if result.done:
        messages.success(request, _("1 run is on the way again."))
    elif result.no_room:
        messages.warning(request, _("It stays parked: there is no room in the inbox now."))
    else:
        messages.error(request, _("Nothing was replayed: %(refused)s") % {"refused": result.refused[row.pk]})
    return bool(result.done)


@admin.register(ReplayJob)
class ReplayJobAdmin(ReadOnlyAdmin):
    """Replays in the background: how far they are; paused, gone on with and cancelled."""

    place = gettext_lazy("Replays")
    roles: ClassVar = {**PART_ROLES, "replay": Role.EDITOR}
    list_display = ("created_at", "application", "state", "progress", "rate", "into", "asker", "note")
    list_select_related = ("application",)
    list_filter = ("state",)
    list_per_page = 50
    actions = ("pause", "go_on", "cancel")
    fields = ("created_at", "application", "state", "progress", "rate", "into", "asker", "note", "chosen_")
    readonly_fields = fields

    def has_replay_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may replay may stop it."""
        return self.allowed(request, "replay", obj)

    @admin.display(description=gettext_lazy("Progress"))
    def progress(self, row: ReplayJob) -> str:
        """Return how many of how many."""
        refused = _(", %(refused)s refused") % {"refused": f"{row.refused:,}"} if row.refused else ""
        return _("%(done)s of %(total)s%(refused)s") % {"done": f"{row.done:,}", "total": f"{row.total:,}", "refused": refused}

    @admin.display(description=gettext_lazy("Version"))
    def into(self, row: ReplayJob) -> str:
        """Return which version runs."""
        return row.version or _("as triggers fire")

    @admin.display(description=gettext_lazy("Which runs"))
    def chosen_(self, row: ReplayJob) -> str:
        """Return how they were chosen."""
        shown = {
            name: _("%(count)s chosen") % {"count": f"{len(value):,}"} if name == "ids" else value
            for name, value in row.chosen.items()
        }
        return ", ".join(f"{_(name)}: {value}" for name, value in shown.items()) or _("all")

    def _change(self, request: HttpRequest, queryset: Any, state: ReplayState) -> None:
        changed = sum(change(job, state) for job in queryset)
        if changed:
            text = ngettext("%(count)s replay is %(state)s now.", "%(count)s replays are %(state)s now.", changed)
            messages.success(request, text % {"count": changed, "state": state.label})
        else:
            messages.warning(request, _("Nothing was changed: these have ended."))

    @admin.action(description=gettext_lazy("Pause"), permissions=["replay"])
    def pause(self, request: HttpRequest, queryset: Any) -> None:
        """Let replays rest."""
        self._change(request, queryset, ReplayState.PAUSED)

    @admin.action(description=gettext_lazy("Go on"), permissions=["replay"])
    def go_on(self, request: HttpRequest, queryset: Any) -> None:
        """Go on with replays that rest."""
        self._change(request, queryset, ReplayState.RUNNING)

    @admin.action(description=gettext_lazy("Cancel"), permissions=["replay"])
    def cancel(self, request: HttpRequest, queryset: Any) -> None:
        """End replays; what was not replayed stays parked."""
        self._change(request, queryset, ReplayState.CANCELLED)
