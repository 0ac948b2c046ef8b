"""Applications: the tenants, and what belongs to them alone."""

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy


class ApplicationsConfig(AppConfig):
    """The lowest Django app."""

    name = "wegnology.applications"
    label = "applications"
    verbose_name = gettext_lazy("Applications")

    def ready(self) -> None:
        """Watch the rows whose change must reach listeners and workers."""
        from django.contrib.auth import get_user_model

        from wegnology.applications import audit, saved_whole, trash
        from wegnology.applications.models import ApiToken, Application, Credential, Global, Member
        from wegnology.applications.revisions import touch_on_change
        from wegnology.lib import google_keys

        saved_whole.delete_with(lambda rows: trash.put_away(rows).counted)
        touch_on_change(Application, lambda row: str(row.pk))
        touch_on_change(Global, lambda row: str(row.application_id), page=_application_page, hidden=_hidden_of_global)
        touch_on_change(Credential, lambda row: str(row.application_id))
        audit.watch(Member, lambda row: str(row.application_id), page=_application_page)
        audit.watch(ApiToken, lambda row: str(row.application_id), page=_application_page, hidden=_hidden_of_token)
        audit.watch(get_user_model(), lambda row: None, hidden=lambda row: frozenset({"password"}))
        google_keys.configure(token_uris=settings.GOOGLE_TOKEN_URIS)


def _application_page(row: Any) -> str:
    """Parts of an application are shown on its page."""
    return f"applications.application:{row.application_id}"


def _hidden_of_global(row: Any) -> frozenset[str]:
    return frozenset({"value"} if row.secret else ())


def _hidden_of_token(_row: Any) -> frozenset[str]:
    return frozenset({"digest", "creator_kind", "creator_id", "creator_name", "last_used_at"})
