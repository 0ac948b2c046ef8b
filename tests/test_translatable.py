"""Whatever our templates say in English is marked for translation."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.conf import settings

TEMPLATES = sorted((settings.BASE_DIR / "templates").rglob("*.html"))
SAID = ("aria-label", "title", "placeholder", "alt")
"""Attributes that people read or hear."""
UNREAD = ("code", "pre", "script", "style")
NAMES = ("WEGnology", "WEGnology Integrations", "— WEGnology Integrations", "Redis")
_MARKED = re.compile(
    r"{#.*?#}|{%\s*comment.*?endcomment\s*%}|{%\s*blocktrans(?:late)?\b.*?endblocktrans(?:late)?\s*%}|{%.*?%}|{{.*?}}", re.DOTALL
)
_WORD = re.compile(r"[A-Za-z]{2,}")
_ATTRIBUTES = re.compile(r"""(?:data-[a-z-]+=""\s*)+""")
"""A template of nothing but attributes, whose marked texts are cut out."""
_IN_TAGS = (
    re.compile(r"\|pluralize\b"),
    re.compile(r"""\|yesno:\S*[a-z]\S*"""),
    re.compile(r"""{%\s*(?:include|firstof|with)\b[^%]*?(?<!_\()["'][A-Za-z]+ [^"'%]*["']"""),
)
"""English that tags and filters put in: plurals are those of `blocktranslate`."""


class Reader(HTMLParser):
    """Collects what a person reads of a template whose marked texts are cut out."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._unread: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.said += [value.strip() for name, value in attrs if name in SAID and value and _WORD.search(value)]
        icon = "material-symbols-outlined" in (dict(attrs).get("class") or "")
        if tag in UNREAD or icon:
            self._unread.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._unread and self._unread[-1] == tag:
            self._unread.pop()

    def handle_data(self, data: str) -> None:
        text = data.strip()
        if not self._unread and _WORD.search(text) and text not in NAMES and not _ATTRIBUTES.fullmatch(text):
            self.said.append(text)


def unmarked(text: str) -> Iterator[str]:
    """Yield what a template says without marking it."""
    reader = Reader()
    reader.feed(_MARKED.sub("", text))
    reader.close()
    yield from reader.said
    for pattern in _IN_TAGS:
        yield from pattern.findall(text)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(settings.BASE_DIR)))
def test_a_template_marks_what_it_says(template: Path) -> None:
    assert list(unmarked(template.read_text())) == []


def test_unmarked_texts_are_found() -> None:
    text = '{# no #}{% load x %}<p title="Yes {{ a }}">{% translate "marked" %} not {{ name }}</p><code>no</code>'
    assert list(unmarked(text)) == ["Yes", "not"]
    for text in ("{{ n|pluralize }}", '{{ on|yesno:"on,off" }}', '{% include "a.html" with empty="No rows" %}'):
        assert len(list(unmarked(text))) == 1
    assert (
        list(unmarked('<span class="material-symbols-outlined">error</span>{% blocktranslate %}A{% endblocktranslate %}')) == []
    )
