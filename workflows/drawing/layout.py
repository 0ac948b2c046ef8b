"""Places for the boxes of a workflow: those that it brings, or layers from the top down. Pure; any JSON may come in."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

WIDTH, HEIGHT = 200.0, 54.0
GAP_X, GAP_Y = 36.0, 58.0
STRETCHES = (1.0, 1.3, 1.7, 2.2, 3.0)
"""How far given places are pulled apart, if need be, until no two boxes overlap."""
SWEEPS = 4


class Point(NamedTuple):
    """The upper left corner of a box."""

    x: float
    y: float


def place(names: Sequence[str], wires: Sequence[tuple[str, str]], given: Mapping[str, Point]) -> dict[str, Point]:
    """Return a place for each name: the given ones where all have one and boxes can stand apart, else layers."""
    if names and all(name in given for name in names):
        for stretch in STRETCHES:
            spread = {name: Point(given[name].x * stretch, given[name].y * stretch) for name in names}
            if not _overlap(list(spread.values())):
                return _from_origin(spread)
    return _from_origin(_layers(names, wires))


def given_place(meta: Any) -> Point | None:
    """Return the place that `meta` of a node or trigger says: numbers `x` and `y`, the centre of what the editor draws."""
    if not isinstance(meta, dict):
        return None
    x, y = _number(meta.get("x")), _number(meta.get("y"))
    return None if x is None or y is None else Point(x, y)


def _number(value: Any) -> float | None:
    """Return a coordinate; None for what is none, or is out of reason."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e6 < value < 1e6:
        return None
    return float(value)


def _overlap(points: list[Point]) -> bool:
    """Say whether any two boxes cover a part of each other."""
    ordered = sorted(points, key=lambda point: point.y)
    for at, one in enumerate(ordered):
        for other in ordered[at + 1 :]:
            if other.y - one.y >= HEIGHT:
                break
            if abs(other.x - one.x) < WIDTH:
                return True
    return False


def _layers(names: Sequence[str], wires: Sequence[tuple[str, str]]) -> dict[str, Point]:
    depth = _depths(names, wires)
    rows: dict[int, list[str]] = {}
    for name in names:
        rows.setdefault(depth[name], []).append(name)
    above: dict[str, list[str]] = {}
    for source, target in wires:
        above.setdefault(target, []).append(source)
    column = {name: float(at) for row in rows.values() for at, name in enumerate(row)}
    for _ in range(SWEEPS):
        for level in sorted(rows):
            rows[level].sort(key=lambda name: _mean([column[one] for one in above.get(name, [])], column[name]))
            shift = _mean([column[one] for name in rows[level] for one in above.get(name, [])], 0) - (len(rows[level]) - 1) / 2
            for at, name in enumerate(rows[level]):
                column[name] = at + (shift if level else 0)
    return {name: Point(column[name] * (WIDTH + GAP_X), depth[name] * (HEIGHT + GAP_Y)) for name in names}


def _depths(names: Sequence[str], wires: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Return the length of the longest way to each; what runs in a circle stands below what leads there."""
    below: dict[str, list[str]] = {name: [] for name in names}
    entries = dict.fromkeys(names, 0)
    for source, target in wires:
        below[source].append(target)
        entries[target] += 1
    depth = dict.fromkeys(names, 0)
    ready, seen = [name for name in names if not entries[name]], set[str]()
    left = list(names)
    while len(seen) < len(names):
        if not ready:
            left = [name for name in left if name not in seen]
            ready = left[:1]
        name = ready.pop()
        if name in seen:
            continue
        seen.add(name)
        for target in below[name]:
            if target not in seen:
                depth[target] = max(depth[target], depth[name] + 1)
                entries[target] -= 1
                if entries[target] <= 0:
                    ready.append(target)
    return depth


def _mean(numbers: Sequence[float], otherwise: float) -> float:
    return sum(numbers) / len(numbers) if numbers else otherwise


def _from_origin(points: dict[str, Point]) -> dict[str, Point]:
    if not points:
        return {}
    left, top = min(point.x for point in points.values()), min(point.y for point in points.values())
    return {name: Point(round(point.x - left, 1), round(point.y - top, 1)) for name, point in points.items()}
