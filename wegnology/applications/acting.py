"""Who acts in a request, for the audit."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from wegnology.applications.audit import Actor, acting


class ActorMiddleware:
    """Lets changes be recorded under the user of the request. Stands behind the authentication."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        with acting(lambda: actor_of(request)):
            return self._get_response(request)


def actor_of(request: HttpRequest) -> Actor:
    """Return the user of a request, asked when something is recorded: who logs in is known only then."""
    user = request.user
    if user.is_authenticated:
        return Actor("user", str(user.pk), user.get_username())
    return Actor("system", "", "nobody logged in")
