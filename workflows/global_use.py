"""Workflows as users of globals: in templates and expressions, and as payload paths."""

import re
from collections.abc import Collection, Iterator

from wegnology.applications.global_uses import Mention, use_of
from wegnology.applications.models import Global
from wegnology.lib.template_names import global_names
from wegnology.lib.types import JSONValue
from workflows.models import WorkflowVersion

_PATH = re.compile(r"globals[.\[]")


def mentions(application_id: str) -> Iterator[Mention]:
    """Yield each workflow with the texts of its versions that may name a global of the application."""
    texts: dict[str, list[str]] = {}
    versions = WorkflowVersion.objects.filter(workflow__application_id=application_id).select_related("workflow")
    workflows = {}
    for version in versions:
        workflows[version.workflow_id] = version.workflow
        texts.setdefault(version.workflow_id, []).extend(_naming(version.nodes, version.globals))
    for pk, workflow in workflows.items():
        yield use_of(workflow), texts[pk]


def secrets_named(application_id: str, nodes: JSONValue, own: Collection[str]) -> list[str]:
    """Return the application's secret globals that nodes name: no workflow sees them. `own` globals stand before them."""
    secret = set(Global.objects.filter(application=application_id, secret=True).values_list("key", flat=True)) - set(own)
    named = [global_names(text).keys for text in _naming(nodes, ())] if secret else []
    return sorted(secret.intersection(*[frozenset().union(*named)]))


def globals_named(nodes: JSONValue, own: Collection[str]) -> frozenset[str]:
    """Return the globals that nodes name, without those that the workflow has itself (`own`)."""
    return frozenset[str]().union(*(global_names(text).keys for text in _naming(nodes, own))) - frozenset(own)


def _naming(value: JSONValue, own: Collection[str]) -> Iterator[str]:
    """Yield texts that name globals, paths written as templates. What the version itself overrides is not the application's."""
    for text in _texts(value):
        if "globals" in text:
            text = f"{{{{{text}}}}}" if _PATH.match(text) else text
            if not global_names(text).keys or global_names(text).keys - set(own):
                yield text


def _texts(value: JSONValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)
