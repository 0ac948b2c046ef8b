"""What a form asks the server for while somebody types: faults of topics. It is a help: what is saved is judged by the form."""

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from integrations.check_admin import CheckPages
from integrations.connectors.base import connectors

MOST_TOPICS = 1_000


class FormAids(CheckPages):
    """Adds the address to the pages of integrations."""

    def get_urls(self) -> list[URLPattern]:
        """Add the address."""
        view = self.admin_site.admin_view(require_safe(self.judge_topics))
        return [path("topics", view, name="integrations_integration_topics"), *super().get_urls()]

    def judge_topics(self, request: HttpRequest) -> HttpResponse:
        """Return faults of topics by position."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if request.GET.get("type", "") not in connectors:
            raise Http404
        faults = connectors.get(request.GET["type"]).check_topics(request.GET.getlist("topic")[:MOST_TOPICS])
        return JsonResponse({"faults": {str(at): gettext(text) for at, text in faults.items()}})
