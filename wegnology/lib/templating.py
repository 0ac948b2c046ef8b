"""Handlebars templates, as users write them in node and connection settings."""

from wegnology.lib.types import JSONObject


class TemplateError(Exception):
    """A template that cannot be parsed or rendered; the text says what and where."""


def check_template(text: str) -> None:
    """Raise `TemplateError` when `text` is not a valid template."""
    raise NotImplementedError


def render_config(text: str, context: JSONObject) -> str:
    """Render a template of a connection's settings: no HTML escaping, and a missing value is an error."""
    raise NotImplementedError
