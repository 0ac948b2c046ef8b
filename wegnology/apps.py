"""The platform itself as a Django app: its checks and commands."""

from django.apps import AppConfig, apps

from wegnology.lib.model_names import translate_names

APPS = ("applications", "integrations", "workflows")
"""Labels of our apps that have models."""


class WegnologyConfig(AppConfig):
    """Composition: knows all apps below."""

    name = "wegnology"
    verbose_name = "WEGnology"

    def ready(self) -> None:
        """Register the system checks, let every process know our queues (pages ask for tasks too), translate names of models."""
        from wegnology import celery, checks  # noqa: F401  (importing registers them)

        for name in APPS:
            translate_names(apps.get_app_config(name).get_models())
