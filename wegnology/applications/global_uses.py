"""What names the globals of an application: settings with sealed configurations by themselves, others by `register_finder`."""

from collections.abc import Callable, Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from django.apps import apps
from django.db.models import DateTimeField, Model
from django.urls import NoReverseMatch, reverse

from wegnology.applications.sealing import SealedConfig
from wegnology.lib.crypto import KeyMissing, SealBroken
from wegnology.lib.template_names import global_names


class GlobalUse(NamedTuple):
    """Something that names a global: what it is, its name and its page; "" where it has none."""

    kind: str
    name: str
    address: str


Mention = tuple[Model, Collection[str]]
"""A row, and every text in it that may hold a template."""
Finder = Callable[[str], Iterable[Mention]]
_finders: list[Finder] = []


def register_finder(finder: Finder) -> None:
    """Let a package above say which of its rows hold templates; called with the id of an application."""
    _finders.append(finder)


def uses_of_globals(application_id: str, keys: Collection[str]) -> dict[str, list[GlobalUse]]:
    """Return by key what names each global, in a number of queries that does not grow with the rows."""
    uses: dict[str, list[GlobalUse]] = {key: [] for key in keys}
    for finder in (_settings, *_finders):
        for row, texts in finder(application_id):
            if named := _named(texts, uses.keys()):
                use = _use_of(row)
                for key in named:
                    uses[key].append(use)
    return uses


def _named(texts: Iterable[str], keys: AbstractSet[str]) -> AbstractSet[str]:
    """Return which of the keys these texts name."""
    found: set[str] = set()
    for text in texts:
        names = global_names(text)
        if names.whole:
            return keys
        found |= names.keys
    return found & keys


def uses_of_global(application_id: str, key: str) -> list[GlobalUse]:
    """Return what names one global."""
    return uses_of_globals(application_id, [key])[key]


def _use_of(row: Model) -> GlobalUse:
    return GlobalUse(str(row._meta.verbose_name), str(row), address_of(row))


def address_of(row: Model) -> str:
    """Return the address of a row's page; "" where it has none."""
    try:
        return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        return ""


def _settings(application_id: str) -> Iterator[Mention]:
    """Yield the templates in the settings of integrations and the like; what cannot be opened or read names nothing."""
    for model in apps.get_models():
        fields = model._meta.concrete_fields
        if issubclass(model, SealedConfig) and any(field.name == "application" for field in fields):
            times = [field.name for field in fields if isinstance(field, DateTimeField)]  # dear to read, and not needed
            for row in model._base_manager.filter(**{"application_id": application_id}).defer(*times):
                try:
                    templates = row.config_schema.templates(row.raw_config())
                except (KeyMissing, SealBroken, LookupError):
                    continue
                if templates:
                    yield row, templates.values()
