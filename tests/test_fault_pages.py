"""Pages in place of those that cannot be shown say what happened and where to go, without anything of their own to fail."""

from collections.abc import Callable

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.views import defaults
from django.views.csrf import csrf_failure

REQUEST = RequestFactory().get("/somewhere")


@pytest.mark.parametrize(
    ("view", "status", "words"),
    [
        (lambda request: defaults.bad_request(request, ValueError("secret")), 400, "cannot be answered"),
        (lambda request: defaults.permission_denied(request, ValueError("secret")), 403, "You may not do this"),
        (lambda request: csrf_failure(request, "secret"), 403, "was not accepted"),
        (lambda request: defaults.page_not_found(request, ValueError("secret")), 404, "is not there"),
        (defaults.server_error, 500, "Something went wrong"),
    ],
)
def test_a_fault_has_a_page(view: Callable[[HttpRequest], HttpResponse], status: int, words: str) -> None:
    answer = view(REQUEST)
    html = answer.content.decode()
    assert (answer.status_code, words in html, 'href="/"' in html) == (status, True, True)
    assert "secret" not in html


def test_an_address_that_is_not_there_shows_it(client: Client) -> None:
    answer = client.get("/nothing-here")
    assert answer.status_code == 404
    assert "This page is not there" in answer.content.decode()
