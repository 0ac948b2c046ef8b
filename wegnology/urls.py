"""Routes of the web process."""

from django.contrib import admin
from django.urls import path, re_path

from wegnology.pages import metrics, overview, probes, status, switch
from workflows.web import webhook

urlpatterns = [
    path("", switch.home, name="home"),
    path("healthz", probes.healthz, name="healthz"),
    path("readyz", probes.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("status", admin.site.admin_view(status.status), name="status"),
    path("overview/<str:object_id>", admin.site.admin_view(overview.overview), name="overview"),
    path("switch", admin.site.admin_view(switch.switch), name="switch"),
    re_path(r"^webhooks/(?P<token>[A-Za-z0-9_-]{1,100})(?P<rest>/.*)?$", webhook, name="webhook"),
    path("admin/", admin.site.urls),
]
