"""Names of models and their fields in the language of who reads them."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Model
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, override


def translate_names(models: Iterable[type[Model]]) -> None:
    """Let pages show the names of models and fields in the reader's language.

    A model need not mark them: most are made of the names in its code. Migrations are made of what was declared.
    """
    for model in models:
        one, many = called(model)
        model._meta.verbose_name = gettext_lazy(one)
        model._meta.verbose_name_plural = gettext_lazy(many)
        for field in _own_fields(model):
            field.verbose_name = _lazy(field.verbose_name)


def names_of(model: type[Model]) -> Iterator[str]:
    """Yield the English names of the fields of a model."""
    with override(None):
        yield from dict.fromkeys(str(field.verbose_name) for field in _own_fields(model))


def called(model: type[Model]) -> tuple[str, str]:
    """Return the English name of a model, of one and of many."""
    with override(None):
        return str(model._meta.verbose_name), str(model._meta.verbose_name_plural)


def _own_fields(model: type[Model]) -> Iterator[Any]:
    yield from (field for field in model._meta.local_fields if not field.remote_field or not field.remote_field.parent_link)


def _lazy(name: Any) -> Any:
    return name if isinstance(name, Promise) else gettext_lazy(name)
