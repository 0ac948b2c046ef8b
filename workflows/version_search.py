"""Versions that name something by its id, found without reading what they hold."""

import re
from collections.abc import Collection

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from workflows.models import WorkflowVersion

_ID = re.compile(r'"([0-9a-f]{24})"')


def holding(versions: QuerySet[WorkflowVersion], ids: Collection[str], *columns: str) -> QuerySet[WorkflowVersion]:
    """Return those of the versions whose columns of JSON may hold one of the ids, however many; a query of its own."""
    if not all(_ID.fullmatch(f'"{identifier}"') for identifier in ids):
        return versions
    texts = {f"{name}_text": Cast(name, TextField()) for name in columns}
    read, ours = versions.order_by().annotate(**texts).values_list("pk", *texts), set(ids)
    found = [pk for pk, *held in read.iterator() if any(not ours.isdisjoint(_ID.findall(text)) for text in held)]
    return versions.filter(pk__in=found)
