"""Whole applications: out without secrets, in with a list of what must be filled in, and what happens with what is there."""

import io
import zipfile
from typing import Any

import pytest

from integrations.models import Integration
from tests import factories
from tests.workflows.exchange.samples import bring, button, carried, contents, debug, file, flow, plant, press, webhook
from wegnology.applications.models import Application, Credential, Global, Member, Role
from wegnology.applications.records import AuditEntry
from wegnology.lib.types import JSONObject
from workflows.exchange.exporting import export_application
from workflows.exchange.faults import ImportRefused
from workflows.exchange.reading import ImportFile
from workflows.exchange.report import Conflict, Report, Result, Scope
from workflows.models import DEVELOP, Webhook

pytestmark = pytest.mark.django_db

ALL = {"scope": Scope.APPLICATION}
SECRETS = ("hunter2", "s3cret-password", "top-secret-global", "Bearer-of-news")


def full(name: str = "Plant") -> Application:
    """Create an application with one of everything."""
    of = factories.application(name, limit=5, places={"a": [1, 2]})
    of.description = "Two lines\nof text"
    of.save()
    secret = Global(application=of, key="token", description="Who knows")
    secret.set_value("top-secret-global", secret=True)
    secret.save()
    factories.credential(of, name="Feed login", description="For feeds")
    mqtt: JSONObject = {**factories.MQTT, "username": "u", "password": "s3cret-password"}
    line = factories.integration(of, name="Line 1", config=mqtt)
    headers: list[Any] = [{"headerKey": "Authorization", "headerValue": "Bearer-of-news"}]
    socket: JSONObject = {"url": "ws://127.0.0.1/feed", "headers": headers}
    factories.integration(of, name="Feed", integration_type="websocket", config=socket, topics=())
    by_global: JSONObject = {**factories.MQTT, "username": "u", "password": "{{globals.token}}"}
    factories.integration(of, name="By global", config=by_global, topics=())
    named: JSONObject = {"url": "ws://127.0.0.1/other"}
    factories.integration(of, name="Named", integration_type="websocket", config=named, topics=(), credential_name="Feed login")
    alerts = factories.workflow(of, name="Alerts", triggers=[button(), webhook()], nodes=[debug("{{globals.limit}}")])
    version = factories.version(alerts, name="1.0", nodes=[debug("1")], notes="First")
    alerts.default_version = version
    alerts.save()
    key = str(contents(alerts)[DEVELOP].triggers[0]["key"])
    factories.workflow(of, name="Caller", triggers=[factories.trigger(line, ["p"])], nodes=[press(alerts.pk, key)])
    return of


def files_of(of: Application) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(export_application(of).data)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def results(report: Report) -> dict[str, Result]:
    return {f"{each.kind} {each.name}": each.result for each in report.outcomes}


def settings_of(row: Integration) -> JSONObject:
    return {key: value for key, value in row.raw_config().items() if key != "clientId"}


def test_an_export_holds_no_secret_and_is_the_same_each_time() -> None:
    of = full()
    files = files_of(of)
    assert not [secret for secret in SECRETS if secret in "".join(files.values())]
    assert "password: '{{globals.token}}'" in files["integrations.yaml"]  # says where the secret is, and no more
    assert "wegnology-" not in files["integrations.yaml"]  # a client id that was assigned stays with who has it
    (hook,) = Webhook.objects.filter(workflow__application=of)
    assert hook.token() not in "".join(files.values())
    assert export_application(of).data == export_application(of).data


def test_a_new_application_is_the_same_but_for_its_secrets() -> None:
    of, owner = full(), factories.person("ada")
    report = bring(None, carried(export_application(of)), **ALL, owner_id=owner.pk)
    made = Application.objects.get(pk=report.application_id)
    assert (made.name, made.description) == ("Plant", "Two lines\nof text")
    assert made.members.get().role == Role.ADMINISTRATOR
    assert {row.key: row.value for row in made.globals.all()} == {"limit": 5, "places": {"a": [1, 2]}}
    assert not any(made.integrations.values_list("enabled", flat=True))
    assert not any(made.workflows.values_list("enabled", flat=True))
    login = made.credentials.get()
    assert (login.name, login.description, login.enabled) == ("Feed login", "For feeds", False)
    assert login.raw_config() == {key: value for key, value in factories.HTTP.items() if key != "secretValue"}
    rows = {row.name: row for row in made.integrations.all()}
    assert settings_of(rows["Line 1"]) == {**factories.MQTT, "username": "u"}
    assert rows["Line 1"].topics == ["demo/in/#"]
    assert settings_of(rows["By global"])["password"] == "{{globals.token}}"
    assert rows["Feed"].raw_config()["headers"] == [{"headerKey": "Authorization"}]
    assert rows["Named"].credential_name == "Feed login"
    caller, alerts = (contents(made.workflows.get(name=name)) for name in ("Caller", "Alerts"))
    assert caller[DEVELOP].triggers[0]["key"] == rows["Line 1"].pk
    assert caller[DEVELOP].nodes[0]["config"]["triggerVirtualButtonId"] == alerts[DEVELOP].triggers[0]["key"]
    live = made.workflows.get(name="Alerts").default_version
    assert live is not None
    assert (live.name, live.notes) == ("1.0", "First")


