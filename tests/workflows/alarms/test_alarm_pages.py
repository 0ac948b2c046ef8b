"""Pages of alarms and rules, and the trigger in a compiled workflow."""

import json
import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.events import EventKind, Origin, TriggerEvent
from tests import factories
from wegnology.applications.models import Application, Role
from wegnology.applications.records import AuditEntry
from wegnology.lib.types import JSONObject
from workflows.alarms.kinds import KINDS
from workflows.alarms.panel import alarm_panel
from workflows.graph import Graph
from workflows.models import Alarm, AlarmRule
from workflows.plans import OwnSources, Plan

pytestmark = pytest.mark.django_db

HIDDEN = "https://hooks.example.com/T0/hush-hush"


@pytest.fixture
def plant() -> Application:
    """An application."""
    return factories.application()


@pytest.fixture
def editor(client: Client, plant: Application) -> Client:
    """The client of an editor."""
    client.force_login(factories.person("ed", plant, Role.EDITOR))
    return client


def an_alarm(plant: Application, **fields: Any) -> Alarm:
    rule, now = plant.alarm_rules.get(kind="refused"), timezone.now()
    about = {"subject_kind": "application", "subject_id": plant.pk, "subject_name": "Broker"}
    said = {"first_cause": "It was.", "cause": "Bad login.", "opened_at": now, "updated_at": now}
    return Alarm.objects.create(**{"application": plant, "rule": rule, "kind": rule.kind, **about, **said, **fields})


def form_of(plant: Application, **fields: Any) -> dict[str, Any]:
    return {"application": plant.pk, "kind": "silent", "enabled": "on", "emails": "", "repeat_minutes": "60", **fields}


def test_an_editor_acknowledges(editor: Client, plant: Application) -> None:
    alarm = an_alarm(plant)
    page = reverse("admin:workflows_alarm_change", args=[alarm.pk])
    html = editor.get(page).content.decode()
    assert "Bad login." in html
    assert "Correct the settings" in html
    editor.post(reverse("admin:workflows_alarm_acknowledge", args=[alarm.pk]))
    alarm.refresh_from_db()
    assert alarm.acknowledged_by == "ed"
    assert AuditEntry.objects.filter(action="acknowledged", object_id=alarm.pk).exists()
    assert "/acknowledge/" not in editor.get(page).content.decode()


def test_many_are_acknowledged_together(editor: Client, plant: Application) -> None:
    keys = [an_alarm(plant, subject_id=f"{at:024}").pk for at in range(3)]
    chosen = {"action": "acknowledge_many", "_selected_action": keys[:2]}
    html = editor.post(reverse("admin:workflows_alarm_changelist"), chosen, follow=True).content.decode()
    assert "2 acknowledged" in html
    assert Alarm.objects.filter(acknowledged_at__isnull=True).get().pk == keys[2]


def test_what_is_open_stands_first(editor: Client, plant: Application) -> None:
    now = timezone.now()
    an_alarm(plant, subject_name="Over one", cleared_at=now)
    an_alarm(plant, subject_name="Known one", subject_id="k", acknowledged_at=now)
    an_alarm(plant, subject_name="Open one", subject_id="o")
    html = editor.get(reverse("admin:workflows_alarm_changelist")).content.decode()
    places = [html.index(name) for name in ("Open one", "Known one", "Over one")]
    assert places == sorted(places)


def test_the_address_of_a_webhook_is_sealed_and_its_key_stays(editor: Client, plant: Application) -> None:
    rule = plant.alarm_rules.get(kind="silent")
    page = reverse("admin:workflows_alarmrule_change", args=[rule.pk])
    assert editor.post(page, form_of(plant, webhook=HIDDEN)).status_code == 302
    rule = AlarmRule.objects.get(pk=rule.pk)
    url, key = rule.receiver()
    assert url == HIDDEN
    assert "hush" not in str(rule.config)
    html = editor.get(page).content.decode()
    assert "hush" not in html
    assert key in html
    editor.post(page, form_of(plant, threshold="4"))
    editor.post(page, form_of(plant, webhook=HIDDEN + "2"))
    rule = AlarmRule.objects.get(pk=rule.pk)
    assert rule.receiver() == (HIDDEN + "2", key)
    assert "hush" not in str(list(AuditEntry.objects.values_list("changes", flat=True)))
    editor.post(page, form_of(plant, no_webhook="on"))
    assert not AlarmRule.objects.get(pk=rule.pk).calls


def test_who_may_only_look_sees_no_key(client: Client, plant: Application) -> None:
    rule = plant.alarm_rules.get(kind="silent")
    rule.call_at(HIDDEN)
    rule.save()
    client.force_login(factories.person("vi", plant))
    html = client.get(reverse("admin:workflows_alarmrule_change", args=[rule.pk])).content.decode()
    assert "a webhook" in html
    assert rule.receiver()[1] not in html


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"emails": "ops@example.com\nnobody"}, "nobody is no e-mail address"),
        ({"emails": "\n".join(f"a{at}@example.com" for at in range(21))}, "At most 20 addresses"),
        ({"webhook": "ftp://example.com"}, "must begin with http"),
        ({"threshold": "0.5"}, "Give 1 to 1000 times"),
        ({"kind": "refused", "threshold": "1"}, "no threshold"),
        ({"repeat_minutes": "-1"}, "0"),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field(
    editor: Client, plant: Application, fields: dict[str, str], fault: str
) -> None:
    before = AlarmRule.objects.count()
    answer = editor.post(reverse("admin:workflows_alarmrule_add"), form_of(plant, **fields))
    assert answer.status_code == 200
    assert fault in answer.content.decode()
    assert AlarmRule.objects.count() == before


