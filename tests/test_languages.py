"""A language that somebody adds reaches people: what templates, code, schemas and scripts say."""

import json
import struct
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import translation
from pytest_django import Settings

from integrations.connectors.base import connectors
from integrations.models import Integration
from tests import factories
from wegnology.applications.audit import record
from wegnology.applications.models import Credential
from wegnology.declared_texts import declared_names, declared_texts
from wegnology.lib.model_names import called
from wegnology.lib.schema import ConfigInvalid, Field, Schema
from wegnology.lib.speaking import COUNTED, counted, in_language
from wegnology.lib.types import JSONObject
from wegnology.management.commands.makemessages import Command, declarations
from workflows.version_content import Content, content_faults, spoken

pytestmark = pytest.mark.django_db
LANGUAGE = "eo"
SAID = {
    "Search by name, topic or id": "Serĉu laŭ nomo",
    "Add Integration": "Aldonu integron",
    "What do you want to connect to? The type of an integration cannot be changed later.": "Kion konekti?",
    "Client ID": "Identigilo de la kliento",
    "%(label)s Template": "%(label)s (ŝablono)",
    "Security": "Sekureco",
    "Read from a file": "Legu el dosiero",
    "Input should be less than or equal to {le}.": "Maksimume {le}.",
    "name": "nomo",
    "The queue's URL says {region}.": "La adreso diras {region}.",
    "There is no time zone {zone}: use a name such as America/New_York.": "Ne estas horzono {zone}.",
    "Referenced output ID {id} does not exist.": "Ne estas {id}.",
    "A node cannot connect to itself.": "Ne al si mem.",
    "Certificate and key": "Atestilo kaj ŝlosilo",
    "created": "kreita",
    "reconnections asked for": "petitaj rekonektoj",
    "the hub itself": "la nabo mem",
    "integration": "integro",
    f"{COUNTED}\x04integration\x00{COUNTED}\x04integrations": "integro\x00integroj",
}
HEADER = "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n"


def compiled(texts: Mapping[str, str]) -> bytes:
    """Return a catalog as `compilemessages` writes one."""
    pairs = sorted((one.encode(), other.encode()) for one, other in {"": HEADER, **texts}.items())
    at, places, body = 28 + 16 * len(pairs), [], b""
    for column in (0, 1):
        for pair in pairs:
            places.append(struct.pack("<II", len(pair[column]), at + len(body)))
            body += pair[column] + b"\x00"
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
    return head + b"".join(places) + body


@pytest.fixture
def language(tmp_path: Path, settings: Settings) -> Iterator[None]:
    """A catalog of a few texts, in force."""
    folder = tmp_path / LANGUAGE / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "django.mo").write_bytes(compiled(SAID))
    settings.LOCALE_PATHS = [tmp_path]
    settings.LANGUAGE_CODE = LANGUAGE
    with translation.override(LANGUAGE):
        yield


