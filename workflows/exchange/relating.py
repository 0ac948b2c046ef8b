"""Leading what workflows refer to to what is here: exchanging ids, clearing what leads nowhere, and saying so."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext

from wegnology.lib.types import JSONObject
from workflows.credential_use import credential_names
from workflows.exceptions import Fault
from workflows.exchange.faults import inside
from workflows.exchange.fields import said
from workflows.exchange.parts import DEVELOP, IntegrationHint, VersionPart
from workflows.exchange.plan import Plan, WorkflowStep
from workflows.exchange.references import (
    BUTTON_KEY,
    WORKFLOW,
    Reference,
    button_references,
    buttons,
    references,
    triggers_of,
    webhook_mark,
)
from workflows.exchange.remapping import Remap, camel, placeholders_in
from workflows.exchange.report import Wanted
from workflows.global_use import globals_named
from workflows.graph import INTEGRATION
from workflows.models import WorkflowVersion
from workflows.triggers import WEBHOOK


def version_place(step: WorkflowStep, version: VersionPart) -> str:
    """Return where a version stands, for people: the file, the workflow and, but for develop, the version."""
    of = "" if version.name == DEVELOP else gettext(" version %(name)s") % {"name": version.name[:80]}
    return f"{step.part.place}, {said(step.name)}{of}"


class Relations:
    """What the workflows of one import refer to. `ids` are those of here by those in the files."""

    def __init__(
        self,
        plan: Plan,
        hints: Mapping[str, IntegrationHint],
        ids: Mapping[str, str],
        webhooks: Mapping[str, Mapping[tuple[str, str], str]],
    ) -> None:
        self._plan = plan
        self._hints = hints
        self._brought = ids
        self._ids = {**ids}
        self._webhooks = webhooks
        self._integrations = {row.pk for row in plan.existing.integrations} | {step.row_id for step in plan.integrations}
        self._steps = {step.row_id: step for step in plan.workflows}
        self._workflows = {row.pk for row in plan.existing.workflows} | self._steps.keys()
        self._buttons: dict[str, Mapping[str, str]] = {}

    def relate(self) -> None:
        """Exchange the ids in all workflows, then look at what they refer to."""
        for step, version in self._versions():
            self._ids |= {each.identifier: found for each in references(version) if (found := self._look_up(step, each))}
            self._ids |= {key: row_id for (key, _), row_id in self._webhooks[step.row_id].items() if key}
        remap = Remap(self._ids)
        for step in self._plan.workflows:
            step.part = remap.workflow(step.part)
            for version in step.part.versions:
                self._name_webhooks(step, version)
        for step, version in self._versions():
            self._settle(step, version)
        for step in self._plan.workflows:
            self._look_for_names(step)

    def _versions(self) -> Iterator[tuple[WorkflowStep, VersionPart]]:
        return ((step, version) for step in self._plan.workflows for version in step.part.versions)

    def _look_up(self, step: WorkflowStep, reference: Reference) -> str:
        """Return the id here, and note which integrations have to be of here."""
        given, found = reference.identifier, self._found(reference)
        if reference.kind == INTEGRATION and given not in self._brought:
            hint = self._hints.get(given) or IntegrationHint(_called(given), "")
            wanted = self._plan.report.wanted.setdefault(given, Wanted(given, hint.name, hint.integration_type, found))
            if step.name not in wanted.workflows:
                wanted.workflows.append(step.name)
        return found

    def _found(self, reference: Reference) -> str:
        """Return the id here of what a reference in the files means; "" when it cannot be known."""
        given = reference.identifier
        if reference.kind == WORKFLOW:
            return self._ids.get(given, given if given in self._workflows else "")
        return self._chosen(given) or self._ids.get(given, "") or (given if given in self._integrations else self._alike(given))

    def _chosen(self, given: str) -> str:
        """Return the integration that was chosen for one in the files, by its id or name there."""
        hint, choices = self._hints.get(given), self._plan.options.integrations
        chosen = choices.get(given) or (choices.get(hint.name) if hint else None)
        rows = self._plan.existing.integrations
        found = [row.pk for row in rows if chosen and row.pk == chosen] or [
            row.pk for row in rows if chosen and row.name == chosen
        ]
        return found[0] if len(found) == 1 else ""

    def _alike(self, given: str) -> str:
        """Return the one integration of the name and type that the files say; "" when there is none, or more."""
        rows = [(row.pk, row.name, row.integration_type) for row in self._plan.existing.integrations]
        rows += [(step.row_id, step.name, step.part.integration_type) for step in self._plan.integrations]
        if hint := self._hints.get(given):
            found = {pk for pk, name, kind in rows if (name, kind) == (hint.name, hint.integration_type)}
        else:
            called = _called(given)
            found = {pk for pk, name, _ in rows if called and camel(name) == called}
        return found.pop() if len(found) == 1 else ""

    def _name_webhooks(self, step: WorkflowStep, version: VersionPart) -> None:
        """Give each webhook its key; equal ones of all versions share it."""
        keys = self._webhooks[step.row_id]
        for trigger in triggers_of(version, WEBHOOK):
            mark = webhook_mark(trigger)
            trigger["key"] = keys.get(mark, mark[0])

    def _settle(self, step: WorkflowStep, version: VersionPart) -> None:
        """Lead each reference to what is here; clear what leads nowhere, and say so."""
        place = version_place(step, version)
        for reference in references(version):
            there = self._workflows if reference.kind == WORKFLOW else self._integrations
            reference.holder[reference.key] = found = self._ids.get(reference.identifier, reference.identifier)
            if found not in there:
                self._clear(step, place, reference)
        for reference in button_references(version):
            target = str(reference.holder.get("triggerWorkflowId") or "")
            known = self._buttons_of(target) if target in self._workflows else {}
            key = known.get(reference.identifier)
            if key is not None:
                reference.holder[BUTTON_KEY] = key
            elif target in self._workflows:
                step.complete = False
                self._plan.fill_in(
                    place, reference.place, gettext("The workflow has no such virtual button: enter the key of one.")
                )

    def _clear(self, step: WorkflowStep, place: str, reference: Reference) -> None:
        step.complete = False
        hint = self._hints.get(reference.identifier)
        was = f"{said(hint.name)} ({hint.integration_type})" if hint else said(reference.identifier)
        text = gettext("Choose the integration: it was %(was)s, which is not in this application.")
        reference.holder[reference.key] = ""
        if reference.kind == WORKFLOW:
            text = gettext("Choose the workflow: it was %(was)s, which is not in this application.")
            reference.holder[BUTTON_KEY] = ""
            self._plan.cleared.add(inside(place, reference.place.replace(reference.key, BUTTON_KEY)))
        self._plan.fill_in(
            place,
            reference.place,
            text % {"was": was},
        )

    def _buttons_of(self, workflow_id: str) -> Mapping[str, str]:
        if workflow_id not in self._buttons:
            step = self._steps.get(workflow_id)
            versions = step.part.versions if step is not None else _stored(workflow_id)
            self._buttons[workflow_id] = {name: key for version in reversed(versions) for name, key in buttons(version).items()}
        return self._buttons[workflow_id]

    def _look_for_names(self, step: WorkflowStep) -> None:
        """Say which service credentials, globals and things of elsewhere are named that are not here."""
        place, versions = f"{step.part.place}, {said(step.name)}", step.part.versions
        logins = {*self._plan.existing.credentials, *(each.part.name for each in self._plan.credentials)}
        nodes: list[Any] = [version.nodes for version in versions]
        for name in sorted({given for given in credential_names(nodes) if "{{" not in given} - logins):
            step.complete = False
            self._plan.fill_in(
                place, "", gettext("Add the service credential %(name)s, which its nodes name.") % {"name": said(name)}
            )
        known = {*self._plan.existing.globals, *(each.part.key for each in self._plan.globals)}
        missing = {key for version in versions for key in globals_named([*version.nodes], version.globals)} - known
        if missing:
            self._plan.fill_in(
                place, "", gettext("Add the globals that it names: %(missing)s.") % {"missing": ", ".join(sorted(missing)[:20])}
            )
        self._name_what_is_elsewhere(place, versions)

    def _name_what_is_elsewhere(self, place: str, versions: list[VersionPart]) -> None:
        found = {
            f"{kind} {name}"
            for version in versions
            for raw in (*version.triggers, *version.nodes)
            for kind, name in placeholders_in(raw)
            if kind not in ("integration", "flow")
        }
        if found:
            text = gettext("It refers to what only exists where it comes from: %(found)s.") % {
                "found": ", ".join(sorted(found)[:20])
            }
            self._plan.report.to_fill_in.append(Fault(inside(place, ""), text))


def _called(given: str) -> str:
    """Return what a placeholder calls an integration; "" for another id."""
    return next((name for kind, name in placeholders_in(given) if kind == INTEGRATION), "")


def _stored(workflow_id: str) -> list[VersionPart]:
    rows = WorkflowVersion.objects.filter(workflow=workflow_id)
    return [VersionPart("", row.name, _objects(row.triggers), [], {}) for row in rows]


def _objects(raw: object) -> list[JSONObject]:
    return [each for each in raw if isinstance(each, dict)] if isinstance(raw, list) else []
