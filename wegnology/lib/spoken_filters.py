"""Filters of lists whose choices are declared or stored in English, in the language of who reads them."""

from typing import Any

from django.contrib import admin

from wegnology.lib.speaking import in_language


class _Spoken:
    """Translates what is offered; what has no translation stays as it is."""

    def choices(self, changelist: Any) -> Any:
        """Yield the choices, by name in the reader's language."""
        for choice in super().choices(changelist):  # type: ignore[misc]
            yield {**choice, "display": in_language(str(choice["display"]))}


class SpokenChoices(_Spoken, admin.ChoicesFieldListFilter):
    """The choices of a field."""


class SpokenValues(_Spoken, admin.AllValuesFieldListFilter):
    """The values that stand in a column, which are words."""
