"""What the runtime wrote about integrations, for reading: ledger hours and state changes."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.ledger_reading import stored_line, stored_sent_line
from integrations.models import LedgerHour, StatusChange
from integrations.runtime import sources
from integrations.templatetags.ledger import reasons
from integrations.wording import recorded
from wegnology.applications.models import Application
from wegnology.applications.owned_admin import OwnedAdmin
from wegnology.lib.badges import badge_html
from wegnology.lib.theme import ChangeList


class ReadOnlyAdmin(OwnedAdmin):
    """Rows that the runtime writes and people read."""

    goes_along = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes; the runtime trims."""
        return False


def names_of(rows: Iterable[Any]) -> dict[str, str]:
    """Return the names of the integrations, or workflows with triggers of their own, that rows of a page belong to."""
    return sources.names({row.integration_id for row in rows})


class NamedList(ChangeList):
    """A page of rows that name an integration by id, with its name read once for all."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the rows, then the names."""
        super().get_results(request)
        names = names_of(self.result_list)
        for row in self.result_list:
            row.integration_name = names.get(row.integration_id, "deleted")


class OfIntegrationAdmin(ReadOnlyAdmin):
    """Read-only rows with the name of their integration. Those of a deleted one belong to nobody: operators see them."""

    has_history = False

    def within(self, queryset: QuerySet[Any], applications: QuerySet[Application]) -> QuerySet[Any]:
        """Narrow rows to those of the integrations of some applications."""
        return queryset.filter(sources.belonging_to(applications))

    def application_id_of(self, row: Any) -> str | None:
        """Return the application of the row's integration."""
        return sources.owners([row.integration_id]).get(row.integration_id)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Use the list that knows names."""
        return NamedList

    @admin.display(description=gettext_lazy("Integration"))
    def integration(self, row: Any) -> str:
        """Return the integration's name."""
        return str(getattr(row, "integration_name", row.integration_id))


@admin.register(LedgerHour)
class LedgerHourAdmin(OfIntegrationAdmin):
    """The ledger, hour by hour."""

    place = gettext_lazy("Ledger")
    list_display = ("hour", "integration", "received", "finished", "waiting", "parked", "dropped", "sent", "not_sent")
    list_filter = (("hour", admin.DateFieldListFilter),)
    list_per_page = 100
    search_fields = ("integration_id",)
    ordering = ("-hour", "integration_id")

    @admin.display(description=gettext_lazy("Received"))
    def received(self, row: LedgerHour) -> int:
        """Return how many arrived."""
        return stored_line(row.hour, row.counts).received

    @admin.display(description=gettext_lazy("Finished"))
    def finished(self, row: LedgerHour) -> int:
        """Return how many ended well, matched by a workflow or not."""
        line = stored_line(row.hour, row.counts)
        return line.finished + line.unmatched

    @admin.display(description=gettext_lazy("Waiting"))
    def waiting(self, row: LedgerHour) -> int:
        """Return how many had not ended when the hour was last written."""
        return stored_line(row.hour, row.counts).waiting

    @admin.display(description=gettext_lazy("Sent"))
    def sent(self, row: LedgerHour) -> str:
        """Return how many messages of workflows went out through it, of how many."""
        line = stored_sent_line(row.hour, row.counts)
        return _("%(sent)s of %(queued)s") % {"sent": f"{line.sent:,}", "queued": f"{line.queued:,}"} if line.queued else ""

    @admin.display(description=gettext_lazy("Not sent"))
    def not_sent(self, row: LedgerHour) -> str:
        """Return how many of these failed, expired or wait."""
        line = stored_sent_line(row.hour, row.counts)
        found = {"failed": line.failed, "waiting": line.waiting, **line.dropped}
        return reasons({name: count for name, count in found.items() if count}) if line.queued else ""

    @admin.display(description=gettext_lazy("Parked"))
    def parked(self, row: LedgerHour) -> str:
        """Return how many were parked, by reason."""
        return reasons(stored_line(row.hour, row.counts).parked)

    @admin.display(description=gettext_lazy("Dropped"))
    def dropped(self, row: LedgerHour) -> str:
        """Return how many were dropped, by reason."""
        return reasons(stored_line(row.hour, row.counts).dropped)


@admin.register(StatusChange)
class StatusChangeAdmin(OfIntegrationAdmin):
    """When connections came and went."""

    list_display = ("time", "integration", "state_", "cause_")
    list_filter = ("state",)
    search_fields = ("integration_id", "cause")
    list_per_page = 100
    fields = ("time", "integration", "state_", "cause_")

    @admin.display(description=gettext_lazy("State"), ordering="state")
    def state_(self, row: StatusChange) -> SafeString:
        """Return the state, as it looks on other pages."""
        return badge_html(recorded(row.state))

    @admin.display(description=gettext_lazy("Cause"))
    def cause_(self, row: StatusChange) -> str:
        """Return why, where there was a reason."""
        return row.cause or "—"
