"""Applications and their globals in the admin."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests import factories
from wegnology.applications.models import Application, Global

pytestmark = pytest.mark.django_db

ADD = reverse("admin:applications_application_add")


def typed(*entries: tuple[str, str], ids: tuple[int, ...] = ()) -> dict[str, str]:
    """Return a filled form with globals as (key, text); the first ones are stored rows with these `ids`."""
    form = {"name": "Plant", "globals-TOTAL_FORMS": str(len(entries)), "globals-INITIAL_FORMS": str(len(ids))}
    form |= {"members-TOTAL_FORMS": "0", "members-INITIAL_FORMS": "0"}
    for at, (key, text) in enumerate(entries):
        form |= {f"globals-{at}-key": key, f"globals-{at}-value": text}
    for at, row_id in enumerate(ids):
        form[f"globals-{at}-id"] = str(row_id)
    return form


def faults(response: Any) -> list[dict[str, list[str]]]:
    """Return the faults of each global."""
    inline = response.context["inline_admin_formsets"][0]
    return [{name: list(texts) for name, texts in errors.items()} for errors in inline.formset.errors]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("30", 30),
        ('"text"', "text"),
        ("true", True),
        ("[1, 2]", [1, 2]),
        ('{"a": {"b": 1}}', {"a": {"b": 1}}),
        ("[]", []),
        ("0", 0),
    ],
)
def test_globals_are_json(admin_client: Client, text: str, value: object) -> None:
    response = admin_client.post(ADD, typed(("limit", text)))
    assert response.status_code == 302, faults(response)
    assert Global.objects.get().value == value


@pytest.mark.parametrize(
    ("key", "text", "field", "said"),
    [
        ("limit", '{"a": 1,\n  b}', "value", "Line 2, column 3 near “b}”"),
        ("limit", "text", "value", "Line 1, column 1 near “text”"),
        ("limit", "", "value", "This field is required."),
        ("a b", "1", "key", "Use letters, digits, _ and - only."),
    ],
)
def test_faults_point_at_their_place(admin_client: Client, key: str, text: str, field: str, said: str) -> None:
    response = admin_client.post(ADD, typed((key, text)))
    assert said in faults(response)[0][field][0]
    if text:
        assert text.splitlines()[0] in response.context["inline_admin_formsets"][0].formset[0]["value"].value()
    assert not Application.objects.exists()


def test_a_changed_global_raises_the_revision(admin_client: Client) -> None:
    row = factories.application("Plant", threshold=30)
    before = Application.objects.get(pk=row.pk).revision
    entry = Global.objects.get()
    address = reverse("admin:applications_application_change", args=[row.pk])
    response = admin_client.post(address, typed(("threshold", "31"), ids=(entry.pk,)))
    assert response.status_code == 302, faults(response)
    assert Global.objects.get().value == 31
    assert Application.objects.get(pk=row.pk).revision > before


def test_a_deleted_global_raises_the_revision(admin_client: Client) -> None:
    row = factories.application("Plant", threshold=30)
    before = Application.objects.get(pk=row.pk).revision
    form = typed(("threshold", "30"), ids=(Global.objects.get().pk,)) | {"globals-0-DELETE": "on"}
    admin_client.post(reverse("admin:applications_application_change", args=[row.pk]), form)
    assert not Global.objects.exists()
    assert Application.objects.get(pk=row.pk).revision > before


def test_the_list_counts_what_is_in_each(admin_client: Client) -> None:
    row = factories.application("Plant")
    factories.workflow(row)
    factories.workflow(row, name="Second")
    html = admin_client.get(reverse("admin:applications_application_changelist")).content.decode()
    assert "Plant" in html
    (shown,) = Application.objects.all()
    assert shown.workflows.count() == 2
