"""Ids of headings, as links to them are written in the documentation."""

import re

_SPACE, _STRANGE = re.compile(r"\s"), re.compile(r"[^\w\- ]")


def slug_of(heading: str) -> str:
    """Return the id of a heading: "Amazon SQS: settings" is "amazon-sqs-settings", as code hosts make it."""
    return _SPACE.sub("-", _STRANGE.sub("", heading.lower()))
