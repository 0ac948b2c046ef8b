"""Deciding what an import writes. Reads the database and locks nothing; `writing` checks that nothing changed meanwhile."""

from dataclasses import replace

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from wegnology.applications.models import Application
from wegnology.lib.speaking import counted
from workflows.exceptions import Fault
from workflows.exchange.faults import ImportRefused
from workflows.exchange.fields import NAME_LENGTH
from workflows.exchange.parts import ApplicationPart, Bundle, IntegrationHint
from workflows.exchange.plan import Existing, Plan
from workflows.exchange.planning_resources import plan_resources
from workflows.exchange.planning_workflows import plan_workflows
from workflows.exchange.report import Options, Report, Scope

NAMELESS = gettext_noop("Imported application")


def make_plan(application: Application | None, bundle: Bundle, options: Options) -> Plan:
    """Decide everything; raises `ImportRefused` with every reason why nothing can be imported."""
    about = bundle.application or ApplicationPart("", NAMELESS)
    if options.name:
        about = replace(about, name=options.name)
    plan = Plan(application, about, options, _report(application, about, bundle, options), Existing(application))
    _check_choices(plan)
    if len(about.name) > NAME_LENGTH or not about.name.strip():
        plan.faults.append(
            Fault("name", _("An application's name has 1 to %(name_length)s characters.") % {"name_length": NAME_LENGTH})
        )
    kept = bundle if options.scope is Scope.APPLICATION else _workflows_of(plan, bundle)
    plan_workflows(plan, kept, plan_resources(plan, kept))
    report = plan.report
    if options.strict and not report.is_complete():
        plan.faults += [*report.to_fix, *report.to_fill_in, *report.not_supported]
    if plan.faults:
        raise ImportRefused(plan.faults)
    return plan


def _report(application: Application | None, about: ApplicationPart, bundle: Bundle, options: Options) -> Report:
    return Report(
        dry_run=options.dry_run,
        application_id=application.pk if application else "",
        application_name=application.name if application else about.name,
        created_application=application is None,
        to_fill_in=[*bundle.to_fill_in],
        changed=[*bundle.changed],
        left_out=[*bundle.left_out],
    )


def _check_choices(plan: Plan) -> None:
    known = {name for row in plan.existing.integrations for name in (row.pk, row.name)}
    for given, chosen in plan.options.integrations.items():
        if chosen not in known:
            plan.faults.append(
                Fault(
                    "",
                    _("There is no integration %(chosen)s in the application to take for %(given)s.")
                    % {"chosen": f"{chosen!r}", "given": f"{given!r}"},
                )
            )


def _workflows_of(plan: Plan, bundle: Bundle) -> Bundle:
    """Return the workflows alone; of integrations, only what tells which ones are meant."""
    hints = {part.source_id: IntegrationHint(part.name, part.integration_type) for part in bundle.integrations}
    counts = {
        "integration": len(bundle.integrations),
        "service credential": len(bundle.credentials),
        "global": len(bundle.globals),
    }
    said = [counted(count, name, f"{name}s") for name, count in counts.items() if count]
    if said:
        text = _("Only workflows are imported here; not %(said)s. Importing an application takes them, too.") % {
            "said": ", ".join(said)
        }
        plan.report.left_out.append(Fault("", text))
    if not bundle.workflows:
        plan.faults.append(Fault("", _("There are no workflows in it.")))
    return Bundle(workflows=bundle.workflows, hints={**bundle.hints, **hints})
