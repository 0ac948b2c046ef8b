"""Collects texts for translators: what code and templates mark, and what schemas, types, nodes and models declare."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.commands.makemessages import Command as MakeMessages

from wegnology.declared_texts import declared_names, declared_texts
from wegnology.lib.speaking import COUNTED

UNREAD = ("bench", "docs", "staticfiles", "tests", "var", "node_modules")
"""Folders without anything that pages say."""


class Command(MakeMessages):
    """Django's own, which also finds what is declared and what `wegnology.lib.marking` marks."""

    xgettext_options = [*MakeMessages.xgettext_options, "--keyword=marked"]

    def handle(self, *args: Any, **options: Any) -> Any:
        """Write the catalogs of the languages asked for."""
        options["ignore_patterns"] = [*(options["ignore_patterns"] or ()), *UNREAD]
        declared = Path(settings.BASE_DIR) / "declared_texts_for_translators.py"
        declared.write_text(declarations())
        try:
            return super().handle(*args, **options)
        finally:
            declared.unlink()


def declarations() -> str:
    """Return what is declared as a module that marks it."""
    names = [f"npgettext({_literal(COUNTED)}, {_literal(one)}, {_literal(many)}, 2)" for one, many in declared_names()]
    return "\n".join([*names, *(f"gettext({_literal(text)})" for text in declared_texts())]) + "\n"


def _literal(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
