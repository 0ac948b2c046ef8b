"""Routes of the web process."""

from django.contrib import admin
from django.urls import path, re_path
from django.views.generic import RedirectView

from wegnology.pages import metrics, probes, status
from workflows.web import webhook

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="status"), name="home"),
    path("healthz", probes.healthz, name="healthz"),
    path("readyz", probes.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("status", admin.site.admin_view(status.status), name="status"),
    re_path(r"^webhooks/(?P<token>[A-Za-z0-9_-]{1,100})(?P<rest>/.*)?$", webhook, name="webhook"),
    path("admin/", admin.site.urls),
]
