"""Whatever our code and scripts say in English to people is marked for translation.

Not held to it is what nobody reads on a page: answers of the REST API, commands, logs, and errors of runs, which are data of
workflows. What schemas declare is not marked either: `wegnology.declared_texts` gives it to translators.
"""

from fnmatch import fnmatch
from pathlib import Path
from textwrap import dedent

import pytest
from django.conf import settings

from tests.marked_texts import badly_marked, unmarked, unmarked_in_script

BASE = Path(settings.BASE_DIR)
PACKAGES = ("wegnology", "integrations", "workflows")
SCRIPTS = sorted((BASE / "wegnology" / "static" / "wegnology").glob("*.js"))
NOT_ON_PAGES = {
    "commands and what they write": "*/migrations/* */management/* wegnology/local/* wegnology/backup/* wegnology/settings.py "
    "wegnology/checks.py workflows/version_diff_text.py integrations/choosing.py",
    "for programs": "*/api/* wegnology/pages/api.py wegnology/pages/probes.py wegnology/pages/metrics.py workflows/web.py "
    "wegnology/pages/access.py workflows/webhook_calls.py wegnology/urls.py",
    "declared, and translated where it is shown": "integrations/connectors/* workflows/nodes/* workflows/message_parts.py "
    "workflows/triggers.py",
    "libraries below the pages": "wegnology/lib/*",
    "processes, and what they write into the data of runs": "integrations/runtime/* integrations/events.py workflows/engine.py "
    "workflows/absent.py workflows/bootstep.py workflows/context.py workflows/dropping.py workflows/erring.py "
    "workflows/exceptions.py workflows/expression*.py workflows/graph.py workflows/groups.py workflows/http_*.py "
    "workflows/operations.py workflows/parking.py workflows/requests.py workflows/running.py workflows/senders.py "
    "workflows/starting.py workflows/storage.py workflows/timers.py workflows/trace.py workflows/unsupported.py "
    "workflows/weight.py workflows/version_guards.py workflows/insight/failing.py workflows/flight.py workflows/trigger_keys.py",
}
SHOWN_ALL_THE_SAME = (
    *(f"integrations/runtime/{name}.py" for name in ("health", "problems", "reading")),
    *(f"wegnology/lib/{name}.py" for name in ("badges", "expiry", "fields", "form_conditions", "forms", "row_fields")),
    *(f"wegnology/lib/{name}.py" for name in ("schema_preview", "theme_lists", "topic_fields")),
)
"""In places that are exempt otherwise, what pages show as it is."""
ALLOWED = {
    "wegnology/apps.py": {"WEGnology"},
    "wegnology/applications/apps.py": {"applications"},
    "wegnology/look.py": {"WEGnology Integrations"},
    "wegnology/applications/acting.py": {"nobody logged in"},
    "wegnology/applications/audit.py": {"audit of {}"},
    "wegnology/applications/revisions.py": {"revision of {}"},
    "wegnology/applications/restoring.py": {" (restored)", " (restored {})"},
    "integrations/models.py": {"{} {}h: {} from {} to {}"},
    "workflows/models.py": {"webhook {}"},
    "workflows/version_diff.py": {"trigger {}"},
    "workflows/exchange/reading.py": {"Imported {}"},
    "workflows/exchange/report.py": {"left out"},
    "workflows/exchange/template_form.py": {"Flow", "Application", "Integration", "Credential"},
}
"""Names, ids, and what is stored or read by programs; where pages show it, they translate it."""


def _names(path: Path) -> str:
    return path.relative_to(BASE).as_posix()


def _is_on_pages(module: Path) -> bool:
    place = _names(module)
    exempt = any(fnmatch(place, pattern) for patterns in NOT_ON_PAGES.values() for pattern in patterns.split())
    return not exempt or place in SHOWN_ALL_THE_SAME


MODULES = sorted(module for package in PACKAGES for module in (BASE / package).rglob("*.py"))
ON_PAGES = [module for module in MODULES if _is_on_pages(module)]


@pytest.mark.parametrize("module", ON_PAGES, ids=_names)
def test_a_module_marks_what_it_says(module: Path) -> None:
    allowed = ALLOWED.get(_names(module), set())
    assert [found for found in unmarked(module.read_text()) if found.text not in allowed] == []


def test_what_is_marked_can_be_translated() -> None:
    assert {_names(module): bad for module in MODULES if (bad := badly_marked(module.read_text()))} == {}


@pytest.mark.parametrize("script", SCRIPTS, ids=_names)
def test_a_script_says_what_the_page_gave_it(script: Path) -> None:
    assert unmarked_in_script(script.read_text()) == []


def test_unmarked_texts_of_code_are_found() -> None:
    source = """
        @admin.display(description="Last seen")
        def seen(row, hint="Say when"):
            "Not a text: a docstring."
            logger.warning("not on a page")
            messages.error(request, f"{row.name} is gone.")
            text = _("marked") if row.title == "What it is" else "and %s more"
            return {"Key of code": "Disabled"}[text]
        class Filter:
            title = "state"
            name = forms.CharField(label="name")
    """
    assert [found.text for found in unmarked(dedent(source))] == [
        *("Last seen", "Say when", "{} is gone.", "and %s more"),
        *("Disabled", "state", "name"),
    ]


@pytest.mark.parametrize(
    "text", ['_(f"Gone: {name}.")', '_("Gone: %s.") % name', '_("Gone: " + name)', 'ngettext("%d row", "%d rows", 2)']
)
def test_texts_that_cannot_be_translated_are_found(text: str) -> None:
    assert badly_marked(text)


@pytest.mark.parametrize("text", ['_("Gone: %(name)s.") % {"name": name}', "_(words)", 'path("a/b", view, name="one two")'])
def test_what_can_be_translated_is_no_fault(text: str) -> None:
    assert not badly_marked(text)
    assert not unmarked(text)


def test_unmarked_texts_of_scripts_are_found() -> None:
    script = """
        "use strict"; // Read from a file
        button.textContent = "Copied";
        says.textContent = `${name} was read.`;
        list.className = "wg-note wg-danger";
        document.querySelector("[data-a] > p.b");
    """
    assert unmarked_in_script(script) == ["Copied", "was read."]
