"""Errors of templates, and where in the template they are."""

from wegnology.lib.javascript import MAX_TEXT


class TemplateError(Exception):
    """A template that cannot be parsed or rendered; the text says what and where."""


class ValueMissing(TemplateError):
    """A template names what is not there."""

    def __init__(self, path: str, source: str, position: int | None) -> None:
        self.path = path
        super().__init__(_placed(f"{path} has no value", source, position))


def fault_at(message: str, source: str, position: int | None) -> TemplateError:
    """Return an error that names line and column of a position in the source, where that is known."""
    return TemplateError(_placed(message, source, position))


def too_long() -> TemplateError:
    """Return the error of a template that gives more than a text may hold."""
    return TemplateError(f"the template gives more than {MAX_TEXT} characters")


def _placed(message: str, source: str, position: int | None) -> str:
    if position is None:
        return message
    line = source.count("\n", 0, position) + 1
    column = position - (source.rfind("\n", 0, position) + 1) + 1
    return f"{message} (line {line}, column {column})"
