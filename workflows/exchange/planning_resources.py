"""Deciding what becomes of globals, service credentials and integrations."""

from django.utils.translation import gettext as _

from integrations.connectors.base import connectors
from integrations.models import Integration
from wegnology.applications.global_values import MAX_GLOBALS
from wegnology.applications.models import Credential, Global
from wegnology.lib.credential_types import CREDENTIAL_TYPES
from wegnology.lib.crypto import KeyMissing, SealBroken
from wegnology.lib.ids import new_id
from wegnology.lib.schema import Schema
from wegnology.lib.types import JSONObject
from workflows.exceptions import Fault
from workflows.exchange.faults import inside
from workflows.exchange.fields import said
from workflows.exchange.parts import Bundle, CredentialPart, GlobalPart, IntegrationPart
from workflows.exchange.plan import CredentialStep, GlobalStep, IntegrationStep, Plan, decide, outcome
from workflows.exchange.remapping import free_name
from workflows.exchange.report import Conflict, Result
from workflows.exchange.settings_form import missing_secrets, public_config, secret_places, setting_faults, with_secrets_of


def plan_resources(plan: Plan, bundle: Bundle) -> dict[str, str]:
    """Plan all three; return the ids that integrations will have here by those in the files."""
    for entry in bundle.globals:
        _global(plan, entry)
    new = sum(step.row is None for step in plan.globals)
    if len(plan.existing.globals) + new > MAX_GLOBALS:
        plan.faults.append(
            Fault("", _("The application would have more than %(max_globals)s globals.") % {"max_globals": MAX_GLOBALS})
        )
    for login in bundle.credentials:
        _credential(plan, login)
    return {part.source_id or part.place: row_id for part in bundle.integrations if (row_id := _integration(plan, part))}


def _global(plan: Plan, part: GlobalPart) -> None:
    row, what = plan.existing.globals.get(part.key), _("The global %(key)s") % {"key": said(part.key)}
    result = _result_of_global(plan, part, row)
    plan.report.outcomes.append(outcome("global", part.key, result, part.key, part.place))
    if part.secret and (row is None or not row.secret):
        plan.fill_in(
            part.place, "", _("%(what)s is secret: enter it as a secret one, the file does not hold its value.") % {"what": what}
        )
    if result is Result.RETAINED and plan.options.conflict is Conflict.CREATE:
        plan.report.changed.append(Fault(part.place, _("%(what)s has another value here, which stays.") % {"what": what}))
    if result in (Result.CREATED, Result.REPLACED):
        plan.globals.append(GlobalStep(part, row))


def _result_of_global(plan: Plan, part: GlobalPart, row: Global | None) -> Result:
    if row is None:
        return Result.LEFT_OUT if part.secret else Result.CREATED
    if row.secret == part.secret and (part.secret or row.value == part.value) and row.description == part.description:
        return Result.UNCHANGED
    if plan.options.conflict is Conflict.ERROR:
        plan.conflicts(part.place, _("The global %(key)s, with another value,") % {"key": said(part.key)})
    replaces = plan.options.conflict is Conflict.REPLACE and not part.secret
    return Result.REPLACED if replaces else Result.RETAINED


def _credential(plan: Plan, part: CredentialPart) -> None:
    kind, row, what = CREDENTIAL_TYPES.get(part.credential_type), plan.existing.credentials.get(part.name), said(part.name)
    if kind is None:
        plan.report.left_out.append(
            Fault(
                part.place,
                _("The service credential %(what)s: there is no kind %(credential_type)s here.")
                % {"what": what, "credential_type": said(part.credential_type)},
            )
        )
        plan.report.outcomes.append(outcome("credential", part.name, Result.LEFT_OUT, "", part.place))
        return
    plan.faults += [Fault(inside(part.place, f"config.{at}"), text) for at, text in setting_faults(kind, part.config).items()]
    result = _result_of_credential(plan, part, row)
    plan.report.outcomes.append(outcome("credential", part.name, result, row.pk if row else "", part.place))
    if result not in (Result.CREATED, Result.REPLACED):
        return
    config = with_secrets_of(kind, part.config, _stored(row) if row else {})
    missing = _missing(kind, part.config, config)
    plan.credentials.append(CredentialStep(part, row, config, not missing))
    for place in missing:
        plan.fill_in(
            part.place,
            f"config.{place}",
            _("Enter this secret of the service credential %(what)s, then enable it.") % {"what": what},
        )


