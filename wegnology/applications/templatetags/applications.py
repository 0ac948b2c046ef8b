"""The choice of the application in the menu."""

from typing import Any

from django import template
from django.template import Context

from wegnology.applications.current import current_of

register = template.Library()


@register.inclusion_tag("pages/switcher.html", takes_context=True)
def application_switcher(context: Context) -> dict[str, Any]:
    """Offer the person's applications."""
    request = context["request"]
    found = current_of(request) if request.user.is_authenticated else None
    return {"current": found, "request": request, "csrf_token": context.get("csrf_token")}
