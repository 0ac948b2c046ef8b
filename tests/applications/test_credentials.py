"""Service credentials as rows: what is fixed, what is sealed, who uses them, and what follows a new name."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from integrations.models import Integration
from tests import factories
from wegnology.applications.credentials import find_credential, named_uses, uses_of
from wegnology.applications.models import Application, Credential
from wegnology.applications.records import AuditEntry
from wegnology.lib.credential_types import HttpCredential
from wegnology.lib.crypto import SealBroken, new_key
from wegnology.lib.schema import ConfigInvalid
from wegnology.lib.types import JSONObject
from workflows.models import Workflow

pytestmark = pytest.mark.django_db
FEED: JSONObject = {"url": "ws://127.0.0.1:1/feed"}


@pytest.fixture
def plant() -> Application:
    """An application."""
    return factories.application("Plant")


def a_feed(of: Application, **fields: Any) -> Integration:
    """Create a WebSocket integration that names a credential."""
    usual = {"name": "Feed", "integration_type": "websocket", "config": FEED, "topics": (), "credential_name": "Feed login"}
    return factories.integration(of, **{**usual, **fields})


def a_node(**config: str) -> JSONObject:
    """Return a node with these settings."""
    return {"id": "send", "type": "SqsSendNode", "config": dict(config), "outputIds": [[]]}


class TestRow:
    def test_secrets_are_sealed_and_bound_to_row_and_field(self, plant: Application) -> None:
        row, other = factories.credential(plant), factories.credential(plant, name="Other")
        assert "hunter2" not in json.dumps(row.config)
        assert row.raw_config()["secretValue"] == "hunter2"
        other.config["secretValue"] = row.config["secretValue"]
        with pytest.raises(SealBroken):
            other.raw_config()

    def test_it_opens_as_its_kind(self, plant: Application) -> None:
        opened = factories.credential(plant).opened()
        assert isinstance(opened, HttpCredential)
        assert opened.secret_value.get_secret_value() == "hunter2"
        assert "hunter2" not in repr(opened)

    def test_a_name_is_there_once_in_an_application(self, plant: Application) -> None:
        factories.credential(plant)
        factories.credential(factories.application("Other"))
        with transaction.atomic(), pytest.raises(IntegrityError):
            factories.credential(plant)
        with pytest.raises(ValidationError, match="of this name already"):
            Credential(application=plant, name="Feed login", credential_type="http", config={}).validate_constraints()

    @pytest.mark.parametrize("name", ["", "x" * 256])
    def test_a_name_has_1_to_255_characters(self, plant: Application, name: str) -> None:
        row = factories.credential(plant)
        row.name = name
        with pytest.raises(ValidationError) as caught:
            row.full_clean()
        assert list(caught.value.message_dict) == ["name"]

    def test_kind_and_application_are_fixed(self, plant: Application) -> None:
        row = factories.credential(plant)
        row.full_clean()
        row.credential_type = "aws"
        with pytest.raises(ValidationError, match="cannot be changed"):
            row.full_clean()
        row.credential_type, row.application = "http", factories.application("Other")
        with pytest.raises(ValidationError, match="stays in its application"):
            row.full_clean()

    @pytest.mark.parametrize(
        "change",
        [lambda row: row.save(), lambda row: row.delete(), lambda row: Credential.objects.filter(pk=row.pk).delete()],
        ids=["saved", "deleted", "deleted together"],
    )
    def test_every_change_raises_the_revision(self, plant: Application, change: Callable[[Credential], object]) -> None:
        row = factories.credential(plant)
        before = Application.objects.get(pk=plant.pk).revision
        change(row)
        assert Application.objects.get(pk=plant.pk).revision > before


def test_the_audit_says_what_changed_and_no_secret(plant: Application) -> None:
    row = factories.credential(plant)
    row.set_config({**factories.HTTP, "secretValue": "hunter3"})
    row.enabled = False
    row.save()
    entries = list(AuditEntry.objects.filter(application_id=plant.pk, kind="applications.credential"))
    said = " ".join(json.dumps(entry.changes) for entry in entries)
    assert len(entries) == 2
    assert "enabled" in said
    assert not any(word in said for word in ("hunter", "sealed:"))


class TestFinding:
    def find(self, row: Credential | None, *wanted: str, **flags: bool) -> Any:
        return find_credential("Feed login", wanted or ("http",), {row.name: row} if row else {}, None, **flags)

    def reason(self, row: Credential | None, *wanted: str, **flags: bool) -> str:
        with pytest.raises(ConfigInvalid) as caught:
            self.find(row, *wanted, **flags)
        assert list(caught.value.errors) == ["credentialName"]
        assert "hunter2" not in str(caught.value)
        return caught.value.errors["credentialName"]

    def test_the_one_of_that_name_and_kind(self, plant: Application) -> None:
        assert isinstance(self.find(factories.credential(plant)), HttpCredential)

    def test_reasons(self, plant: Application, settings: Any) -> None:
        row = factories.credential(plant)
        assert "There is no service credential “Feed login”" in self.reason(None)
        assert "of kind HTTP; needed is AWS or Azure" in self.reason(row, "aws", "azure")
        row.enabled = False
        assert "is disabled" in self.reason(row)
        assert isinstance(self.find(row, even_disabled=True), HttpCredential)
        row.enabled = True
        settings.SECRET_KEYS = [new_key()]
        assert "cannot be opened: the key" in self.reason(row)

    def test_settings_that_are_not_good_any_more(self, plant: Application) -> None:
        row = factories.credential(plant, config={**factories.HTTP, "uriMatch": "ftp://old.example"})
        assert "cannot be used: uriMatch: Begin with http://" in self.reason(row)


class TestUse:
    def test_integrations_and_nodes_that_name_it(self, plant: Application) -> None:
        row, other = factories.credential(plant), factories.credential(plant, name="Other")
        a_feed(plant)
        a_feed(plant, name="Off", enabled=False)
        a_feed(plant, name="Without", credential_name="")
        a_feed(factories.application("Elsewhere"), name="Stranger")
        workflow = factories.workflow(plant, name="Export", nodes=[a_node(credentialName="Feed login")])
        factories.version(workflow, name="v1", nodes=[a_node(credentialNameTemplate="Feed login")])
        factories.workflow(plant, name="Dynamic", nodes=[a_node(credentialNameTemplate="{{working.login}}")])
        factories.workflow(plant, name="Talk", nodes=[a_node(text="Feed login")])
        uses = uses_of([row, other])
        assert [(use.kind, use.name, use.certain) for use in uses[row.pk]] == [
            ("Integration", "Feed", True),
            ("Integration", "Off", True),
            ("Workflow", "Dynamic", False),
            ("Workflow", "Export", True),
        ]
        assert [use.detail for use in uses[row.pk]][1::2] == ["WebSocket, disabled", "in develop, v1"]
        assert [use.name for use in uses[other.pk]] == ["Dynamic"]

    def test_it_costs_the_same_for_any_number(self, plant: Application, django_assert_num_queries: Any) -> None:
        rows = [factories.credential(plant, name=f"Login {number}") for number in range(5)]
        for number in range(5):
            a_feed(plant, name=f"Feed {number}", credential_name=f"Login {number}")
        with django_assert_num_queries(2):
            uses_of(rows)

    def test_integrations_follow_a_new_name(self, plant: Application) -> None:
        row, elsewhere = factories.credential(plant), factories.application("Elsewhere")
        feed, stranger = a_feed(plant), a_feed(elsewhere)
        factories.workflow(plant, name="Export", nodes=[a_node(credentialName="Feed login")])
        row.name = "New login"
        row.save()
        assert Integration.objects.get(pk=feed.pk).credential_name == "New login"
        assert Integration.objects.get(pk=stranger.pk).credential_name == "Feed login"
        assert [use.name for use in named_uses({plant.pk: {"Feed login"}})] == ["Export"]
        assert Workflow.objects.get().versions.get().nodes[0]["config"]["credentialName"] == "Feed login"

    def test_name_and_followers_are_one_transaction(self, plant: Application) -> None:
        row, _ = factories.credential(plant), a_feed(plant)
        factories.credential(plant, name="Taken")
        row.name = "Taken"
        with transaction.atomic(), pytest.raises(IntegrityError):
            row.save()
        assert Integration.objects.get().credential_name == "Feed login"

    def test_deleting_leaves_integrations_with_the_name(self, plant: Application) -> None:
        row, feed = factories.credential(plant), a_feed(plant)
        row.delete()
        assert Integration.objects.get(pk=feed.pk).credential_name == "Feed login"
