"""What a version is made of, and what may be wrong with it."""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from wegnology.applications.global_values import MAX_GLOBALS, key_fault, value_fault
from wegnology.lib.speaking import in_language
from wegnology.lib.types import JSONObject
from workflows.exceptions import Fault, GraphInvalid
from workflows.graph import Graph
from workflows.models import PARTS, WorkflowVersion
from workflows.unsupported import Tolerant

_SHAPES: dict[str, tuple[type, str]] = {
    "triggers": (list, gettext_noop("a list: [ ... ]")),
    "nodes": (list, gettext_noop("a list: [ ... ]")),
    "globals": (dict, gettext_noop("an object: { ... }")),
}


class Content(NamedTuple):
    """Triggers and nodes in their JSON form, and the workflow's globals by key."""

    triggers: list[JSONObject]
    nodes: list[JSONObject]
    globals: JSONObject


EMPTY = Content([], [], {})


def content_of(version: WorkflowVersion) -> Content:
    """Return what a version holds."""
    return Content(version.triggers, version.nodes, version.globals)


def shape_faults(content: Content) -> list[Fault]:
    """Return which parts are not even of the right kind."""
    shapes = [(part, *_SHAPES[part], value) for part, value in zip(PARTS, content, strict=True)]
    return [
        Fault(part, _("This must be %(said)s.") % {"said": _(said)})
        for part, kind, said, value in shapes
        if not isinstance(value, kind)
    ]


def content_faults(content: Content, kept: Collection[str] | None = ()) -> list[Fault]:
    """Return everything that is wrong; places begin with `triggers`, `nodes` or `globals`.

    `kept` are types of nodes that may stand although they are not supported here, as they came with an import
    (`unsupported.unsupported_types` of what is stored); None for all.
    """
    if faults := shape_faults(content):
        return faults
    return [*graph_faults(content, kept), *global_faults(content.globals)]


def graph_faults(content: Content, kept: Collection[str] | None = ()) -> list[Fault]:
    """Return what keeps triggers and nodes from running; `kept` as in `content_faults`."""
    try:
        Graph.parse(content.triggers, content.nodes, Tolerant(kept))
    except GraphInvalid as error:
        return error.faults
    return []


def spoken(faults: Iterable[Fault]) -> list[Fault]:
    """Return faults in the language of who reads them; the graph tells them in English, as the API does."""
    return [Fault(fault.place, in_language(fault.message)) for fault in faults]


def global_faults(values: dict[str, Any]) -> list[Fault]:
    """Return what is wrong with a workflow's globals; they keep to the bounds of an application's."""
    if len(values) > MAX_GLOBALS:
        return [
            Fault(
                "globals",
                _("There are %(count)s; at most %(max_globals)s are allowed.")
                % {"count": len(values), "max_globals": MAX_GLOBALS},
            )
        ]
    found = [(key, key_fault(key) or value_fault(value)) for key, value in values.items()]
    return [Fault(f"globals.{key[:80]}", text) for key, text in found if text]
