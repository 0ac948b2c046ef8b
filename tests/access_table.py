"""Who gets what from each address: a line for each route, in the order of `tests.access_rows.ROLES`.

    anonymous  outsider  viewer  editor  administrator  operator

`login` is the way to the login, `gone` the answer for what does not exist (back to the front page of the admin), a number is
the status; a form that is sent empty by who may send it comes back with 200. The row that is asked for belongs to the
application in which the people are members; for one of others see `tests/test_access.py`.

A new route fails the test until it has a line here. Write down what should be, then see whether it is.
"""

from typing import NamedTuple


class Line(NamedTuple):
    """What a route answers to each role, by method; without POST the same as for GET.

    Routes of the API that take other methods say what those answer.
    """

    get: str
    post: str = ""
    put: str = ""
    patch: str = ""
    delete: str = ""

    def written(self, method: str) -> list[str]:
        """Return a word for each role; none where nothing is written."""
        return str(getattr(self, method) or (self.get if method == "post" else "")).split()


EVERYBODY = Line("200 200 200 200 200 200")
LOGGED_IN = Line("login 200 200 200 200 200")
READ_ONLY = Line("login 200 200 200 200 200", "login 405 405 405 405 405")
OPERATORS = Line("login 403 403 403 403 200")
NOBODY = Line("login 403 403 403 403 403")
NOTHING_THERE = Line("login 404 404 404 404 404")
LEADS_ON = Line("login 302 302 302 302 302")

LIST = Line("login 403 200 200 200 200")
HISTORY = Line("login gone 200 200 200 200")
ADD = Line("login 403 403 200 200 200")
CHANGE = Line("login 403 200 200 200 200", "login 403 403 200 200 200")
LOOK = Line("login 403 200 200 200 200", "login 403 403 403 403 403")
DELETE = Line("login 403 403 403 200 200", "login 403 403 403 302 302")
ASK_DELETE = Line("login gone 403 403 200 200", "login gone 403 403 302 302")
DELETE_ROW = Line("login 404 403 403 302 302")
SHOWN = Line("login gone 200 200 200 200", "login 405 405 405 405 405")
EDITORS_ALONE = Line("login 404 404 200 200 200")