def test_what_must_be_filled_in_is_listed() -> None:
    report = bring(None, carried(export_application(full())), **ALL, name="Copy")
    assert report.application_name == "Copy"
    said = [fault.message for fault in report.to_fill_in]
    assert [text.partition(":")[0] for text in said] == [
        "The global “token” is secret",
        "Enter this secret of the service credential “Feed login”, then enable it.",
        "Enter this secret of the integration “Feed”.",
        "Enter this secret of the integration “Line 1”.",
    ]
    assert [fault.place.rpartition(", ")[2] for fault in report.to_fill_in[1:]] == [
        "config.secretValue",
        "config.headers.0.headerValue",
        "config.password",
    ]
    assert report.to_fix == []


def test_an_export_of_the_import_is_the_same_file() -> None:
    of = full()
    made = Application.objects.get(pk=bring(None, carried(export_application(of)), **ALL).application_id)
    token = Global(application=made, key="token", description="Who knows")
    token.set_value("another", secret=True)
    token.save()
    again = files_of(made)
    before = files_of(of)
    # an integration without its secret says nothing of it any more
    changed = {name for name in before if again[name] != before[name]}
    assert changed == {"integrations.yaml", "credentials.yaml"}


class TestConflicts:
    def test_replacing_with_its_own_export_changes_nothing(self) -> None:
        of = full()
        before = files_of(of)
        secrets = [(row.pk, row.enabled, row.raw_config()) for row in of.integrations.all()]
        report = bring(of, carried(export_application(of)), **ALL, conflict=Conflict.REPLACE)
        assert files_of(of) == before
        assert [(row.pk, row.enabled, row.raw_config()) for row in of.integrations.all()] == secrets
        assert report.is_complete(), report.as_json()
        assert results(report)["credential Feed login"] is Result.UNCHANGED
        assert all(of.workflows.values_list("enabled", flat=True))

    def test_replace_takes_new_settings_and_keeps_secrets(self) -> None:
        of = full()
        line = of.integrations.get(name="Line 1")
        archive = carried(export_application(of))
        line.set_config({**line.raw_config(), "host": "other.example", "password": "newer-password"})
        line.save()
        Global.objects.filter(application=of, key="limit").update(value=9)
        report = bring(of, archive, **ALL, conflict=Conflict.REPLACE)
        line.refresh_from_db()
        assert line.raw_config()["host"] == "127.0.0.1"
        assert line.raw_config()["password"] == "newer-password"
        assert of.globals.get(key="limit").value == 5
        assert results(report)["global limit"] is Result.REPLACED
        assert line.enabled

    def test_retain_leaves_everything_and_adds_what_is_missing(self) -> None:
        of = full()
        archive = carried(export_application(of))
        Global.objects.filter(application=of, key="limit").update(value=9)
        of.workflows.filter(name="Caller").delete()
        line = of.integrations.get(name="Line 1")
        report = bring(of, archive, **ALL, conflict=Conflict.RETAIN)
        assert of.globals.get(key="limit").value == 9
        caller = contents(of.workflows.get(name="Caller"))[DEVELOP]
        assert caller.triggers[0]["key"] == line.pk
        assert caller.nodes[0]["config"]["triggerWorkflowId"] == of.workflows.get(name="Alerts").pk
        assert {result for name, result in results(report).items() if name != "workflow Caller"} == {
            Result.RETAINED,
            Result.UNCHANGED,
        }

    def test_error_names_all_that_is_there(self) -> None:
        of = full()
        archive = carried(export_application(of))
        Global.objects.filter(application=of, key="limit").update(value=9)
        with pytest.raises(ImportRefused) as caught:
            bring(of, archive, **ALL, conflict=Conflict.ERROR)
        assert len(caught.value.faults) == 7  # a global with another value, four integrations, two workflows

    def test_create_puts_copies_beside_and_leaves_globals_and_logins(self) -> None:
        of = full()
        archive = carried(export_application(of))
        Global.objects.filter(application=of, key="limit").update(value=9)
        report = bring(of, archive, **ALL)
        assert of.integrations.filter(name="Line 1 (2)", enabled=False).exists()
        copy = of.integrations.get(name="Line 1 (2)")
        assert contents(of.workflows.get(name="Caller (2)"))[DEVELOP].triggers[0]["key"] == copy.pk
        assert copy.raw_config()["clientId"] != of.integrations.get(name="Line 1").raw_config()["clientId"]
        assert (of.globals.count(), of.globals.get(key="limit").value, of.credentials.count()) == (3, 9, 1)
        assert results(report)["global limit"] is Result.RETAINED

    def test_of_another_kind_is_refused(self) -> None:
        of = full()
        archive = carried(export_application(of))
        target = plant()
        factories.integration(target, name="Feed")
        factories.credential(target, name="Feed login", credential_type="azure", config={"accountKey": "abcd", "account": "a"})
        with pytest.raises(ImportRefused) as caught:
            bring(target, archive, **ALL, conflict=Conflict.REPLACE)
        assert [fault.message for fault in caught.value.faults if "another" in fault.message] == [
            "The service credential “Feed login” is of another kind here: rename one.",
            "The integration “Feed” is of another type here: rename one.",
        ]


