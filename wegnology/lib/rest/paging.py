"""Lists as the original product gives them: zero-based pages, sorted by one field, filtered by one field with `*`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Optional

from django.db.models import CharField, QuerySet, TextField
from django.db.models.lookups import IContains
from pydantic import BaseModel, create_model, field_validator
from pydantic import Field as SchemaField

from wegnology.lib.schema import Schema

MAX_PAGE = 1_000_000
MAX_PER_PAGE = 1_000
MAX_STARS = 5
"""Stars in one filter: each multiplies the work of finding."""


class Glob(IContains):
    """`column__glob="a*b"`: `*` stands for any text, case is ignored, everything else for itself."""

    def process_rhs(self, compiler: Any, connection: Any) -> Any:
        """Return the pattern in SQL's own form."""
        parts = [connection.ops.prep_for_like_query(part) for part in str(self.rhs).split("*")]
        return "%s", ["%".join(parts)]


for _kind in (CharField, TextField):
    _kind.register_lookup(Glob, "glob")


class ListQuery(Schema):
    """What every list takes."""

    page: int = SchemaField(0, ge=0, le=MAX_PAGE, description="Which page, counted from 0.")
    per_page: int = SchemaField(100, ge=1, le=MAX_PER_PAGE, description="Items on a page.")
    sort_field: str = ""
    sort_direction: str = ""
    filter_field: str | None = None
    filter: str | None = SchemaField(
        None, max_length=1024, description="What the field must be; * stands for any text, case is ignored."
    )

    @field_validator("sort_direction", mode="before", check_fields=False)
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("filter")
    @classmethod
    def _few_stars(cls, value: str | None) -> str | None:
        if value is not None and value.count("*") > MAX_STARS:
            raise ValueError(f"A filter may have {MAX_STARS} stars.")
        return value


@dataclass(frozen=True)
class Listing:
    """How one kind of row is listed: names of fields in answers, and the columns behind them."""

    name: str
    sort: Mapping[str, str]
    filters: Mapping[str, str]
    default: str = "name"
    direction: Literal["asc", "desc"] = "asc"
    more: Mapping[str, Any] = field(default_factory=dict)
    """Further parameters, as for `pydantic.create_model`."""

    @cached_property
    def query(self) -> type[ListQuery]:
        """Return the model of the list's parameters."""
        fields: dict[str, Any] = {
            "sort_field": (Literal[tuple(self.sort)], SchemaField(self.default, description="The field to sort by.")),
            "sort_direction": (Literal["asc", "desc"], SchemaField(self.direction, description="Upwards or downwards.")),
        }
        if self.filters:
            fields["filter_field"] = (
                Optional[Literal[tuple(self.filters)]],  # noqa: UP045  (made at run time)
                SchemaField(None, description="The field that `filter` is about."),
            )
        return create_model(f"{self.name}Query", __base__=ListQuery, **fields, **self.more)

    def narrowed(self, rows: QuerySet[Any], query: ListQuery) -> QuerySet[Any]:
        """Return the rows that the filter lets through."""
        column = self.filters.get(query.filter_field or "")
        return rows if column is None or query.filter is None else rows.filter(**{f"{column}__glob": query.filter})

    def page(self, rows: QuerySet[Any], query: ListQuery) -> tuple[list[Any], int]:
        """Return the rows of the page, and how many there are on all pages; two queries."""
        found = self.narrowed(rows, query)
        column = self.sort[query.sort_field]
        sign = "-" if query.sort_direction == "desc" else ""
        start = query.page * query.per_page
        ordered = found.order_by(f"{sign}{column}", f"{sign}pk") if column != "pk" else found.order_by(f"{sign}pk")
        return list(ordered[start : start + query.per_page]), found.order_by().count()


def collection(items: Sequence[Any], total: int, query: ListQuery, **more: Any) -> dict[str, Any]:
    """Return a page of a list as it is answered."""
    answer = {
        "items": list(items),
        "count": len(items),
        "totalCount": total,
        "perPage": query.per_page,
        "page": query.page,
        "sortField": query.sort_field,
        "sortDirection": query.sort_direction,
        **more,
    }
    if query.filter_field is not None and query.filter is not None:
        answer |= {"filter": query.filter, "filterField": query.filter_field}
    return answer


def collection_model(name: str, item: Any, **more: Any) -> type[BaseModel]:
    """Return the model of such an answer."""
    number = (int, SchemaField(ge=0))
    return create_model(
        name,
        __base__=Schema,
        items=(list[item], ...),
        count=number,
        totalCount=(int, SchemaField(ge=0, description="Items on all pages.")),
        perPage=number,
        page=number,
        sortField=(str, ...),
        sortDirection=(str, ...),
        filter=(str | None, None),
        filterField=(str | None, None),
        links=(dict[str, Any], SchemaField({}, alias="_links")),
        **more,
    )
