"""A question before an edit is saved: what it touches, and whether that is meant. Works without a script.

The answer carries what was entered sealed, so that secrets which were typed do not stand in a page, bound to person and row, for
an hour. `confirmed=yes` among what is sent says that the question was answered by whoever sends it (a program, a test).
"""

import time
from typing import Any

import orjson
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.utils.translation import gettext

from wegnology.applications.sealing import keyring
from wegnology.lib.crypto import KeyMissing, SealBroken

CONFIRMED, SEALED = "confirmed", "confirmed_entries"
LIFE_SECONDS = 3600


class ConfirmedEdits:
    """Asks before an edit is saved where `consequences` says so. Mixed into an `OwnedAdmin`, before it."""

    def consequences(self, request: HttpRequest, before: Any, after: Any) -> dict[str, Any] | None:
        """Return what the template `pages/consequences.html` shows, None to save at once. `after` is not saved yet."""
        return None

    def changeform_view(
        self: Any, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """Ask, or save what was asked about."""
        if request.method == "POST" and object_id is not None:
            if SEALED in request.POST:
                _restore(request, object_id)
            elif CONFIRMED not in request.POST:
                asked = self._asked(request, object_id)
                if asked is not None:
                    return asked
        return super().changeform_view(request, object_id, form_url, extra_context)  # type: ignore[misc]

    def _asked(self: Any, request: HttpRequest, object_id: str) -> HttpResponse | None:
        before, row = (self.get_object(request, unquote(object_id)) for _ in range(2))
        if row is None or not self.has_change_permission(request, row):
            return None
        form = self.get_form(request, row, change=True)(request.POST, request.FILES, instance=row)
        if not form.is_valid():
            return None
        found = self.consequences(request, before, form.instance)
        if found is None:
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Save %(name)s?") % {"name": before},
            "opts": self.opts,
            "original": before,
            "sealed_name": SEALED,
            "sealed": _sealed(request, object_id),
            **found,
        }
        return TemplateResponse(request, "pages/consequences.html", context)


def _place(request: HttpRequest, object_id: str) -> str:
    return f"confirm:{request.user.pk}:{request.path}:{object_id}"


def _sealed(request: HttpRequest, object_id: str) -> str:
    entries = [int(time.time()), request.POST.urlencode()]
    return keyring().seal(orjson.dumps(entries).decode(), _place(request, object_id))


def _restore(request: HttpRequest, object_id: str) -> None:
    """Put what was entered in the place of the answer; an answer that is too old or not ours asks anew with nothing entered."""
    try:
        asked, entries = orjson.loads(keyring().unseal(request.POST[SEALED], _place(request, object_id)))
    except (KeyMissing, SealBroken, ValueError):
        asked, entries = 0, ""
    restored = QueryDict(entries if time.time() - asked < LIFE_SECONDS else "", mutable=True)
    if not restored:
        messages.error(request, gettext("Nothing was saved: the question was too old. Enter the change again."))
    request.POST = restored  # type: ignore[assignment]
