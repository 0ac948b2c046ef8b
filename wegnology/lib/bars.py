"""Stacked bars for an inline SVG."""

from collections.abc import Mapping
from typing import NamedTuple

LEAST_HEIGHT = 1.5
"""So that one among thousands can still be seen."""


class Segment(NamedTuple):
    """One part of a bar; `kind` is its CSS class."""

    kind: str
    y: float
    height: float


def stacked(parts: Mapping[str, int], top: float, height: int) -> list[Segment]:
    """Return the parts of one bar, from the bottom up; `top` is the number at the upper edge. Empty parts are left out."""
    segments = []
    y = float(height)
    for kind, count in parts.items():
        if count:
            size = max(count / top * height, LEAST_HEIGHT)
            y -= size
            segments.append(Segment(kind, round(y, 1), round(size, 1)))
    return segments
