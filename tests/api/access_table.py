"""Who gets what from each address of the API, as `tests.access_table` says it of pages. Bodies that are sent are `{}`.

Who is a member of nothing is answered like for an application that does not exist.
"""

from tests.access_table import Line

NO = "405 405 405 405 405 405"
READ = "401 404 200 200 200 200"
ADMINISTRATE = "401 404 403 403 200 200"

API_TABLE: dict[str, Line] = {
    "api:openapi": Line("200 200 200 200 200 200", NO),
    "api:docs": Line("200 200 200 200 200 200"),
    "api:nothing": Line("404 404 404 404 404 404"),
    # Accounts. An empty body is refused where something is needed
    "api:auth_user": Line(NO, "400 400 400 400 400 400"),
    "api:auth_sso_domain": Line("204 204 204 204 204 204", NO),
    "api:me": Line("401 200 200 200 200 200", NO, patch="401 200 200 200 200 200"),
    "api:me_change_password": Line(NO, NO, patch="401 400 400 400 400 400"),
    "api:me_refresh_token": Line("401 200 200 200 200 200", NO),
    "api:me_token": Line(NO, NO, delete="401 200 200 200 200 200"),
    # Applications
    "api:applications": Line("401 200 200 200 200 200", "401 403 403 403 403 400"),
    "api:application": Line(READ, NO, patch="401 404 403 200 200 200", delete=ADMINISTRATE),
    "api:globals": Line(NO, NO, patch="401 404 403 400 400 400"),
    "api:payload_counts": Line(READ, NO),
    "api:payload_breakdown": Line(READ, NO),
    "api:audit_logs": Line(READ, NO),
    "api:audit_log": Line(READ, NO),
    "api:org_audit_logs": Line(READ, NO),
    "api:org_audit_log": Line(READ, NO),
    # Tokens: for administrators
    "api:tokens": Line(ADMINISTRATE, "401 404 403 403 400 400"),
    "api:token": Line(ADMINISTRATE, NO, patch=ADMINISTRATE, delete=ADMINISTRATE),
    # Service credentials
    "api:credentials": Line(READ, "401 404 403 400 400 400"),
    "api:credential": Line(READ, NO, patch="401 404 403 200 200 200", delete=ADMINISTRATE),
    # Integrations
    "api:integrations": Line(READ, "401 404 403 400 400 400"),
    "api:integrations_status": Line(READ, NO),
    "api:integration": Line(READ, NO, patch="401 404 403 200 200 200", delete=ADMINISTRATE),
    "api:integration_check": Line(NO, "401 404 403 202 202 202"),
    "api:integration_reconnect": Line(NO, "401 404 403 200 200 200"),
    "api:integration_checked": Line("401 404 403 200 200 200", NO),
    "api:integration_ledger": Line(READ, NO),
    "api:integration_messages": Line(READ, NO),
    "api:integration_message": Line("401 404 404 404 404 404", NO),
    "api:linked_resources": Line(READ, NO),
    "api:events": Line(READ, NO, patch="401 404 403 400 400 400"),
    "api:event": Line("401 404 404 404 404 404", NO, patch="401 404 403 404 404 404"),
    "api:export": Line(NO, ADMINISTRATE),
    "api:import": Line(NO, "401 404 403 403 400 400"),
    "api:export_file": Line("404 404 404 404 404 404", NO),  # the address is the key
    # Workflows
    "api:flows": Line(READ, "401 404 403 400 400 400"),
    "api:flows_by_version": Line(READ, NO),
    "api:flows_import": Line(NO, "401 404 403 400 400 400"),
    "api:flows_palette": Line(READ, NO),
    "api:flow": Line(READ, NO, patch="401 404 403 200 200 200", delete=ADMINISTRATE),
    **{f"api:flow_{name}": Line(READ, NO) for name in ("errors", "stats", "logs", "storage_metadata")},
    "api:flow_storage": Line(READ, NO, patch="401 404 403 400 400 400", delete="401 404 403 200 200 200"),
    "api:flow_button": Line(NO, "401 404 403 400 400 400"),
    "api:flow_versions": Line(READ, "401 404 403 400 400 400"),
    "api:flow_versions_delete": Line(NO, "401 404 403 200 200 200"),
    "api:flow_version": Line(READ, NO, patch="401 404 403 200 200 200", delete="401 404 403 200 200 200"),
    **{f"api:flow_version_{name}": Line(READ, NO) for name in ("errors", "stats", "logs")},
    # Parked runs
    "api:parked_runs": Line(READ, NO),
    "api:parked_runs_replay": Line(NO, "401 404 403 400 400 400"),
    "api:parked_run": Line(READ, NO, patch="401 404 403 400 400 400", delete="401 404 403 200 200 200"),
    "api:parked_run_replay": Line(NO, "401 404 403 200 200 200"),
    "api:replay_jobs": Line(READ, "401 404 403 400 400 400"),
    "api:replay_job": Line(READ, NO, patch="401 404 403 400 400 400"),
}
