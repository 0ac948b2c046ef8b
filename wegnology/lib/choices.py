"""Conditions under which settings matter, and choices between groups of settings, such as ways to log in.

A choice is no setting of its own: a form asks for it, the settings that are there say which it was. So it is never stored, cannot
disagree with what is, and whoever sends settings as JSON sends none.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from wegnology.lib.types import JSONValue

Values = Sequence[JSONValue] | Mapping[Literal["not"], Sequence[JSONValue]]
"""Values that a condition names: those that fit, or `not` those."""
When = Mapping[str, Values]
"""The condition under which a setting matters: values of other settings, by JSON name; all must fit."""


def fits(value: Any, values: Values) -> bool:
    """Say whether a value meets a condition of `ui(when=...)`."""
    return value not in values["not"] if isinstance(values, Mapping) else value in values


class Option(NamedTuple):
    """One of the things to choose from.

    `needs` names its settings (JSON names), each with what is said there when none of them is given ("" says nothing). `when` is
    the condition under which it may be chosen, `otherwise` what is said when that is not so.
    """

    name: str
    label: str
    needs: Mapping[str, str] = MappingProxyType({})
    when: When = MappingProxyType({})
    otherwise: str = ""


class Choice(NamedTuple):
    """A choice between groups of settings. One option has no settings: it is what stored settings without any of them mean.

    `default` is the option that a form of something new begins with.
    """

    name: str
    title: str
    description: str
    options: Sequence[Option]
    default: str

    def option_of(self, raw: Mapping[str, Any]) -> Option:
        """Return what raw settings imply."""
        empty = next(option for option in self.options if not option.needs)
        return next((option for option in self.options if any(raw.get(name) for name in option.needs)), empty)

    def options_with(self, setting: str) -> list[JSONValue]:
        """Return the names of the options that a setting belongs to; none: the choice says nothing of it."""
        return [option.name for option in self.options if setting in option.needs]

    def faults(self, chosen: str, values: Mapping[str, Any]) -> dict[str, str]:
        """Return what is wrong with an option beside these settings (defaults included), by JSON name."""
        option = next(option for option in self.options if option.name == chosen)
        if not all(fits(values.get(other), allowed) for other, allowed in option.when.items()):
            return {self.name: option.otherwise}
        if any(values.get(name) for name in option.needs):
            return {}
        return {name: text for name, text in option.needs.items() if text}

    def in_words(self) -> str:
        """Say for the reference what the choice stands for in JSON, where it is not."""
        options = [f"{option.label}: {', '.join(f'`{name}`' for name in option.needs) or 'nothing'}" for option in self.options]
        return f"Forms ask for the *{self.title}* ({'; '.join(options)}). In JSON it is no setting: what is given says it."
