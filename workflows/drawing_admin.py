"""The picture of a workflow on its page: of what is stored, or of what was just entered, with its faults in their places."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse

from integrations.models import Integration
from wegnology.lib.theme import ModelAdmin
from wegnology.lib.types import JSONObject
from workflows.drawing.picture import Picture, picture
from workflows.models import DEVELOP, Workflow, WorkflowVersion
from workflows.version_content import Content, content_faults, content_of, spoken


class DrawnWorkflow(ModelAdmin):
    """Puts the picture of the develop version on the page."""

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """Draw what the form shows."""
        row: Workflow | None = context.get("original")
        content = entered(context["adminform"].form.data) or _stored(row)
        if content is not None:
            application_id = row.application_id if row else None
            context["picture"] = draw(content, application_id)
        answer: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return answer


def draw(content: Content, application_id: str | None, **path: Any) -> Picture:
    """Draw a version with its faults; `path` are the visits of a run, as `drawing.picture.picture` takes them."""
    triggers = content.triggers if isinstance(content.triggers, list) else []
    keys = [str(one.get("key")) for one in triggers if isinstance(one, dict) and one.get("key")]
    known = Integration.objects.filter(application=application_id, pk__in=keys) if application_id and keys else []
    names = {row.pk: row.name for row in known}
    return picture(content.triggers, content.nodes, faults=spoken(content_faults(content, None)), sources=names, **path)


def draw_version(version: WorkflowVersion, **path: Any) -> Picture:
    """Draw a stored version."""
    return draw(content_of(version), version.workflow.application_id, **path)


def entered(data: Any) -> Content | None:
    """Return the version that a form holds as it was sent; None where there is none, or it is no JSON."""
    if not data:
        return None
    parts: list[Any] = []
    for name, empty in (("triggers", "[]"), ("nodes", "[]"), ("globals", "{}")):
        try:
            parts.append(json.loads(data.get(name) or empty))
        except (ValueError, RecursionError):
            return None
    triggers, nodes, values = parts
    shaped: tuple[list[JSONObject], list[JSONObject], JSONObject] = (triggers, nodes, values)
    return Content(*shaped)


def _stored(row: Workflow | None) -> Content | None:
    version = row.versions.filter(name=DEVELOP).first() if row else None
    return content_of(version) if version else None
