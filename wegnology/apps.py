"""The platform itself as a Django app: its checks and commands."""

from django.apps import AppConfig


class WegnologyConfig(AppConfig):
    """Composition: knows all apps below."""

    name = "wegnology"
    verbose_name = "WEGnology"

    def ready(self) -> None:
        """Register the system checks."""
        from wegnology import checks  # noqa: F401  (importing registers them)
