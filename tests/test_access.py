"""Nobody gets in: every route with every role and an outsider, compared with a written table (`tests/access_table.py`)."""

import io
import re
import zipfile
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.messages import get_messages
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, reverse
from pytest_django import Settings

from integrations.live import outage
from tests.access_rows import FOREIGN, MISSING, ROLES, ROWS, Scene, scene, snapshot
from tests.access_table import TABLE as PAGES
from tests.api.access_table import API_TABLE
from tests.api.tokens import bearer
from tests.lamp import lamp  # noqa: F401  (a fixture)
from tests.servers.redis import RedisServer
from tests.test_pages import every_route
from wegnology.applications.models import Member, Role
from wegnology.applications.operator_admin import OperatorAdmin
from wegnology.applications.owned_admin import OwnedAdmin, OwnedInline

pytestmark = [pytest.mark.django_db, pytest.mark.one_database, pytest.mark.usefixtures("lamp", "redis_here")]

PARTS = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)")
SAID = {"post": "yes", "confirmed": "yes"}
TABLE = PAGES | API_TABLE


def name_of(route: str, entry: URLPattern) -> str:
    """Return the name by which the table calls a route."""
    space = next((f"{space}:" for space in ("admin", "api") if route.startswith(f"{space}/")), "")
    return f"{space}{entry.name}" if entry.name else route


ENTRIES: dict[str, tuple[str, URLPattern]] = {name_of(route, entry): (route, entry) for route, entry in every_route()}
ROUTES: dict[str, str] = {name: route for name, (route, _) in ENTRIES.items()}
METHODS = ("get", "post", "put", "patch", "delete")
IDS = re.compile(r"\b(object_id|check_id|id)>")
WITH_ROW = sorted(name for name, route in ROUTES.items() if IDS.search(route))


@pytest.fixture
def people(redis_here: RedisServer, settings: Settings) -> Scene:
    """Both applications and everybody."""
    settings.API_PER_MINUTE = settings.API_STRANGERS_PER_MINUTE = 10**9
    outage.over()
    return scene()


def label_of(name: str) -> str:
    """Return the model that a route is about, if any."""
    if name in ("overview", "export_application"):
        return "applications.application"
    if name == "export_workflow":
        return "workflows.workflow"
    if name == "admin:view_on_site":
        return "integrations.integration"
    begins = {label: (f"admin:{label.replace('.', '_')}_", f"admin/{label.replace('.', '/')}/") for label in ROWS}
    labels = [label for label in ROWS if name.startswith(begins[label])]
    return max(labels, key=len, default="")


def address_of(name: str, words: dict[str, str]) -> str:
    """Fill in a route."""
    filled = PARTS.sub(lambda part: words[part.group(1) or part.group(2)], ROUTES[name])
    return "/" + filled.replace("^", "").replace("$", "").replace("\\Z", "")


def ask(role: str, people: Scene, method: str, address: str) -> Any:
    """Ask as somebody; whatever it does is undone."""
    if address.startswith("/api/"):
        client = Client(raise_request_exception=True)
        with transaction.atomic():
            headers = bearer(people.people[role]) if role in people.people else {}
            response = client.generic(method.upper(), address, "{}", content_type="application/json", headers=headers)
            transaction.set_rollback(True)
        return response
    client = people.client(role)
    with transaction.atomic():
        response = getattr(client, method)(address, SAID if method == "post" else None)
        transaction.set_rollback(True)
    return response


def word_for(response: Any) -> str:
    """Return the table's word for an answer."""
    to = response.headers.get("Location", "")
    if to.startswith(reverse("admin:login")):
        return "login"
    return "gone" if to == reverse("admin:index") else str(response.status_code)


def test_every_route_has_a_line() -> None:
    missing, left_over = sorted(ROUTES.keys() - TABLE.keys()), sorted(TABLE.keys() - ROUTES.keys())
    assert not missing, f"Say in tests/access_table.py what each role gets from: {', '.join(missing)}"
    assert not left_over, f"These routes are gone; remove their lines from tests/access_table.py: {', '.join(left_over)}"
    for name, (_, entry) in ENTRIES.items():
        for method in set(METHODS) & set(getattr(entry.callback, "actions", ())):
            assert TABLE[name].written(method), f"Say in tests/access_table.py what {name} answers to {method}"


def test_every_model_with_pages_has_rows_to_walk_with() -> None:
    missing = sorted({model._meta.label_lower for model in admin.site._registry} - ROWS.keys())
    assert not missing, f"Say in ROWS of tests/access_rows.py how a row of these is made: {', '.join(missing)}"


