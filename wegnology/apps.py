"""The platform itself as a Django app: its checks and commands."""

from django.apps import AppConfig


class WegnologyConfig(AppConfig):
    """Composition: knows all apps below."""

    name = "wegnology"
    verbose_name = "WEGnology"

    def ready(self) -> None:
        """Register the system checks, and let every process know our queues: pages ask for tasks too."""
        from wegnology import celery, checks  # noqa: F401  (importing registers them)
