"""What people see of usage: the month on the application's page, and limits that are reached."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests import factories
from tests.lamp import CONFIG, lamp  # noqa: F401  (a fixture)
from wegnology.applications import usage
from wegnology.applications.models import Application, Role
from wegnology.applications.usage import Amount, Bucket, Month
from wegnology.applications.usage_chart import HEIGHT, usage_chart

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lamp", "redis_here")]

TODAY = datetime(2026, 11, 23, tzinfo=UTC).date()


@pytest.fixture
def plant() -> Application:
    """An application with a limit of 1,000 and 1,500 used today."""
    row = factories.application("Plant")
    row.payload_limit = 1_000
    row.save()
    bucket = Bucket(row.pk, timezone.now().astimezone(UTC).date())
    usage.lock([bucket])
    usage.add({bucket: Amount(1_500, 0)})
    return row


def html(client: Client, address: str) -> str:
    return client.get(address).content.decode()


def month(limit: int | None, *counts: int) -> Month:
    first = TODAY.replace(day=1)
    days = {first + timedelta(days=at): {"integration": count} for at, count in enumerate(counts)}
    return Month(first, days, sum(counts), 0, limit, False)


def test_overage_is_said_and_drawn(admin_client: Client, plant: Application) -> None:
    page = html(admin_client, reverse("admin:applications_application_change", args=[plant.pk]))
    assert "<strong>1,500</strong> of 1,000 (150 %)" in page
    assert "500 payloads over the limit. Everything still runs." in page
    assert 'class="wg-source-integration"' in page
    assert "has used 1,500 payloads this month, of 1,000" in html(admin_client, reverse("status"))


def test_a_stop_is_said_where_people_look(admin_client: Client, plant: Application) -> None:
    plant.stop_at_limit = True
    plant.save()
    integration = factories.integration(plant, integration_type="lamp", config=CONFIG)
    usage.judge_limits()
    for address in (
        reverse("admin:applications_application_change", args=[plant.pk]),
        reverse("admin:integrations_integration_change", args=[integration.pk]),
    ):
        assert "Nothing more is taken in until" in html(admin_client, address)
    assert "takes nothing more in until" in html(admin_client, reverse("status"))


def test_who_is_no_member_hears_nothing(client: Client, plant: Application) -> None:
    client.force_login(factories.person("ann", factories.application("Elsewhere"), Role.ADMINISTRATOR))
    assert "Plant" not in html(client, reverse("status"))


def test_the_limit_is_the_operators(client: Client, plant: Application) -> None:
    client.force_login(factories.person("ann", plant, Role.ADMINISTRATOR))
    address = reverse("admin:applications_application_change", args=[plant.pk])
    assert 'name="payload_limit"' not in html(client, address)
    form = {"name": "Plant", "payload_limit": "", "globals-TOTAL_FORMS": "0", "globals-INITIAL_FORMS": "0"}
    client.post(address, {**form, "members-TOTAL_FORMS": "0", "members-INITIAL_FORMS": "0"})
    plant.refresh_from_db()
    assert plant.payload_limit == 1_000


class TestChart:
    def test_bars_and_the_pace_share_a_scale(self) -> None:
        chart = usage_chart(month(300, 100, 200, 0))
        heights = [sum(part.height for part in day.segments) for day in chart.days]
        assert heights == [HEIGHT / 2, HEIGHT, 0]
        assert chart.pace_y == HEIGHT / 2  # 100 a day
        assert (chart.pace, chart.top) == (100, 200)

    def test_a_limit_far_above_does_not_flatten_the_bars(self) -> None:
        chart = usage_chart(month(1_000_000, 10, 20, 30))
        assert chart.pace_y is None
        assert chart.days[2].segments[0].height == HEIGHT

    @pytest.mark.parametrize("limit", [None, 0])
    def test_an_empty_month(self, limit: int | None) -> None:
        chart = usage_chart(month(limit, 0, 0, 0))
        assert (chart.rows, chart.sources) == ([], [])
