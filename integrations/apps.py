"""Integrations: connections to brokers, queues and sockets."""

from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models.signals import post_delete
from django.utils.translation import gettext_lazy

from wegnology.lib import egress, endpoints

if TYPE_CHECKING:
    from integrations.models import Integration

REDIS_PORT = 6379
POSTGRES_PORT = 5432


class IntegrationsConfig(AppConfig):
    """Knows connections, nothing of workflows."""

    name = "integrations"
    verbose_name = gettext_lazy("Integrations")

    def ready(self) -> None:
        """Watch the rows whose change must reach listeners and workers; say where connections may go."""
        from integrations.credential_use import IntegrationUsers
        from integrations.models import Integration
        from wegnology.applications.credential_users import register_users
        from wegnology.applications.revisions import touch_on_change

        register_users(IntegrationUsers())
        _configure_egress()
        _configure_services()
        touch_on_change(Integration, lambda row: str(row.application_id))
        post_delete.connect(_drop_waiting, sender=Integration, dispatch_uid="waiting events of deleted integrations")


def _configure_egress() -> None:
    services = [(settings.EMAIL_HOST, settings.EMAIL_PORT)] if settings.EMAIL_HOST else []
    for url in (settings.REDIS_URL, settings.CELERY_BROKER_URL):
        place = urlsplit(url)
        services += [(place.hostname, place.port or REDIS_PORT)] if place.hostname else []
    database = settings.DATABASES["default"]
    services += [(database["HOST"], int(database.get("PORT") or POSTGRES_PORT))] if database.get("HOST") else []
    try:
        egress.configure(allow_private=settings.ALLOW_PRIVATE_NETWORKS, allow=settings.EGRESS_ALLOW, own=services)
    except ValueError as error:
        raise ImproperlyConfigured(f"WEGNOLOGY_EGRESS_ALLOW: {error}.") from error


def _configure_services() -> None:
    try:
        endpoints.configure(settings.SERVICE_URLS)
    except ValueError as error:
        raise ImproperlyConfigured(f"WEGNOLOGY_SERVICE_URLS: {error}.") from error


def _drop_waiting(instance: "Integration", **_: object) -> None:
    """Drop what waits, once it is certain that the row is gone."""
    from integrations.live import discard_waiting

    transaction.on_commit(partial(discard_waiting, str(instance.pk)))