def test_integrations_of_others_cannot_be_named(editor: Client, plant: Application) -> None:
    foreign = factories.integration(factories.application("Other"))
    answer = editor.post(reverse("admin:workflows_alarmrule_add"), form_of(plant, integration=foreign.pk))
    assert answer.status_code == 200
    assert not AlarmRule.objects.filter(integration=foreign).exists()


def test_recipients_of_many_rules(editor: Client, plant: Application) -> None:
    address = reverse("admin:workflows_alarmrule_changelist")
    chosen = {"action": "tell_whom", "_selected_action": list(plant.alarm_rules.values_list("pk", flat=True))}
    assert "same recipients" in editor.post(address, chosen).content.decode()
    editor.post(address, {**chosen, "emails": "ops@example.com"})
    assert {tuple(rule.emails) for rule in plant.alarm_rules.all()} == {("ops@example.com",)}


def test_the_panel_counts(plant: Application) -> None:
    an_alarm(plant)
    an_alarm(plant, subject_id="k", acknowledged_at=timezone.now())
    an_alarm(plant, subject_id="o", cleared_at=timezone.now())
    panel = alarm_panel([plant])
    assert (panel.total, panel.unknown, panel.tone, len(panel.latest)) == (2, 1, "danger", 2)


def test_an_alarm_event_starts_the_runs_of_its_trigger() -> None:
    triggers: list[JSONObject] = [{"type": "alarm", "key": key, "config": {}, "outputIds": [[]]} for key in ("w-1", "w-2")]
    plan = Plan("a", "w", "v", Graph.parse(triggers, []), {}, {}, flat_globals=True)
    event = TriggerEvent("e", EventKind.MESSAGE, 0, {}, origin=Origin("alarm", "w-2", "alarm", "x"))
    (match,) = OwnSources(live={"w": plan}).matches("w", event)
    assert match.trigger is not None
    assert match.trigger.key == "w-2"


def test_fields_that_mean_nothing_for_a_kind_are_not_there(editor: Client, plant: Application) -> None:
    shown = {}
    for kind in ("refused", "silent", "payloadLimit"):
        rule = plant.alarm_rules.get(kind=kind)
        html = editor.get(reverse("admin:workflows_alarmrule_change", args=[rule.pk])).content.decode()
        shown[kind] = ('name="threshold"' in html, 'name="integration"' in html)
    assert shown == {"refused": (False, True), "silent": (True, True), "payloadLimit": (True, False)}


def test_a_new_rule_tells_the_script_for_which_kinds_a_field_is_there(editor: Client) -> None:
    html = editor.get(reverse("admin:workflows_alarmrule_add")).content.decode()
    assert "wegnology/schema-form.js" in html
    for name, with_it, without in (("threshold", "silent", "refused"), ("integration", "refused", "payloadLimit")):
        found = re.search(rf'<(?:input|select)[^>]*name="{name}"[^>]*data-when="([^"]*)"', html)
        assert found is not None
        kinds = json.loads(unescape(found[1]))["kind"]
        assert with_it in kinds
        assert without not in kinds


def test_the_last_failure_is_said_in_the_zone_of_who_reads(editor: Client, plant: Application) -> None:
    rule = plant.alarm_rules.get(kind="silent")
    AlarmRule.objects.filter(pk=rule.pk).update(mail_failure="01 Jul 2026 12:00 UTC: refused")
    editor.cookies["zone"] = "Europe/Berlin"
    for address in (reverse("admin:workflows_alarmrule_change", args=[rule.pk]), reverse("admin:workflows_alarmrule_changelist")):
        assert "1 Jul 2026 14:00:00: refused" in editor.get(address).content.decode()


def test_who_may_only_look_is_offered_no_change(client: Client, plant: Application) -> None:
    client.force_login(factories.person("vic", plant, Role.VIEWER))
    page = reverse("admin:workflows_alarmrule_changelist")
    assert "tell_whom" not in client.get(page).content.decode()
    rule = plant.alarm_rules.get(kind="silent")
    client.post(page, {"action": "tell_whom", "_selected_action": [rule.pk], "emails": "vic@example.com"})
    rule.refresh_from_db()
    assert rule.emails == []


def test_a_new_rule_names_the_unit_of_each_kind(editor: Client) -> None:
    html = unescape(editor.get(reverse("admin:workflows_alarmrule_add")).content.decode())
    assert "Disconnected: in minutes; empty means 5." in html
    for kind in KINDS.values():
        assert not kind.unit or f": in {kind.unit}; empty means {kind.usual:g}." in html
        assert (f'data-when="{json.dumps({"kind": [kind.name]})}">{kind.label}' in html) == bool(kind.unit), kind.name
