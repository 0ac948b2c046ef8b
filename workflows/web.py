"""The door of webhooks: `/webhooks/<token>`, open to whoever knows the address.

A call is answered 202 once it is durable in the workflow's inbox, or with what the workflow replies. No session, no cookie, no
token of a form: the address is the key. Unknown addresses are answered alike, whatever they resemble.
"""

import hmac
import logging
import threading
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from integrations.events import Origin
from wegnology.lib.redis import RedisAway, sync_client
from wegnology.lib.types import JSONObject
from workflows import replies
from workflows.firing import NoRoom, NotFired, NothingToFire, Stopped, TooLarge, fire, live_version, trigger_of
from workflows.models import Webhook, digest_of
from workflows.triggers import WEBHOOK, WebhookConfig
from workflows.webhook_calls import MOST_BODY_BYTES, MOST_CALLS, WINDOW_SECONDS, data_of, wait_for_turn

logger = logging.getLogger(__name__)

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
AGAIN_SECONDS = 5
PUBLIC = "0" * 24
"""The relay of what comes from nobody in particular (product page "Webhook trigger")."""

_places = threading.BoundedSemaphore(settings.WEBHOOK_WAITS)


@csrf_exempt
def webhook(request: HttpRequest, token: str, rest: str = "") -> HttpResponse:
    """Take a call."""
    if request.method not in METHODS:
        return _error(HTTPStatus.METHOD_NOT_ALLOWED, f"use one of {', '.join(METHODS)}", Allow=", ".join(METHODS))
    digest = digest_of(token)
    found = Webhook.objects.select_related("workflow__application", "workflow__default_version").filter(digest=digest).first()
    if found is None or not hmac.compare_digest(found.digest, digest):
        return _error(HTTPStatus.NOT_FOUND, "there is no such webhook")
    try:
        return _call(request, found, rest)
    except RedisAway as error:
        logger.warning("a webhook call could not be taken: %s", error)
        return _later(HTTPStatus.SERVICE_UNAVAILABLE, "nothing can be taken at the moment: try again", AGAIN_SECONDS)


def _call(request: HttpRequest, found: Webhook, rest: str) -> HttpResponse:
    with sync_client() as client:
        pause = wait_for_turn(client, found.pk)
    if pause:
        text = f"a webhook takes {MOST_CALLS} calls in {WINDOW_SECONDS} s"
        return _later(HTTPStatus.TOO_MANY_REQUESTS, text, pause)
    if request.headers.get("Transfer-Encoding"):
        return _error(HTTPStatus.LENGTH_REQUIRED, "send a Content-Length")
    body = request.read(MOST_BODY_BYTES + 1)
    if len(body) > MOST_BODY_BYTES:
        return _error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body may have {MOST_BODY_BYTES:,} bytes")
    try:
        return _fire(request, found, rest, body)
    except NothingToFire as error:
        return _error(HTTPStatus.NOT_FOUND, str(error))
    except TooLarge as error:
        return _error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error))
    except NoRoom as error:
        return _later(HTTPStatus.SERVICE_UNAVAILABLE, str(error), AGAIN_SECONDS)
    except Stopped as error:
        return _later(HTTPStatus.TOO_MANY_REQUESTS, str(error), int((error.until - timezone.now()).total_seconds()) + 1)
    except NotFired as error:
        return _error(HTTPStatus.BAD_REQUEST, str(error))


def _fire(request: HttpRequest, found: Webhook, rest: str, body: bytes) -> HttpResponse:
    version = request.headers.get("X-Flow-Version", "")
    trigger = trigger_of(live_version(found.workflow, version), WEBHOOK, found.pk)
    if trigger is None:
        raise NothingToFire("the workflow has no trigger for this webhook any more")
    config = WebhookConfig.model_validate(trigger.get("config") or {})
    data = data_of(
        str(request.method),
        rest,
        request.GET,
        request.headers,
        body,
        address=request.META.get("REMOTE_ADDR", ""),
        pass_authorization=config.pass_authorization,
    )
    origin = Origin(WEBHOOK, found.pk, "public", PUBLIC)
    if config.wait_for_reply:
        return _wait(found, origin, data, version)
    event_id = fire(found.workflow, origin, data, version)
    return JsonResponse({"id": event_id}, status=HTTPStatus.ACCEPTED, headers={"Cache-Control": "no-store"})


def _wait(found: Webhook, origin: Origin, data: JSONObject, version: str) -> HttpResponse:
    """Fire and hold the request until the workflow replies; only so many at a time, so that pages are still served."""
    if not _places.acquire(blocking=False):
        return _later(HTTPStatus.SERVICE_UNAVAILABLE, "too many calls wait for a reply: try again", AGAIN_SECONDS)
    application_id = found.workflow.application_id
    try:
        with sync_client() as client:
            reply_id = replies.expect(client, application_id, found.pk)
        fire(found.workflow, origin, {**data, "replyId": reply_id}, version)
        reply = replies.wait(application_id, reply_id, settings.WEBHOOK_REPLY_SECONDS)
    finally:
        _places.release()
    if reply is None:
        text = f"the workflow did not reply within {settings.WEBHOOK_REPLY_SECONDS:g} s; the call was accepted and runs"
        return _error(HTTPStatus.GATEWAY_TIMEOUT, text)
    return _reply(reply)


def _reply(reply: JSONObject) -> HttpResponse:
    answer = HttpResponse(str(reply["body"]).encode(), status=int(str(reply["status"])), content_type="text/plain; charset=utf-8")
    pairs = reply["headers"]
    for pair in pairs if isinstance(pairs, list) else ():
        if isinstance(pair, list):
            answer.headers[str(pair[0])] = str(pair[1])
    answer.headers["Content-Security-Policy"] = "sandbox"  # a page made by a workflow must not act as one of ours
    answer.headers.setdefault("Cache-Control", "no-store")
    return answer


def _later(status: HTTPStatus, text: str, seconds: int) -> HttpResponse:
    return _error(status, text, **{"Retry-After": str(seconds)})


def _error(status: HTTPStatus, text: str, **headers: str) -> HttpResponse:
    body = {"error": {"type": status.name.title().replace("_", ""), "message": f"{text[:1].upper()}{text[1:]}."}}
    return JsonResponse(body, status=status, headers={"Cache-Control": "no-store", **headers})
