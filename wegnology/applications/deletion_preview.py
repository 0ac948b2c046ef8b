"""What goes along when rows are deleted, for the page that asks: counted by the database, with some names of each kind.

The admin's own way loads every row, and names each: of an application with a thousand integrations that is a second of work and
a page of half a megabyte which nobody reads.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.db.models import CASCADE, Min, Model, Q, QuerySet
from django.db.models.deletion import get_candidate_relations_to_delete
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from wegnology.applications.audit import title_of
from wegnology.applications.global_uses import address_of
from wegnology.lib.theme import ModelAdmin

SHOWN = 20
"""So many rows of each kind are named."""


class Going(NamedTuple):
    """Rows of one model that are deleted, as a query, and how many they are."""

    model: type[Model]
    rows: QuerySet[Any]
    number: int


class CountedDeletion(ModelAdmin):
    """Asks before rows are deleted, with what goes along."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Return lines to read, counts by kind, kinds that this person may not delete, and nothing that is protected.

        What only tells about rows goes with them, whoever may delete those.
        """
        found = going(list(objs))
        counts = {one.model._meta.verbose_name_plural: one.number for one in found}
        needed = {one.model._meta.verbose_name for one in found if not self._may_go(request, one)}
        return [line for one in found for line in lines(one)], counts, needed, []

    def _may_go(self, request: HttpRequest, found: Going) -> bool:
        """Say whether a person may delete rows of a kind: asked of one row in each application."""
        page: Any = self.admin_site._registry.get(found.model)
        if page is None or getattr(page, "goes_along", False):
            return True
        rows = found.rows.order_by()
        if path := getattr(page, "application_path", ""):
            rows = rows.filter(pk__in=rows.values(path).annotate(one=Min("pk")).values("one"))
        return all(page.has_delete_permission(request, row) for row in rows.select_related())


def going(rows: Sequence[Model]) -> list[Going]:
    """Return what is deleted with rows of one model, themselves first; a query for each model."""
    if not rows:
        return []
    top = type(rows[0])
    chosen = top._base_manager.filter(pk__in=[row.pk for row in rows])
    ways = _ways(top)
    queries: dict[type[Model], QuerySet[Any]] = {top: chosen}
    found = [(model, _query(model, ways, queries)) for model in ways]
    counted = [Going(model, query, query.count()) for model, query in found]
    return [one for one in counted if one.number]


def _ways(top: type[Model]) -> dict[type[Model], list[tuple[type[Model], str]]]:
    """Return each model of which rows go along, with the fields that point to rows which go: (their model, the field)."""
    ways: dict[type[Model], list[tuple[type[Model], str]]] = {top: []}
    waiting = [top]
    while waiting:
        parent = waiting.pop(0)
        relations: Any = get_candidate_relations_to_delete(parent._meta)
        for relation in relations:
            if relation.on_delete is CASCADE:
                if relation.related_model not in ways:
                    waiting.append(relation.related_model)
                ways.setdefault(relation.related_model, []).append((parent, relation.field.name))
    return ways


def _query(model: type[Model], ways: Any, queries: dict[type[Model], QuerySet[Any]]) -> QuerySet[Any]:
    if model not in queries:
        chosen = Q()
        for parent, field in ways[model]:
            chosen |= Q(**{f"{field}__in": _query(parent, ways, queries).values("pk")})
        queries[model] = model._base_manager.filter(chosen)
    return queries[model]


def lines(found: Going) -> Iterator[SafeString]:
    """Yield a line for each of the first rows, with the way to its page, and one for the others."""
    kind = capfirst(str(found.model._meta.verbose_name))
    for row in found.rows.select_related().order_by("pk")[:SHOWN]:
        address, title = address_of(row), title_of(row)
        name = format_html('<a class="wg-link" href="{}">{}</a>', address, title) if address else format_html("{}", title)
        yield format_html("{}: {}", kind, name)
    if found.number > SHOWN:
        yield format_html("{}: {}", kind, _("and %(count)s more") % {"count": f"{found.number - SHOWN:,}"})
