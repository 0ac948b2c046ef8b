"""What an orchestrator asks: does the process live, does the installation work?"""

import logging
from contextlib import closing
from typing import Any

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from integrations.runtime.health import Survey, survey
from wegnology.lib.redis import sync_client
from wegnology.pages.access import may_read_figures

logger = logging.getLogger(__name__)


def healthz(request: HttpRequest) -> HttpResponse:
    """Answer as long as the process lives; no database, no Redis, so that their failure restarts nothing."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether messages are received and run: 200, or 503 with reasons. Figures only for who may read them."""
    found = look()
    reasons = [*found.reasons, *([] if database_answers() else ["The database cannot be reached."])]
    answer: dict[str, Any] = {"status": "unready" if reasons else "ready", "reasons": reasons}
    if may_read_figures(request):
        answer = {**found.as_json(), **answer, "ready": not reasons}
    elif not found.redis:
        answer["reasons"] = ["Redis cannot be reached.", *reasons[len(found.reasons) :]]
    response = JsonResponse(answer, status=503 if reasons else 200)
    response["Cache-Control"] = "no-store"
    return response


def look() -> Survey:
    """Survey the installation; never raises while Redis is away."""
    with closing(sync_client()) as client:
        return survey(client)


def database_answers() -> bool:
    """Say whether the database answers a query."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        logger.warning("the database cannot be reached: %s", error)
        return False
    return True
