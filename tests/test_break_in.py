"""Attempts to reach what belongs to others, or more than a role allows, through forms, actions, filters and addresses."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from integrations.live import outage
from integrations.models import Integration
from tests import factories
from tests.access_rows import FOREIGN, ROWS, Scene, rows_of, scene, snapshot
from tests.lamp import lamp  # noqa: F401  (a fixture)
from tests.servers.redis import RedisServer
from wegnology.applications.models import Member, Role
from workflows.models import ParkedRun, Workflow

pytestmark = [pytest.mark.django_db, pytest.mark.one_database, pytest.mark.usefixtures("lamp")]

LAMP = {"name": "Hall", "enabled": "on", "topics": "one", "config_host": "lamp.local", "config_port": "7", "config_mode": "plain"}
ALERT = {"name": "Mine", "enabled": "on", "triggers": "[]", "nodes": "[]", "globals": "{}"}


@pytest.fixture
def people(redis_here: RedisServer) -> Scene:
    """Both applications and everybody."""
    outage.over()
    return scene()


def as_(people: Scene, role: str) -> Client:
    """Log in."""
    client = Client()
    client.force_login(people.people[role])
    return client


def to(model: str, page: str = "changelist", *row_id: object) -> str:
    """Return an address of the admin."""
    return reverse(f"admin:{model.replace('.', '_')}_{page}", args=row_id)


def faults(response: Any) -> dict[str, list[str]]:
    """Return the faults of a form."""
    return {name: list(texts) for name, texts in response.context["adminform"].form.errors.items()}


def said(response: Any) -> str:
    """Return the messages of an answer."""
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def application_form(globals_: dict[str, str] | None = None, members: dict[str, str] | None = None) -> dict[str, str]:
    """Return the filled form of an application."""
    form = {"name": "Plant"}
    for prefix, fields in (("globals", globals_ or {}), ("members", members or {})):
        rows = {name.partition("-")[0] for name in fields}
        stored = {name.partition("-")[0] for name in fields if name.endswith("-id")}
        form |= {f"{prefix}-TOTAL_FORMS": str(len(rows)), f"{prefix}-INITIAL_FORMS": str(len(stored))}
        form |= {f"{prefix}-{name}": value for name, value in fields.items()}
    return form


class TestForms:
    @pytest.mark.parametrize("role", ["editor", "administrator"])
    @pytest.mark.parametrize(
        ("address", "form"),
        [
            (to("integrations.integration", "add") + "?type=lamp", LAMP),
            (to("workflows.workflow", "add"), ALERT),
        ],
    )
    def test_nothing_is_added_to_an_application_of_others(
        self, people: Scene, role: str, address: str, form: dict[str, str]
    ) -> None:
        before = snapshot(people.foreign)
        response = as_(people, role).post(address, {**form, "application": people.foreign.pk})
        assert "application" in faults(response)
        assert snapshot(people.foreign) == before
        assert as_(people, role).post(address, {**form, "application": people.own.pk}).status_code == 302

    def test_nothing_is_added_where_one_may_only_look(self, people: Scene) -> None:
        Member.objects.create(application=people.foreign, user=people.people["editor"], role=Role.VIEWER)
        client = as_(people, "editor")
        response = client.post(to("workflows.workflow", "add"), {**ALERT, "application": people.foreign.pk})
        assert "application" in faults(response)
        assert client.get(to("workflows.workflow", "change", people.foreign_rows["workflows.workflow"].pk)).status_code == 200

    @pytest.mark.parametrize(("model", "form"), [("integrations.integration", LAMP), ("workflows.workflow", ALERT)])
    def test_nothing_moves_to_another_application(self, people: Scene, model: str, form: dict[str, str]) -> None:
        row: Any = people.own_rows[model]
        response = as_(people, "administrator").post(to(model, "change", row.pk), {**form, "application": people.foreign.pk})
        assert response.status_code == 302
        row.refresh_from_db()
        assert row.application_id == people.own.pk

    @pytest.mark.parametrize("page", ["add", "change"])
    def test_a_version_of_others_cannot_be_live(self, people: Scene, page: str) -> None:
        foreign: Any = people.foreign_rows["workflows.workflow"]
        ids = [people.own_rows["workflows.workflow"].pk] if page == "change" else []
        form = {**ALERT, "application": people.own.pk, "default_version": foreign.versions.get(name=f"{FOREIGN} version").pk}
        response = as_(people, "editor").post(to("workflows.workflow", page, *ids), form)
        assert "default_version" in faults(response)

    @pytest.mark.parametrize(("role", "kept"), [("administrator", None), ("operator", 500.0)])
    def test_operators_alone_set_the_throttle(self, people: Scene, role: str, kept: float | None) -> None:
        row = people.own_rows["integrations.integration"]
        client, form = as_(people, role), {**LAMP, "application": people.own.pk, "throttle_per_second": "500"}
        assert client.post(to("integrations.integration", "change", row.pk), form).status_code == 302
        assert client.post(to("integrations.integration", "add") + "?type=lamp", {**form, "name": "New"}).status_code == 302
        assert set(Integration.objects.filter(application=people.own).values_list("throttle_per_second", flat=True)) == {kept}

    def test_choices_name_own_applications_only(self, people: Scene) -> None:
        html = as_(people, "editor").get(to("workflows.workflow", "add") + f"?application={people.foreign.pk}").content.decode()
        assert f'value="{people.own.pk}"' in html
        assert FOREIGN not in html
        assert f'value="{people.foreign.pk}"' not in html


class TestGlobals:
    def test_a_global_of_others_is_not_changed_on_ones_own_page(self, people: Scene) -> None:
        before = snapshot(people.foreign)
        entry = people.foreign.globals.get()
        stolen = {"0-id": str(entry.pk), "0-key": "mine", "0-value": "1", "0-application": people.foreign.pk}
        address = to("applications.application", "change", people.own.pk)
        for fields in (stolen, {**stolen, "0-DELETE": "on"}, {**stolen, "0-application": people.own.pk}):
            as_(people, "editor").post(address, application_form(fields))
            assert snapshot(people.foreign) == before

    def test_a_global_is_not_added_to_others(self, people: Scene) -> None:
        before = snapshot(people.foreign)
        fields = {"0-key": "mine", "0-value": "1", "0-application": people.foreign.pk}
        response = as_(people, "editor").post(to("applications.application", "change", people.own.pk), application_form(fields))
        assert response.status_code == 200
        assert snapshot(people.foreign) == before


class TestMembers:
    def page(self, people: Scene) -> str:
        """Return the page of the own application."""
        return to("applications.application", "change", people.own.pk)

    @pytest.mark.parametrize("role", ["viewer", "editor"])
    def test_nobody_raises_their_own_role(self, people: Scene, role: str) -> None:
        row = Member.objects.get(user=people.people[role])
        for fields in (
            {"0-id": str(row.pk), "0-role": "administrator"},
            {"0-id": str(Member.objects.get(user=people.people["administrator"]).pk), "0-role": "viewer", "0-DELETE": "on"},
            {"0-who": "outsider", "0-role": "administrator"},
        ):
            before = snapshot(people.own)["members"]
            as_(people, role).post(self.page(people), application_form(members=fields))
            assert snapshot(people.own)["members"] == before

    def test_members_of_others_stay_as_they_are(self, people: Scene) -> None:
        before = snapshot(people.foreign)
        theirs = str(people.foreign.members.get().pk)
        for fields in (
            {"0-id": theirs, "0-role": "viewer"},
            {"0-id": theirs, "0-role": "viewer", "0-DELETE": "on"},
            {"0-id": theirs, "0-role": "viewer", "0-application": people.foreign.pk},
            {"0-who": "administrator", "0-role": "administrator", "0-application": people.foreign.pk},
        ):
            as_(people, "administrator").post(self.page(people), application_form(members=fields))
            assert snapshot(people.foreign) == before

    def test_a_membership_does_not_pass_to_another_person(self, people: Scene) -> None:
        row = Member.objects.get(user=people.people["viewer"])
        fields = {"0-id": str(row.pk), "0-who": "outsider", "0-user": str(people.people["outsider"].pk), "0-role": "editor"}
        as_(people, "administrator").post(self.page(people), application_form(members=fields))
        row.refresh_from_db()
        assert (row.user, row.role) == (people.people["viewer"], Role.EDITOR)


class TestActions:
    @pytest.mark.parametrize("extra", [{}, {"select_across": "1"}])
    @pytest.mark.parametrize("model", ["integrations.integration", "workflows.workflow", "applications.application"])
    def test_rows_of_others_cannot_be_chosen(self, people: Scene, model: str, extra: dict[str, str]) -> None:
        before = snapshot(people.foreign)
        chosen = {
            "action": "delete_selected",
            "_selected_action": people.foreign_rows[model].pk,
            "post": "yes",
            "confirmed": "yes",
        }
        html = as_(people, "administrator").post(to(model), {**chosen, **extra}, follow=True).content.decode()
        assert FOREIGN not in html
        assert snapshot(people.foreign) == before

    @pytest.mark.parametrize("model", ["integrations.integration", "workflows.workflow", "applications.application"])
    def test_one_row_too_many_and_nothing_is_done(self, people: Scene, model: str) -> None:
        user = people.people["administrator"]
        Member.objects.create(application=people.foreign, user=user, role=Role.EDITOR)
        both = [people.own_rows[model].pk, people.foreign_rows[model].pk]
        before = snapshot(people.own), snapshot(people.foreign)
        data = {"action": "delete_selected", "_selected_action": both, "post": "yes", "confirmed": "yes"}
        response = as_(people, "administrator").post(to(model), data)
        assert "Nothing was done: for 1 of the chosen rows you would have to be administrator" in said(response)
        assert (snapshot(people.own), snapshot(people.foreign)) == before

    @pytest.mark.parametrize("role", ["outsider", "viewer", "editor"])
    def test_who_may_not_delete_cannot(self, people: Scene, role: str) -> None:
        before = snapshot(people.own)
        for model in ("integrations.integration", "workflows.workflow", "applications.application"):
            data = {"action": "delete_selected", "_selected_action": people.own_rows[model].pk, "post": "yes", "confirmed": "yes"}
            as_(people, role).post(to(model), data)
        assert snapshot(people.own) == before

    def test_runs_of_others_are_not_replayed(self, people: Scene) -> None:
        row = people.foreign_rows["workflows.parkedrun"]
        client = as_(people, "administrator")
        client.post(to("workflows.parkedrun"), {"action": "replay", "_selected_action": row.pk})
        response = client.post(to("workflows.parkedrun", "replay", row.pk))
        assert "doesn’t exist" in said(response)
        assert ParkedRun.objects.filter(pk=row.pk).exists()

    def test_deleting_an_application_names_and_takes_ones_own(self, people: Scene) -> None:
        before = snapshot(people.foreign)
        client, address = as_(people, "administrator"), to("applications.application", "delete", people.own.pk)
        html = client.get(address).content.decode()
        assert "Plant alert" in html
        assert FOREIGN not in html
        assert client.post(address, {"post": "yes"}).status_code == 302
        assert not Workflow.objects.filter(application=people.own).exists()
        assert snapshot(people.foreign) == before


class TestLists:
    def test_autocompletion_finds_own_rows(self, people: Scene) -> None:
        where = {"app_label": "integrations", "model_name": "integration", "field_name": "application", "term": ""}
        html = as_(people, "viewer").get(reverse("admin:autocomplete"), where).content.decode()
        assert people.own.pk in html
        assert people.foreign.pk not in html
        assert as_(people, "outsider").get(reverse("admin:autocomplete"), where).status_code == 403

    @pytest.mark.parametrize(
        "query",
        [
            "application__members__user__password__startswith=p",
            "application__name__startswith=Z",
            "members__user__password__startswith=p",
            "_to_field=name&_popup=1",
        ],
    )
    def test_addresses_ask_no_questions_about_other_tables(self, people: Scene, query: str) -> None:
        for model in ("integrations.integration", "applications.application"):
            response = as_(people, "viewer").get(f"{to(model)}?{query}")
            assert response.status_code in (302, 400)

    def test_filters_offer_own_applications(self, people: Scene) -> None:
        third = factories.application("Third")
        Member.objects.create(application=third, user=people.people["viewer"], role=Role.VIEWER)
        html = as_(people, "viewer").get(to("integrations.integration")).content.decode()
        assert f"application__id__exact={third.pk}" in html
        assert people.foreign.pk not in html

    @pytest.mark.parametrize("model", [label for label in ROWS if label != "auth.user"])
    def test_lists_cost_the_same_for_any_number(self, people: Scene, model: str) -> None:
        client, user = as_(people, "administrator"), people.people["administrator"]

        def cost() -> int:
            with CaptureQueriesContext(connection) as captured:
                assert client.get(to(model)).status_code == 200
            return len(captured)

        def grow(count: int) -> None:
            for number in range(count):
                of = factories.application(f"Number {number}")
                Member.objects.create(application=of, user=user, role=Role.ADMINISTRATOR)
                rows_of(of)

        grow(2)
        few = cost()
        grow(8)
        assert cost() == few


class TestAccounts:
    def test_permissions_of_models_open_nothing(self, people: Scene) -> None:
        """Whatever Django's permissions say: roles decide, and accounts are the operators'."""
        outsider = people.people["outsider"]
        outsider.user_permissions.set(Permission.objects.exclude(codename="add_application"))
        client = as_(people, "outsider")
        for model, row in people.own_rows.items():
            assert client.get(to(model)).status_code == 403, model
            assert client.get(to(model, "change", row.pk)).status_code == 403, model
        assert (
            client.post(to("auth.user", "change", outsider.pk), {"username": "outsider", "is_superuser": "on"}).status_code == 403
        )
        assert client.post(to("auth.user", "add"), {"username": "new"}).status_code == 403
        assert not User.objects.get(pk=outsider.pk).is_superuser

    def test_the_own_password_page_changes_the_password_only(self, people: Scene) -> None:
        user = people.people["administrator"]
        user.set_password("correct horse")
        user.save()
        new = {"old_password": "correct horse", "new_password1": "battery staple", "new_password2": "battery staple"}
        client = as_(people, "administrator")
        client.post(reverse("admin:password_change"), {**new, "is_superuser": "on", "username": "root"})
        user.refresh_from_db()
        assert user.check_password("battery staple")
        assert (user.username, user.is_superuser) == ("administrator", False)

    def test_who_is_switched_off_is_out_at_once(self, people: Scene) -> None:
        client = as_(people, "administrator")
        assert client.get(to("integrations.integration")).status_code == 200
        User.objects.filter(username="administrator").update(is_active=False)
        assert client.get(to("integrations.integration")).status_code == 302

    def test_who_is_removed_is_out_at_once(self, people: Scene) -> None:
        client = as_(people, "editor")
        address = to("integrations.integration", "change", people.own_rows["integrations.integration"].pk)
        assert client.get(address).status_code == 200
        Member.objects.filter(user=people.people["editor"]).delete()
        assert client.get(address).status_code == 403