@pytest.mark.parametrize("role", ROLES)
def test_each_role_gets_what_the_table_says(people: Scene, role: str) -> None:
    at, wrong = ROLES.index(role), {}
    for name, method in ((name, method) for name, line in TABLE.items() for method in METHODS if line.written(method)):
        written = TABLE[name].written(method)
        assert len(written) == len(ROLES), name
        found = word_for(ask(role, people, method, address_of(name, people.words(people.own, label_of(name)))))
        if found != written[at]:
            wrong[f"{method} {name}"] = f"{found}, the table says {written[at]}"
    assert wrong == {}


def test_a_role_counts_where_it_was_given(people: Scene) -> None:
    """Who administers one application and may look at another is a viewer there, on every page of a row."""
    Member.objects.create(application=people.foreign, user=people.people["administrator"], role=Role.VIEWER)
    viewer, wrong, before = ROLES.index("viewer"), {}, snapshot(people.foreign)
    for name, method in ((name, method) for name in WITH_ROW for method in METHODS if TABLE[name].written(method)):
        words = people.words(people.foreign, label_of(name))
        found, written = (
            word_for(ask("administrator", people, method, address_of(name, words))),
            TABLE[name].written(method)[viewer],
        )
        if found != written and not {found, written} <= {"403", "404", "gone"}:  # refused in another way is refused
            wrong[f"{method} {name}"] = f"{found}, the table says {written}"
    assert snapshot(people.foreign) == before
    assert wrong == {}


def told(response: Any, row_id: str) -> tuple[str, str, list[str], str]:
    """Return what an answer says, without the id that was asked for and what differs each time."""
    named = re.compile(rf"\b{row_id}\b")
    text = re.sub(r'csrfmiddlewaretoken" value="[^"]*"', "", response.content.decode())
    messages = [named.sub("ID", str(message)) for message in get_messages(response.wsgi_request)]
    return word_for(response), named.sub("ID", response.headers.get("Location", "")), messages, named.sub("ID", text)


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("role", ["outsider", "viewer", "administrator"])
def test_what_belongs_to_others_is_answered_like_what_does_not_exist(people: Scene, role: str, method: str) -> None:
    before = snapshot(people.foreign)
    for name in WITH_ROW:
        theirs = people.words(people.foreign, label_of(name))
        (part,) = IDS.findall(ROUTES[name])
        nothing = {**theirs, part: MISSING[int if theirs[part].isdigit() else str]}
        foreign, missing = (ask(role, people, method, address_of(name, words)) for words in (theirs, nothing))
        assert told(foreign, theirs[part]) == told(missing, nothing[part]), name
        assert foreign.status_code in (302, 403, 404, 405), name
    assert snapshot(people.foreign) == before


def readable(content: bytes) -> str:
    """Return an answer as text; an archive unpacked, nothing of a picture."""
    if content.startswith(b"\x89PNG"):
        return ""
    if not content.startswith(b"PK"):
        return content.decode()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return "".join(archive.read(name).decode() for name in archive.namelist())


@pytest.mark.parametrize("role", ["outsider", "administrator"])
def test_no_page_names_what_belongs_to_others(people: Scene, role: str) -> None:
    for name in sorted(TABLE):
        address = address_of(name, people.words(people.own, label_of(name)))
        lists = ("", f"?q={FOREIGN[:4]}", f"?application__id__exact={people.foreign.pk}&_facets=True")
        for query in lists if name.endswith("_changelist") else lists[:1]:
            html = readable(ask(role, people, "get", address + query).content)
            assert FOREIGN not in html, address + query
            assert query or people.foreign.pk not in html, address


def test_the_walk_finds_an_open_door(people: Scene) -> None:
    """The walk can fail: an operator does see the names of others."""
    html = ask("operator", people, "get", reverse("admin:integrations_integration_changelist")).content.decode()
    assert FOREIGN in html


def test_every_page_of_the_admin_decides_by_role() -> None:
    """A page that forgot its owner would follow Django's permissions, which mean nothing here."""
    for model, page in admin.site._registry.items():
        assert isinstance(page, OwnedAdmin | OperatorAdmin), f"{model._meta.label}: inherit OwnedAdmin or OperatorAdmin"
        for inline in page.inlines:
            assert issubclass(inline, OwnedInline), f"{inline.__name__}: inherit OwnedInline"


def test_filters_offer_no_values_of_other_tables() -> None:
    """Django reads the choices of a filter over a related row's plain field from everybody's rows."""
    for model, page in admin.site._registry.items():
        plain = [entry for entry in page.list_filter if isinstance(entry, str) and "__" in entry]
        assert not plain, f"{model._meta.label}: make {plain} a SimpleListFilter over model_admin.get_queryset(request)"
