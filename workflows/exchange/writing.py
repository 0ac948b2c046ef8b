"""Writing what was planned: one transaction, audited row by row like any change, under a lock on the application."""

from django.db import transaction

from integrations.models import Integration
from wegnology.applications.audit import record
from wegnology.applications.models import Application, Credential, Global, Member, Role
from wegnology.applications.trash import put_away
from workflows.exchange.parts import DEVELOP, VersionPart
from workflows.exchange.plan import CredentialStep, GlobalStep, IntegrationStep, Plan, WorkflowStep
from workflows.models import Workflow, WorkflowVersion
from workflows.version_content import Content, content_of
from workflows.versions import save_develop


class Overtaken(Exception):
    """The application changed after the plan was made: plan again."""


def write(plan: Plan) -> Application:
    """Write a plan, all or nothing; returns the application. Raises `Overtaken` when the plan is out of date."""
    with transaction.atomic():
        application = _application(plan)
        for entry in plan.globals:
            _write_global(application, entry)
        for login in plan.credentials:
            _write_credential(application, login)
        for integration in plan.integrations:
            _write_integration(application, integration)
        enabled = {step.row_id for step in plan.workflows if _write_workflow(application, plan, step)}
        enabled |= {step.row_id for step in plan.integrations if step.row is not None and step.row.enabled}
        record(None, "imported", application, plan.report.counts())
    plan.report.outcomes = [each._replace(enabled=each.identifier in enabled) for each in plan.report.outcomes]
    return application


def _application(plan: Plan) -> Application:
    """Return the application, locked and as it was when the plan was made, or a new one."""
    if plan.application is not None:
        row = Application.objects.select_for_update().filter(pk=plan.application.pk).first()
        if row is None or row.revision != plan.revision:
            raise Overtaken
        return row
    row = Application.objects.create(name=plan.about.name, description=plan.about.description)
    if plan.options.owner_id is not None:
        Member.objects.create(application=row, user_id=plan.options.owner_id, role=Role.ADMINISTRATOR)
    return row


def _write_global(application: Application, step: GlobalStep) -> None:
    row = step.row or Global(application=application, key=step.part.key)
    row.description = step.part.description
    row.set_value(step.part.value, secret=False)
    row.save()


def _write_credential(application: Application, step: CredentialStep) -> None:
    row = step.row or Credential(application=application, name=step.part.name, credential_type=step.part.credential_type)
    row.description = step.part.description
    row.enabled = step.complete and (row.enabled or step.row is None)
    row.set_config(step.config)
    row.save()


def _write_integration(application: Application, step: IntegrationStep) -> None:
    part = step.part
    row = step.row or Integration(pk=step.row_id, application=application, integration_type=part.integration_type)
    row.enabled = step.row is not None and row.enabled and step.complete
    row.name, row.topics, row.credential_name = step.name, [*part.topics], part.credential_name
    row.set_config(step.config)
    row.save(force_insert=step.row is None)


def _write_workflow(application: Application, plan: Plan, step: WorkflowStep) -> bool:
    """Write a workflow with its versions; say whether it is enabled. A new one never is."""
    row = step.row or Workflow(pk=step.row_id, application=application)
    before = row.default_version.name if row.default_version else ""
    row.enabled = step.row is not None and row.enabled and step.complete
    row.name, row.description = step.name, step.part.description
    row.save(force_insert=step.row is None)
    for version in step.part.versions:
        written = _write_version(row, version, is_new=step.row is None)
        if version.source_id:
            plan.report.version_ids[version.source_id] = written.pk
    _choose_default(row, step, before)
    return row.enabled


def _write_version(row: Workflow, part: VersionPart, *, is_new: bool) -> WorkflowVersion:
    content = Content(part.triggers, part.nodes, part.globals)
    if part.name == DEVELOP and not is_new:
        return save_develop(row, content)
    old = None if is_new else row.versions.filter(name=part.name).first()
    if old is not None and content_of(old) == content:
        old.notes, old.enabled = part.notes, part.enabled
        old.save()
        return old
    if old is not None:
        put_away([old])
    about = {"name": part.name, "notes": part.notes, "enabled": part.enabled}
    return WorkflowVersion.objects.create(workflow=row, **about, **content._asdict())


def _choose_default(row: Workflow, step: WorkflowStep, before: str) -> None:
    """Let the version be live that the files say; where they say nothing, the one of the name that it was before."""
    wanted = before if step.part.default is None else step.part.default
    names = {version.source_id: version.name for version in step.part.versions if version.source_id}
    default = row.versions.filter(name=names.get(wanted, wanted)).exclude(name=DEVELOP).first() if wanted else None
    if row.default_version_id != (default.pk if default else None):
        row.default_version = default
        row.save()