TABLE: dict[str, Line] = {
    "home": Line("302 302 302 302 302 302"),
    "healthz": EVERYBODY,
    "readyz": Line("503 503 503 503 503 503"),  # no processes here; who is given figures: test_pages.py
    "metrics": EVERYBODY,  # from this machine; test_pages.py asks from elsewhere
    "status": LOGGED_IN,
    "overview": Line("login 404 200 200 200 200"),
    "documentation_start": LOGGED_IN,
    "documentation": LOGGED_IN,
    "documentation_picture": LOGGED_IN,
    "import": Line("login 403 403 200 200 200"),
    "export_workflow": Line("login 404 200 200 200 200", "login 405 405 405 405 405"),
    "export_application": Line("login 404 403 403 200 200", "login 405 405 405 405 405"),
    "switch": Line("login 405 405 405 405 405", "login 302 302 302 302 302"),
    "webhook": Line("202 202 202 202 202 202", *["202 202 202 202 202 202"] * 4),  # the address is the key
    "admin:index": LOGGED_IN,
    "admin:login": Line("200 gone gone gone gone gone", "200 200 200 200 200 200"),
    "admin:logout": Line("gone 405 405 405 405 405", "gone 200 200 200 200 200"),
    "admin:password_change": LOGGED_IN,
    "admin:password_change_done": READ_ONLY,
    "admin:jsi18n": READ_ONLY,
    "admin:search": LOGGED_IN,
    "admin:app_list": Line("login 404 200 200 200 200"),
    "admin:autocomplete": Line("login 403 403 403 403 403", "login 405 405 405 405 405"),
    "admin:view_on_site": NOTHING_THERE,
    "admin/(?P<url>.*)$": NOTHING_THERE,
    # Applications
    "admin/applications/application/<path:object_id>/": LEADS_ON,
    "admin:applications_application_changelist": LIST,
    "admin:applications_application_add": OPERATORS,  # and whom they gave the right: test_members.py
    "admin:applications_application_change": CHANGE,
    "admin:applications_application_globals": CHANGE,
    "admin:applications_application_members": Line("login 403 200 200 200 200", "login 403 403 200 200 200"),
    "admin:applications_application_delete": DELETE,
    "admin:applications_application_history": HISTORY,
    # Service credentials
    "admin/applications/credential/<path:object_id>/": LEADS_ON,
    "admin:applications_credential_changelist": LIST,
    "admin:applications_credential_add": ADD,
    "admin:applications_credential_change": CHANGE,
    "admin:applications_credential_disable": Line("login gone 403 200 200 200", "login gone 403 302 302 302"),
    "admin:applications_credential_delete": ASK_DELETE,
    "admin:applications_credential_delete_row": DELETE_ROW,
    "admin:applications_credential_history": HISTORY,
    "admin:applications_credential_globals": Line("login 404 404 404 404 404", "login 405 405 405 405 405"),  # of none
    # API tokens: for administrators
    "admin/applications/apitoken/<path:object_id>/": LEADS_ON,
    "admin:applications_apitoken_changelist": Line("login 403 403 403 200 200"),
    "admin:applications_apitoken_add": Line("login 403 403 403 200 200"),
    "admin:applications_apitoken_change": Line("login 403 403 403 200 200"),
    "admin:applications_apitoken_delete": Line("login 403 403 403 200 200", "login 403 403 403 302 302"),
    "admin:applications_apitoken_history": Line("login gone gone gone 200 200"),
    # Audit: for reading. Trash: for administrators
    "admin/applications/auditentry/<path:object_id>/": LEADS_ON,
    "admin:applications_auditentry_changelist": LIST,
    "admin:applications_auditentry_add": NOBODY,
    "admin:applications_auditentry_change": LOOK,
    "admin:applications_auditentry_delete": NOBODY,
    "admin:applications_auditentry_history": HISTORY,
    "admin/applications/trashentry/<path:object_id>/": LEADS_ON,
    "admin:applications_trashentry_changelist": Line("login 403 403 403 200 200"),
    "admin:applications_trashentry_add": NOBODY,
    "admin:applications_trashentry_change": Line("login 403 403 403 200 200", "login 403 403 403 403 403"),
    "admin:applications_trashentry_delete": Line("login 403 403 403 200 200", "login 403 403 403 gone gone"),
    "admin:applications_trashentry_history": Line("login gone gone gone 200 200"),
    "admin:applications_trashentry_restore": Line("login 405 405 405 405 405", "login gone gone gone 302 302"),
    "admin:applications_trashentry_restore_row": Line("login 404 404 404 302 302"),
    # Integrations
    "admin/integrations/integration/<path:object_id>/": LEADS_ON,
    "admin:integrations_integration_changelist": LIST,
    "admin:integrations_integration_live": Line("login 200 200 200 200 200"),
    "admin:integrations_integration_add": ADD,
    "admin:integrations_integration_change": CHANGE,
    "admin:integrations_integration_delete": ASK_DELETE,
    "admin:integrations_integration_delete_row": DELETE_ROW,
    "admin:integrations_integration_history": HISTORY,
    "admin:integrations_integration_messages": Line("login 404 200 200 200 200"),
    "admin:integrations_integration_messages_rows": Line("login 404 200 200 200 200"),
    "admin:integrations_integration_message": NOTHING_THERE,  # none is kept; who may see one: test_inspector_pages.py
    "admin:integrations_integration_message_workflow": Line("login 405 405 405 405 405", "login gone 403 302 302 302"),
    "admin:integrations_integration_ledger": Line("login gone 200 200 200 200"),
    "admin:integrations_integration_topics": Line("login 403 403 404 404 404", "login 405 405 405 405 405"),
    "admin:integrations_integration_globals": Line("login 404 404 404 404 404", "login 405 405 405 405 405"),  # of none
    "admin:integrations_integration_state": SHOWN,
    "admin:integrations_integration_workflows": SHOWN,
    "admin:integrations_integration_states": SHOWN,
    "admin:integrations_integration_send": Line("login gone 404 404 404 404", "login gone 403 404 404 404"),  # a lamp cannot send
    "admin:integrations_integration_trial": Line("login gone 404 404 404 404"),  # none was sent; see test_trials.py
    "admin:integrations_integration_reconnect": Line("login 405 405 405 405 405", "login gone 403 302 302 302"),
    "admin:integrations_integration_check_saved": Line("login 405 405 405 405 405", "login gone 403 302 302 302"),
    "admin:integrations_integration_check": Line("login gone 403 405 405 405", "login gone 403 422 422 422"),
    "admin:integrations_integration_check_new": Line("login 403 403 405 405 405", "login 403 403 404 404 404"),
    "admin:integrations_integration_checked": EDITORS_ALONE,
    "admin:integrations_integration_check_steps": EDITORS_ALONE,
    # Ledger and state changes
    "admin/integrations/ledgerhour/<path:object_id>/": LEADS_ON,
    "admin:integrations_ledgerhour_changelist": LIST,
    "admin:integrations_ledgerhour_add": NOBODY,
    "admin:integrations_ledgerhour_change": LOOK,
    "admin:integrations_ledgerhour_delete": NOBODY,
    "admin:integrations_ledgerhour_history": HISTORY,
    "admin/integrations/statuschange/<path:object_id>/": LEADS_ON,
    "admin:integrations_statuschange_changelist": LIST,
    "admin:integrations_statuschange_add": NOBODY,
    "admin:integrations_statuschange_change": LOOK,
    "admin:integrations_statuschange_delete": NOBODY,
    "admin:integrations_statuschange_history": HISTORY,
    # Workflows
    "admin/workflows/workflow/<path:object_id>/": LEADS_ON,
    "admin:workflows_workflow_changelist": LIST,
    "admin:workflows_workflow_add": ADD,
    "admin:workflows_workflow_change": CHANGE,
    "admin:workflows_workflow_delete": DELETE,
    "admin:workflows_workflow_history": HISTORY,
    "admin:workflows_workflow_press": Line("login 405 405 405 405 405", "login gone 403 302 302 302"),
    "admin:workflows_workflow_rotate": Line("login 405 405 405 405 405", "login gone 403 302 302 302"),
    # Versions: forms that are sent empty do nothing and lead back
    "admin:workflows_workflow_versions": Line("login gone 200 200 200 200", "login gone 403 200 200 200"),
    "admin:workflows_workflow_compare": Line("login gone 200 200 200 200"),
    "admin:workflows_workflow_version": Line("login gone 200 200 200 200", "login gone 403 302 302 302"),
    "admin:workflows_workflow_version_delete": Line("login gone 403 200 200 200", "login gone 403 302 302 302"),
    "admin:workflows_workflow_runs": SHOWN,
    "admin:workflows_workflow_run": SHOWN,
    "admin:workflows_workflow_run_path": SHOWN,
    "admin:workflows_workflow_pressed": Line("login gone 302 302 302 302", SHOWN.post),  # the run is there: on to it
    "admin:workflows_workflow_debug": SHOWN,
    "admin:workflows_workflow_debug_hits": SHOWN,
    "admin:workflows_workflow_errors": SHOWN,
    "admin:workflows_workflow_statistics": SHOWN,
    "admin:workflows_workflow_watch": Line("login 405 405 405 405 405", "login gone 403 302 302 302"),
    # Parked runs: an editor replays and discards them
    "admin/workflows/parkedrun/<path:object_id>/": LEADS_ON,
    "admin:workflows_parkedrun_changelist": LIST,
    "admin:workflows_parkedrun_add": NOBODY,
    "admin:workflows_parkedrun_change": LOOK,
    "admin:workflows_parkedrun_delete": Line("login 403 403 200 200 200", "login 403 403 gone gone gone"),
    "admin:workflows_parkedrun_history": HISTORY,
    "admin:workflows_parkedrun_replay_many": Line("login 403 403 200 200 200"),
    "admin/workflows/replayjob/<path:object_id>/": LEADS_ON,
    "admin:workflows_replayjob_changelist": LIST,
    "admin:workflows_replayjob_add": NOBODY,
    "admin:workflows_replayjob_change": LOOK,
    "admin:workflows_replayjob_delete": NOBODY,
    "admin:workflows_replayjob_history": HISTORY,
    "admin:workflows_parkedrun_replay": Line("login 405 405 405 405 405", "login gone 403 302 302 302"),
    # Alarms: an editor acknowledges them and changes their rules
    "admin/workflows/alarm/<path:object_id>/": LEADS_ON,
    "admin:workflows_alarm_changelist": LIST,
    "admin:workflows_alarm_add": NOBODY,
    "admin:workflows_alarm_change": LOOK,
    "admin:workflows_alarm_delete": NOBODY,
    "admin:workflows_alarm_history": HISTORY,
    "admin:workflows_alarm_acknowledge": Line("login 405 405 405 405 405", "login gone 403 302 302 302"),
    "admin/workflows/alarmrule/<path:object_id>/": LEADS_ON,
    "admin:workflows_alarmrule_changelist": LIST,
    "admin:workflows_alarmrule_add": ADD,
    "admin:workflows_alarmrule_change": CHANGE,
    "admin:workflows_alarmrule_delete": Line("login 403 403 200 200 200", "login 403 403 302 302 302"),
    "admin:workflows_alarmrule_history": HISTORY,
    "admin:workflows_alarmrule_test": Line("login 405 405 405 405 405", "login gone 403 302 302 302"),
    # Accounts
    "admin/auth/user/<path:object_id>/": LEADS_ON,
    "admin:auth_user_changelist": OPERATORS,
    "admin:auth_user_add": OPERATORS,
    "admin:auth_user_change": OPERATORS,
    "admin:auth_user_delete": Line("login 403 403 403 403 200", "login 403 403 403 403 302"),
    "admin:auth_user_history": Line("login gone gone gone gone 200"),
    "admin:auth_user_password_change": OPERATORS,
}
