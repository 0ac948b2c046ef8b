"""Numbers at the top of a page."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with its name; `tone` colours it when it asks for attention."""

    name: str
    value: str
    tone: str = ""
