"""What is wrong with files that are imported: all of it at once, each with its place."""

from collections.abc import Iterable, Sequence

from django.utils.translation import gettext as _

from workflows.exceptions import Fault

MOST_SHOWN = 200
"""Faults that are listed; of more, how many there are."""


class ImportRefused(Exception):
    """Nothing was imported. `faults` lists everything that is wrong; a place begins with the name of the file."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = shown(faults)
        super().__init__("\n".join(map(str, self.faults)))


def shown(faults: Sequence[Fault]) -> list[Fault]:
    """Return as many as are listed, each once."""
    each = list(dict.fromkeys(faults))
    more = len(each) - MOST_SHOWN
    return each if more <= 0 else [*each[:MOST_SHOWN], Fault("", _("There are %(more)s more.") % {"more": more})]


def within(place: str, faults: Iterable[Fault]) -> list[Fault]:
    """Return faults with a place before theirs: "pump.flow" and "nodes[2]" make "pump.flow, nodes[2]"."""
    return [Fault(inside(place, fault.place), fault.message) for fault in faults]


def inside(place: str, inner: str) -> str:
    """Return the place of something within something."""
    return f"{place}, {inner}" if place and inner else place or inner