@pytest.mark.usefixtures("language")
class TestPages:
    """What a person reads, in a language that is not English."""

    def test_a_list_is_said_by_code(self, admin_client: Client) -> None:
        factories.integration()
        assert "Serĉu laŭ nomo" in admin_client.get(reverse("admin:integrations_integration_changelist")).content.decode()

    def test_a_form_is_said_by_schema_code_and_script(self, admin_client: Client) -> None:
        address = reverse("admin:integrations_integration_add")
        assert "Kion konekti?" in admin_client.get(address).content.decode()
        page = admin_client.get(f"{address}?type=mqtt").content.decode()
        assert "Identigilo de la kliento (ŝablono)" in page
        assert "Sekureco" in page
        assert 'data-upload="Legu el dosiero"' in page

    def test_a_fault_of_settings(self) -> None:
        class Settings(Schema):
            port: int = Field(le=65535)

        with pytest.raises(ConfigInvalid) as caught:
            Settings.check({"port": 70000})
        text = caught.value.errors["port"]
        assert (str(text), in_language(text)) == ("Input should be less than or equal to 65535.", "Maksimume 65535.")

    def test_a_filter_by_what_is_declared_or_recorded(self, admin_client: Client) -> None:
        application = factories.application()
        Credential(application=application, name="Key", credential_type="certificateKeyPair").save()
        assert "Atestilo kaj ŝlosilo" in admin_client.get(reverse("admin:applications_credential_changelist")).content.decode()
        page = admin_client.get(reverse("admin:applications_auditentry_changelist")).content.decode()
        assert "kreita" in page[page.index("?action=created") :]

    def test_an_entry_of_the_audit(self, admin_client: Client) -> None:
        row = factories.integration()
        entry = record(None, "changed", row, {"reconnects": [1, 2], "digest": "changed"})
        page = admin_client.get(reverse("admin:applications_auditentry_change", args=[entry.pk])).content.decode()
        assert "<b>petitaj rekonektoj</b>" in page
        assert "la nabo mem" in page

    def test_a_fault_that_a_rule_of_ours_found(self) -> None:
        queue: JSONObject = {"queueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/lamps", "region": "us-east-1"}
        with pytest.raises(ConfigInvalid) as caught:
            connectors.get("sqs").Config.check(queue)
        text = caught.value.errors["region"]
        assert (str(text), in_language(text)) == ("The queue's URL says eu-west-1.", "La adreso diras eu-west-1.")

    def test_faults_of_a_workflow(self, admin_client: Client) -> None:
        timer: JSONObject = {
            "type": "timer",
            "key": "t",
            "config": {"cron": "@daily", "tz": "Mars/Base"},
            "outputIds": [["gone"]],
        }
        node: JSONObject = {"id": "end", "type": "DebugNode", "config": {}, "outputIds": [["end"]]}
        content = Content([timer], [node], {})
        faults = content_faults(content)
        assert "There is no time zone 'Mars/Base': use a name such as America/New_York." in [one.message for one in faults]
        said = {one.message for one in spoken(faults)}
        assert {"Ne estas horzono 'Mars/Base'.", "Ne estas gone.", "Ne al si mem."} <= said
        row = factories.workflow(factories.integration())
        sent = {"name": row.name, "application": row.application_id, "triggers": json.dumps([timer]), "nodes": json.dumps([node])}
        page = admin_client.post(reverse("admin:workflows_workflow_change", args=[row.pk]), {**sent, "globals": "{}"})
        assert "Ne estas horzono &#x27;Mars/Base&#x27;." in page.content.decode()

    def test_models_and_what_is_counted(self) -> None:
        assert str(Integration._meta.verbose_name) == "integro"
        assert str(Credential._meta.get_field("name").verbose_name) == "nomo"
        assert (counted(1, *called(Integration)), counted(2, *called(Integration))) == ("1 integro", "2 integroj")

    def test_programs_are_answered_in_english(self) -> None:
        assert Integration(integration_type="mqtt").connector.Config.fields()["clientId"].title == "Client ID Template"
        call_command("document", check=True)


def test_declarations_are_there_for_translators() -> None:
    texts = declared_texts()
    assert {"Client ID", "Login", "Host", "WebSocket"} <= set(texts)
    assert ("service credential", "service credentials") in declared_names()
    assert all(text == text.strip() for text in texts)


def test_declarations_are_found_by_xgettext(tmp_path: Path) -> None:
    (tmp_path / "declared.py").write_text(declarations() + 'marked("A text of a library")\n')
    options = ["--language=Python", "--from-code=UTF-8", "--keyword=npgettext:1c,2,3", "--output=-"]
    told = subprocess.run(
        ["xgettext", *Command.xgettext_options, *options, "declared.py"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert 'msgid "A text of a library"' in told.stdout
    assert 'msgctxt "counted"\nmsgid "service credential"\nmsgid_plural "service credentials"' in told.stdout
    assert told.stdout.count("\nmsgid ") > 500