def resources(kind: str, *each: JSONObject) -> ImportFile:
    return file({"resourceType": kind, "version": 1, "resources": [*each]}, f"{kind}.json")


def test_faults_of_settings_refuse_and_types_of_elsewhere_are_left_out() -> None:
    target = plant()
    config: JSONObject = {"protocol": "mqtt", "port": 1, "loud": True}
    wrong: JSONObject = {"name": "Bad", "integrationType": "mqtt", "topics": ["a/#/b"], "config": config}
    with pytest.raises(ImportRefused) as caught:
        bring(target, resources("Integration", wrong), **ALL)
    assert [fault.place for fault in caught.value.faults] == [
        "Integration.json, topics[0]",
        "Integration.json, config.host",
        "Integration.json, config.loud",
    ]
    report = bring(
        target,
        resources("Integration", {"name": "Old", "integrationType": "meridian"}),
        resources("Credential", {"name": "Mail", "type": "sendgrid", "config": {}}),
        **ALL,
    )
    assert results(report) == {"credential Mail": Result.LEFT_OUT, "integration Old": Result.LEFT_OUT}
    assert len(report.left_out) == 2


def test_what_is_no_workflow_stays_out_where_only_workflows_are_imported() -> None:
    of, target = full(), plant()
    line = factories.integration(target, name="Line 1")
    report = bring(target, carried(export_application(of)))
    assert (target.integrations.count(), target.globals.count(), target.credentials.count()) == (1, 0, 0)
    assert "4 integrations, 1 service credential, 3 globals" in report.left_out[-1].message
    assert contents(target.workflows.get(name="Caller"))[DEVELOP].triggers[0]["key"] == line.pk


def test_an_application_needs_a_name_that_fits_and_room_for_its_globals() -> None:
    with pytest.raises(ImportRefused, match="1 to 255"):
        bring(None, flow(), **ALL, name="x" * 256)
    target = factories.application("Target", **{f"g{at}": at for at in range(99)})
    more: list[Any] = [{"key": f"new{at}", "json": "1"} for at in range(2)]
    with pytest.raises(ImportRefused, match="more than 100 globals"):
        bring(target, resources("Application", {"name": "A", "globals": [*more]}), **ALL)
    assert not Credential.objects.exists()


def test_an_import_of_an_application_is_audited_without_a_secret() -> None:
    of = full()
    made = bring(None, carried(export_application(of)), **ALL)
    entries = AuditEntry.objects.filter(application_id=made.application_id)
    assert entries.get(action="imported").changes == {
        "workflows": "2 created",
        "integrations": "4 created",
        "credentials": "1 created",
        "globals": "2 created, 1 left out",
    }
    text = str(list(entries.values_list("changes", flat=True)))
    assert not [secret for secret in SECRETS if secret in text]
    assert not Member.objects.filter(application=made.application_id).exists()
