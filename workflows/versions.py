"""What can be done with the versions of a workflow. Pages, the REST API and commands call these and nothing else.

    version = create_version(workflow, "1.4.0", notes="Waits for the pump", make_default=True)
    set_default(workflow, None)                      # develop is live again
    set_enabled(version, False)
    save_develop(workflow, content_of(version))      # go on from there

Each is one transaction that locks the workflow, is audited like any change of a row, and raises the application's revision, so
workers follow within two seconds. All raise `VersionRefused` with a text that says what to do; nothing is changed then.

What an event runs is decided when its run starts, not when it came: by the default version, else develop, or by the version that
the event names (see `catalog`). An event that was accepted for a version which cannot run any more is parked, not lost.
"""

import re
from collections.abc import Sequence

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wegnology.applications.trash import put_away
from workflows.exceptions import (
    VersionInUse,
    VersionInvalid,
    VersionMissing,
    VersionNameTaken,
    VersionRefused,
)
from workflows.models import DEVELOP, Workflow, WorkflowVersion
from workflows.unsupported import unsupported_types
from workflows.version_content import Content, content_faults, content_of

DEFAULT = "default"
"""Stands, wherever a version can be named, for the one that is live."""
RESERVED = (DEVELOP, DEFAULT)
NAME_LENGTH = 255
NOTES_LENGTH = 32_767
TAKEN = gettext_lazy("There is a version of this name; versions never change.")
_ID = re.compile(r"[0-9a-f]{24}\Z")


def find_version(workflow: Workflow, id_or_name: str) -> WorkflowVersion:
    """Return a version by its id or name; `default` is the live one. Raises `VersionMissing`."""
    if id_or_name == DEFAULT:
        found = workflow.live()
    else:
        by = "pk" if _ID.match(id_or_name) else "name"
        found = workflow.versions.filter(**{by: id_or_name}).first()
    if found is None:
        raise VersionMissing(
            _("The workflow %(name)s has no version %(id_or_name)s.")
            % {"name": f"{workflow.name!r}", "id_or_name": f"{id_or_name!r}"},
            "version",
        )
    return found


def name_fault(name: str) -> str:
    """Say why a version cannot have this name; "" when it can."""
    if name in RESERVED:
        return _("A version cannot be called %(name)s.") % {"name": name}
    if not name or len(name) > NAME_LENGTH:
        return _("A name has 1 to %(name_length)s characters.") % {"name_length": NAME_LENGTH}
    if name != name.strip() or not name.isprintable():
        return _("A name has no spaces at its ends, and no characters that cannot be seen.")
    return _("A name of 24 digits and letters a to f would be taken for an id.") if _ID.match(name) else ""


def create_version(
    workflow: Workflow,
    name: str,
    *,
    notes: str = "",
    enabled: bool = True,
    content: Content | None = None,
    replace: bool = False,
    make_default: bool = False,
) -> WorkflowVersion:
    """Keep `content`, or else a copy of develop, under a name for good.

    `replace` lets it take the place of a version of that name, also as the default one; the old one goes into the trash.
    Raises `VersionInvalid` for content that makes no workflow; a copy of develop is taken as it is.
    """
    if fault := name_fault(name) or notes_fault(notes):
        raise VersionRefused(fault, "notes" if not name_fault(name) else "name")
    kept = unsupported_types(_develop(workflow).nodes)
    if content is not None and (faults := content_faults(content, kept)):
        raise VersionInvalid(faults)
    with transaction.atomic():
        row = _locked(workflow)
        was_default = _make_room(row, name, replace=replace)
        parts = content or content_of(_develop(row))
        version = WorkflowVersion.objects.create(workflow=row, name=name, notes=notes, enabled=enabled, **parts._asdict())
        if make_default or was_default:
            _live(row, version)
    _follow(workflow, row)
    return version


def save_develop(workflow: Workflow, content: Content, *, keep_as: str = "") -> WorkflowVersion:
    """Replace what develop holds, with the content of a version for instance; it is live at once where no other version is.

    `keep_as` keeps a copy of what it held before. Content is taken as it is: who takes it from outside asks `content_faults`.
    """
    with transaction.atomic():
        if keep_as:
            create_version(workflow, keep_as)
        develop = _develop(_locked(workflow))
        for part, value in content._asdict().items():
            setattr(develop, part, value)
        develop.save()
    return develop


