"""Where a page is: the list that it belongs to, its row, and what is done there."""

from typing import Any, NamedTuple

from django import template
from django.contrib import admin
from django.db.models import Model
from django.template import Context
from django.urls import NoReverseMatch, reverse
from django.utils.text import capfirst

register = template.Library()


class Crumb(NamedTuple):
    """One step of the way; the last one, the page itself, has no address."""

    words: str
    address: str = ""


@register.simple_tag(takes_context=True)
def crumbs(context: Context) -> list[Crumb]:
    """Return the way to the page, ending with its name. What Django's views and ours put into the context tells it."""
    title, row = str(context.get("title") or ""), context.get("original") or context.get("object")
    pages = context.get("model_admin") or getattr(context.get("cl"), "model_admin", None)
    opts = context.get("opts") or (row._meta if isinstance(row, Model) else getattr(pages, "opts", None))
    if opts is None:
        return [Crumb(title)]
    found = [Crumb(_place(opts), _address(opts, "changelist"))]
    if isinstance(row, Model):
        found.append(Crumb(str(row), _address(row._meta, "change", str(row.pk))))
        if name := _part(context, title):
            found.append(Crumb(name))
    elif not context.get("cl"):
        found.append(Crumb(title))
    return [*found[:-1], Crumb(found[-1].words)]


def _place(opts: Any) -> str:
    """Return the name of a list: as its line in the menu says (`place` of its admin), else that of its rows."""
    pages = admin.site.get_model_admin(opts.model) if admin.site.is_registered(opts.model) else None
    return str(getattr(pages, "place", "")) or capfirst(str(opts.verbose_name_plural))


def _part(context: Context, title: str) -> str:
    """Return the name of a page about a row that is not the row's own; "" for that, and where tabs say it."""
    if context.get("part_title"):
        return str(context["part_title"])
    return title if "deleted_objects" in context else ""


def _address(opts: object, page: str, *args: str) -> str:
    label = f"{opts.app_label}_{opts.model_name}"  # type: ignore[attr-defined]
    try:
        return reverse(f"admin:{label}_{page}", args=args)
    except NoReverseMatch:  # rows without pages of their own
        return ""
