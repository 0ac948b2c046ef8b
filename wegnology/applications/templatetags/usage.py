"""What an application used this month, for its page; and limits that are reached, for the status page."""

from typing import Any

from django import template
from django.http import HttpRequest

from wegnology.applications.access import applications_of
from wegnology.applications.models import Application
from wegnology.applications.usage import month_of, over_limit
from wegnology.applications.usage_chart import stopped_text, usage_chart

register = template.Library()


@register.inclusion_tag("pages/usage.html")
def usage_of(application: Application) -> dict[str, Any]:
    """Show the month's payloads of an application."""
    month = month_of(application)
    return {
        "month": month,
        "percent": None if month.share is None else int(month.share * 100),
        "chart": usage_chart(month),
        "stopped": stopped_text(application.stopped_until),
    }


@register.inclusion_tag("pages/limits.html")
def limits_reached(request: HttpRequest) -> dict[str, Any]:
    """Say which of a person's applications have reached their payload limit."""
    own = {row.pk: row for row in applications_of(request.user).filter(payload_limit__isnull=False)}
    found = over_limit(own.values())
    return {"reached": [(own[pk], used, limit, stopped_text(own[pk].stopped_until)) for pk, (used, limit) in found.items()]}
