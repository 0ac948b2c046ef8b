"""Routes of the web process."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from wegnology.pages import metrics, probes, status

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="status"), name="home"),
    path("healthz", probes.healthz, name="healthz"),
    path("readyz", probes.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("status", admin.site.admin_view(status.status), name="status"),
    path("admin/", admin.site.urls),
]
