"""Workflows as users of globals: in templates and expressions, and as payload paths."""

import re
from collections.abc import Collection, Iterator

import orjson
from django.db.models import TextField
from django.db.models.functions import Cast

from wegnology.applications.global_uses import Mention
from wegnology.applications.models import Global
from wegnology.lib.template_names import global_names
from wegnology.lib.types import JSONValue
from workflows.models import Workflow, WorkflowVersion

_PATH = re.compile(r"globals[.\[]")


def mentions(application_id: str) -> Iterator[Mention]:
    """Yield each workflow with the texts of its versions that may name a global of the application.

    What does not hold the word is not read, and of versions that are alike only one.
    """
    versions = WorkflowVersion.objects.filter(workflow__application_id=application_id)
    holding = versions.annotate(text=Cast("nodes", TextField())).filter(text__contains="globals").order_by()
    texts: dict[str, set[str]] = {}
    for workflow_id, text, own in set(holding.values_list("workflow_id", "text", Cast("globals", TextField()))):
        texts.setdefault(workflow_id, set()).update(_naming(orjson.loads(text), orjson.loads(own)))
    for workflow in Workflow.objects.filter(pk__in=texts).order_by("name", "pk").only("pk", "name"):
        if texts[workflow.pk]:
            yield workflow, texts[workflow.pk]


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
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict):
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
