"""Sentences about faults of settings that remember how they were made, so that a page can say them in another language."""

from collections.abc import Mapping
from typing import Any

from wegnology.lib.marking import marked

_FILLED = {
    "string_too_short": marked("String should have at least {min_length} characters."),
    "string_too_long": marked("String should have at most {max_length} characters."),
    "greater_than": marked("Input should be greater than {gt}."),
    "greater_than_equal": marked("Input should be greater than or equal to {ge}."),
    "less_than": marked("Input should be less than {lt}."),
    "less_than_equal": marked("Input should be less than or equal to {le}."),
    "literal_error": marked("Input should be {expected}."),
    "too_long": marked("List should have at most {max_length} items after validation, not {actual_length}."),
    "too_short": marked("List should have at least {min_length} items after validation, not {actual_length}."),
}
"""What pydantic says, by the type of the fault; where a release of it says something else, that is taken as it is."""
WITHOUT_VALUES = (
    marked("Input should be a valid string."),
    marked("Input should be a valid integer."),
    marked("Input should be a valid integer, unable to parse string as an integer."),
    marked("Input should be a valid number."),
    marked("Input should be a valid number, unable to parse string as a number."),
    marked("Input should be a valid boolean."),
    marked("Input should be a valid boolean, unable to interpret input."),
    marked("Input should be a valid list."),
    marked("Input should be a valid dictionary."),
    marked("This field is required."),
    marked("There is no such field."),
)
"""The same without values in them, for translators."""


class Filled(str):
    """A sentence in English, made of a template with `{names}` and their values."""

    template: str
    values: Mapping[str, Any]

    def __new__(cls, template: str, values: Mapping[str, Any]) -> "Filled":
        """Fill in the values."""
        made = super().__new__(cls, template.format(**values))
        made.template, made.values = template, values
        return made


def worded(fault: Mapping[str, Any]) -> str:
    """Return what pydantic, or a rule of ours, says of a fault, as `Filled` where it is known how that is made."""
    said: str = fault["msg"]
    ours = fault.get("ctx", {}).get("error")
    if isinstance(ours, ValueError) and ours.args and isinstance(ours.args[0], Filled):
        return ours.args[0]
    template = _FILLED.get(fault["type"])
    if template is None:
        return said
    try:
        filled = Filled(template, fault.get("ctx", {}))
    except (LookupError, ValueError):
        return said
    return filled if filled == f"{said}." else said