def set_default(workflow: Workflow, version: WorkflowVersion | None) -> None:
    """Choose the version that triggers fire; None or develop: whatever develop holds."""
    with transaction.atomic():
        row = _locked(workflow)
        if version is not None and version.workflow_id != row.pk:
            raise VersionMissing(_("The version %(name)s is one of another workflow.") % {"name": f"{version.name!r}"}, "version")
        _live(row, None if version is None or version.name == DEVELOP else version)
    _follow(workflow, row)


def set_enabled(row: Workflow | WorkflowVersion, enabled: bool) -> bool:
    """Switch a workflow, and so all its versions, or one named version; say whether that was a change."""
    if isinstance(row, WorkflowVersion) and row.name == DEVELOP and not enabled:
        raise VersionRefused(
            _("Develop cannot be disabled by itself: disable the workflow, or make another version the default.")
        )
    with transaction.atomic():
        stored = type(row).objects.select_for_update().get(pk=row.pk)
        changed: bool = stored.enabled != enabled
        if changed:
            stored.enabled = enabled
            stored.save()
    row.enabled = enabled
    return changed


def set_notes(version: WorkflowVersion, notes: str) -> None:
    """Change the notes of a version; beside `enabled` nothing else of it can be changed."""
    if fault := notes_fault(notes):
        raise VersionRefused(fault, "notes")
    with transaction.atomic():
        stored = WorkflowVersion.objects.select_for_update().get(pk=version.pk)
        stored.notes = version.notes = notes
        stored.save()


def notes_fault(notes: str) -> str:
    """Say why these cannot be notes; "" when they can."""
    return (
        ""
        if len(notes) <= NOTES_LENGTH
        else _("Notes have at most %(notes_length)s characters, these have %(count)s.")
        % {"notes_length": NOTES_LENGTH, "count": len(notes)}
    )


def room_fault(workflow: Workflow) -> str:
    """Say why the workflow can have no further version; "" when it can."""
    most = settings.WORKFLOW_VERSIONS
    if workflow.versions.exclude(name=DEVELOP).count() < most:
        return ""
    return _(
        "The workflow has %(most)s versions, which is the limit: delete some first, or raise WEGNOLOGY_WORKFLOW_VERSIONS."
    ) % {"most": most}


def delete_versions(workflow: Workflow, versions: Sequence[WorkflowVersion]) -> None:
    """Delete named versions into the trash, all or none; neither develop nor the default one can be."""
    with transaction.atomic():
        row = _locked(workflow)
        for version in versions:
            _refuse_deletion(row, version)
        put_away(versions)


def _refuse_deletion(workflow: Workflow, version: WorkflowVersion) -> None:
    if version.workflow_id != workflow.pk:
        raise VersionMissing(_("The version %(name)s is one of another workflow.") % {"name": f"{version.name!r}"}, "version")
    if version.name == DEVELOP:
        raise VersionInUse(_("Develop cannot be deleted: it is what is edited. Delete the workflow as a whole."))
    if version.pk == workflow.default_version_id:
        raise VersionInUse(
            _("%(name)s is the default version: make another one the default, then delete it.") % {"name": f"{version.name!r}"}
        )


def _make_room(workflow: Workflow, name: str, *, replace: bool) -> bool:
    """See that a name is free and the workflow not full; return whether what had to go was the default version."""
    old = workflow.versions.filter(name=name).first()
    if old is None:
        if fault := room_fault(workflow):
            raise VersionRefused(fault)
        return False
    if not replace:
        raise VersionNameTaken(str(TAKEN), "name")
    was_default: bool = old.pk == workflow.default_version_id
    put_away([old])
    workflow.refresh_from_db()
    return was_default


def _live(workflow: Workflow, version: WorkflowVersion | None) -> None:
    if workflow.default_version_id != (version.pk if version else None):
        workflow.default_version = version
        workflow.save()


def _locked(workflow: Workflow) -> Workflow:
    """Return the workflow as it is stored now, to be changed by us alone. Raises `VersionMissing` when it is gone."""
    row = Workflow.objects.select_for_update().filter(pk=workflow.pk).first()
    if row is None:
        raise VersionMissing(_("The workflow has been deleted."))
    return row


def _develop(workflow: Workflow) -> WorkflowVersion:
    return workflow.versions.filter(name=DEVELOP).first() or WorkflowVersion(workflow=workflow, name=DEVELOP)


def _follow(workflow: Workflow, row: Workflow) -> None:
    """Let the caller's row know what its stored form became."""
    workflow.default_version = row.default_version
    workflow.updated_at = row.updated_at
