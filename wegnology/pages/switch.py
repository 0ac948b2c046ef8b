"""Choosing the application to work in."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from wegnology.applications.current import choose, current_of


@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """Work in another application; the route asks for who may log in."""
    if not choose(request, request.POST.get("application", "")):
        messages.error(request, _("This application is not there, or you are not a member of it any more."))
    return HttpResponseRedirect(home_of(request))


def home(request: HttpRequest) -> HttpResponse:
    """Lead to where a person begins: the chosen application, or all of them."""
    return HttpResponseRedirect(home_of(request) if request.user.is_authenticated else reverse("status"))


def home_of(request: HttpRequest) -> str:
    """Return the address where a person begins."""
    found = current_of(request).application
    return reverse("overview", args=[found.pk]) if found else reverse("status")
