"""Routes of the web process."""

from django.contrib import admin
from django.urls import include, path, re_path

from integrations.api.urls import urlpatterns as integrations_api
from wegnology.applications.api.urls import urlpatterns as applications_api
from wegnology.lib.rest.views import NothingHere
from wegnology.pages import api, documentation, metrics, overview, probes, status, switch
from workflows import exchange_pages
from workflows.api.urls import urlpatterns as workflows_api
from workflows.web import webhook

API = [
    path("openapi.json", api.OpenApiView.as_view(), name="openapi"),
    path("docs", api.docs, name="docs"),
    *applications_api,
    *integrations_api,
    *workflows_api,
    re_path(r"^.*$", NothingHere.as_view(), name="nothing"),
]

urlpatterns = [
    path("", switch.home, name="home"),
    path("healthz", probes.healthz, name="healthz"),
    path("readyz", probes.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("status", admin.site.admin_view(status.status), name="status"),
    path("overview/<str:object_id>", admin.site.admin_view(overview.overview), name="overview"),
    path("docs/", admin.site.admin_view(documentation.documentation), name="documentation_start"),
    path("docs/images/<str:name>", admin.site.admin_view(documentation.picture), name="documentation_picture"),
    path("docs/<path:page>", admin.site.admin_view(documentation.documentation), name="documentation"),
    path("import", admin.site.admin_view(exchange_pages.import_page), name="import"),
    path("export/workflow/<str:object_id>", admin.site.admin_view(exchange_pages.export_workflow_page), name="export_workflow"),
    path(
        "export/application/<str:object_id>",
        admin.site.admin_view(exchange_pages.export_application_page),
        name="export_application",
    ),
    path("switch", admin.site.admin_view(switch.switch), name="switch"),
    re_path(r"^webhooks/(?P<token>[A-Za-z0-9_-]{1,100})(?P<rest>/.*)?$", webhook, name="webhook"),
    path("api/", include((API, "api"))),
    path("admin/", admin.site.urls),
]
