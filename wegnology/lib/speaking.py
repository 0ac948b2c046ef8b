"""Texts in the language of who reads them.

What code says is marked where it stands (`gettext`). What a declaration says (titles and help of settings, labels of types and
nodes, names of models) stays plain English there, since the REST API and the reference print it as it is; whoever shows it to a
person translates it, and `wegnology.declared_texts` gives it to translators.
"""

from typing import TYPE_CHECKING

from django.utils.translation import gettext, npgettext

from wegnology.lib.fault_texts import Filled

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    Said = str | _StrPromise
else:
    Said = object
"""A text, or one that is translated when it is shown: made while modules are imported (`gettext_lazy`)."""

COUNTED = "counted"
"""The context in catalogs of names that stand after a number."""


def in_language(text: str) -> str:
    """Return what code below the pages said in English, as far as there is a translation."""
    return gettext(text.template).format(**text.values) if isinstance(text, Filled) else gettext(text)


def counted(count: int, one: str, many: str) -> str:
    """Return a number with what is counted: "1 workflow", "2,000 workflows". `one` and `many` are names that are declared."""
    return f"{count:,} {npgettext(COUNTED, one, many, count)}"