def _result_of_credential(plan: Plan, part: CredentialPart, row: Credential | None) -> Result:
    if row is None:
        return Result.CREATED
    same_kind = row.credential_type == part.credential_type
    if same_kind and row.description == part.description and public_config(row) == part.config:
        return Result.UNCHANGED
    if plan.options.conflict is Conflict.ERROR:
        plan.conflicts(part.place, _("The service credential %(name)s, with other settings,") % {"name": said(part.name)})
    if plan.options.conflict is not Conflict.REPLACE:
        return Result.RETAINED
    if not same_kind:
        plan.faults.append(
            Fault(
                part.place, _("The service credential %(name)s is of another kind here: rename one.") % {"name": said(part.name)}
            )
        )
    return Result.REPLACED


def _integration(plan: Plan, part: IntegrationPart) -> str | None:
    """Plan an integration; return the id that it will have, None when there will be none."""
    if part.integration_type not in connectors:
        what = _("The integration %(name)s: there is no type %(integration_type)s here.") % {
            "name": said(part.name),
            "integration_type": said(part.integration_type),
        }
        plan.report.left_out.append(Fault(part.place, what))
        plan.report.outcomes.append(outcome("integration", part.name, Result.LEFT_OUT, "", part.place, part.source_id))
        return None
    _check_integration(plan, part)
    row = _same(plan, part)
    result = decide(plan, row)
    created = result is Result.CREATED
    row_id = new_id() if created or row is None else row.pk
    name = free_name(part.name, _names(plan)) if created else part.name
    plan.report.outcomes.append(outcome("integration", name, result, row_id, part.place, part.source_id))
    if name != part.name:
        plan.report.changed.append(
            Fault(
                part.place,
                _("There is an integration %(name)s already; this one is %(name2)s.")
                % {"name": said(part.name), "name2": said(name)},
            )
        )
    if result is not Result.RETAINED:
        _write_integration(plan, part, None if created else row, row_id, name)
    return row_id


def _check_integration(plan: Plan, part: IntegrationPart) -> None:
    connector = connectors.get(part.integration_type)
    plan.faults += [Fault(inside(part.place, f"topics[{at}]"), text) for at, text in connector.check_topics(part.topics).items()]
    plan.faults += [
        Fault(inside(part.place, f"config.{at}"), text) for at, text in setting_faults(connector.Config, part.config).items()
    ]


def _same(plan: Plan, part: IntegrationPart) -> Integration | None:
    """Return the integration that is there already: by its id, else by its name."""
    rows = plan.existing.integrations
    found = [row for row in rows if row.pk == part.source_id] or [row for row in rows if row.name == part.name]
    if not found or plan.options.conflict is Conflict.CREATE:
        return None
    if plan.options.conflict is Conflict.ERROR:
        plan.conflicts(part.place, _("The integration %(name)s") % {"name": said(part.name)})
    elif len(found) > 1:
        plan.faults.append(
            Fault(
                part.place,
                _("There are %(count)s integrations %(name)s: rename all but one.")
                % {"count": len(found), "name": said(part.name)},
            )
        )
    elif found[0].integration_type != part.integration_type:
        plan.faults.append(
            Fault(part.place, _("The integration %(name)s is of another type here: rename one.") % {"name": said(part.name)})
        )
    return found[0]


def _names(plan: Plan) -> set[str]:
    return {row.name for row in plan.existing.integrations} | {step.name for step in plan.integrations}


def _write_integration(plan: Plan, part: IntegrationPart, row: Integration | None, row_id: str, name: str) -> None:
    connector = connectors.get(part.integration_type)
    stored = _stored(row) if row is not None else {}
    kept = {key: value for key, value in stored.items() if key not in connector.unassigned(dict(stored))}
    config = with_secrets_of(connector.Config, {**kept, **connector.unassigned(part.config)}, stored)
    missing = _missing(connector.Config, part.config, config)
    plan.integrations.append(IntegrationStep(part, row, row_id, name, config, not missing))
    for place in missing:
        plan.fill_in(part.place, f"config.{place}", _("Enter this secret of the integration %(name)s.") % {"name": said(name)})


def _missing(schema: type[Schema], given: JSONObject, config: JSONObject) -> list[str]:
    """Return the places of secrets that are in neither."""
    there = secret_places(schema, config)
    return [place for place in missing_secrets(schema, given) if place not in there]


def _stored(row: Integration | Credential) -> JSONObject:
    try:
        return row.raw_config()
    except (KeyMissing, SealBroken):
        return {}
