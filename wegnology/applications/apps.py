"""Applications: the tenants, and what belongs to them alone."""

from django.apps import AppConfig


class ApplicationsConfig(AppConfig):
    """The lowest Django app."""

    name = "wegnology.applications"
    label = "applications"
    verbose_name = "Applications"
