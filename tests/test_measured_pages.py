"""`make bench ARGS="--only pages"` measures every page that a person opens."""

import re

from bench.pages_routes import PAGES
from tests.access_table import TABLE

NOT_PAGES = {
    "home": "leads on",
    "healthz": "for programs",
    "readyz": "for programs",
    "metrics": "for programs",
    "webhook": "for programs",
    "documentation_picture": "a file",
    "export_workflow": "a file",
    "export_application": "a file",
    "switch": "a button",
    "admin:index": "leads on",
    "admin:logout": "a button",
    "admin:password_change_done": "one sentence",
    "admin:jsi18n": "a script of Django's",
    "admin:search": "the menu's search, which finds nothing here",
    "admin:app_list": "one sentence",
    "admin:autocomplete": "no page here asks for it",
    "admin:view_on_site": "no page here has it",
    "admin:integrations_integration_topics": "a question of the form",
    "admin:integrations_integration_globals": "a question of the form",
    "admin:applications_credential_globals": "a question of the form",
    "admin:integrations_integration_check_steps": "a part of the page of a check",
    "admin:workflows_workflow_run_path": "for programs",
    "admin:workflows_workflow_pressed": "leads on to the run",
}
"""Routes without a figure, and why."""
BUTTON = re.compile(
    r"_(check|check_new|check_saved|reconnect|message_workflow|delete_row|restore|restore_row|press|rotate|watch|replay|acknowledge|test)$"
)
SEEN_BY_NOBODY = ("_add", "_history", "_delete")
"""Of rows that only tell about something: nobody adds, changes or deletes them, so they have no history either."""
TOLD = ("auditentry", "trashentry", "ledgerhour", "statuschange", "parkedrun", "replayjob", "workflows_alarm_")


def is_page(name: str) -> bool:
    """Say whether a route is a page that somebody opens."""
    if name in NOT_PAGES or "/" in name or BUTTON.search(name):
        return False
    return not (name.endswith(SEEN_BY_NOBODY) and any(word in name for word in TOLD))


def test_every_page_is_measured() -> None:
    measured = {page.route for page in PAGES.values()}
    missing = sorted(name for name in TABLE if is_page(name) and name not in measured)
    assert not missing, f"Measure these in bench/pages_routes.py, or say in NOT_PAGES why not: {', '.join(missing)}"


def test_nothing_is_excused_that_is_gone() -> None:
    assert NOT_PAGES.keys() <= TABLE.keys()
