"""The main pages, as somebody who works in the demo has them."""

import re

from tests.browser.person import Person
from tests.browser.steps import id_of
from wegnology.local.demo import APPLICATION

_LISTS = {
    "status": "/status",
    "applications": "/admin/applications/application/",
    "integrations": "/admin/integrations/integration/",
    "choose": "/admin/integrations/integration/add/",
    "form": "/admin/integrations/integration/add/?type=mqtt",
    "workflows": "/admin/workflows/workflow/",
    "parked": "/admin/workflows/parkedrun/",
    "credentials": "/admin/applications/credential/",
    "tokens": "/admin/applications/apitoken/",
    "import": "/import",
    "audit": "/admin/applications/auditentry/",
    "trash": "/admin/applications/trashentry/",
    "ledger hours": "/admin/integrations/ledgerhour/",
    "state changes": "/admin/integrations/statuschange/",
    "replays": "/admin/workflows/replayjob/",
    "alarms": "/admin/workflows/alarm/",
    "alarm rules": "/admin/workflows/alarmrule/",
    "alarm rule": "/admin/workflows/alarmrule/add/",
    "users": "/admin/auth/user/",
    "password": "/admin/password_change/",
    "api": "/api/docs",
    "guide": "/docs/",
}


def main_pages(person: Person) -> dict[str, str]:
    """Return the addresses of the main pages by a short name; the demo has run."""
    page = person.page
    person.go("/admin/applications/application/")
    application = id_of(
        page.locator("#result_list").get_by_role("link", name=APPLICATION, exact=True).get_attribute("href") or ""
    )
    person.go(f"/overview/{application}")  # the menu follows

    def first(address: str, pattern: str) -> str:
        person.go(address)
        links = [link.get_attribute("href") or "" for link in page.locator("main a, #main a").all()]
        found = next((link for link in links if re.search(pattern, link)), None)
        assert found is not None, f"{address} has no link like {pattern}"
        return found

    integration = (
        f"/admin/integrations/integration/{id_of(first('/admin/integrations/integration/?q=Demo', r'n/[0-9a-f]{24}/ch'))}"
    )
    workflow = f"/admin/workflows/workflow/{id_of(first('/admin/workflows/workflow/?q=Temperature', r'w/[0-9a-f]{24}/ch'))}"
    of_workflow = _of_workflow(workflow)
    of_workflow["version"] = first(of_workflow["versions"], "/versions/[0-9a-f]{24}/$")
    of_workflow["run"] = first(of_workflow["runs"], "/runs/[^/?]+/$")
    return _LISTS | _of_application(application) | _of_integration(integration) | of_workflow


def _of_application(application: str) -> dict[str, str]:
    return {
        "overview": f"/overview/{application}",
        "globals": f"/admin/applications/application/{application}/globals/",
        "members": f"/admin/applications/application/{application}/members/",
    }


def _of_integration(integration: str) -> dict[str, str]:
    return {
        "integration": f"{integration}/change/",
        "messages": f"{integration}/messages/",
        "ledger": f"{integration}/ledger/",
        "send": f"{integration}/send/",
        "delete": f"{integration}/delete/",
    }


def _of_workflow(workflow: str) -> dict[str, str]:
    return {
        "workflow": f"{workflow}/change/",
        "versions": f"{workflow}/versions/",
        "compare": f"{workflow}/versions/compare/",
        "runs": f"{workflow}/runs/",
        "debug": f"{workflow}/debug/",
        "errors": f"{workflow}/errors/",
        "statistics": f"{workflow}/statistics/",
    }
