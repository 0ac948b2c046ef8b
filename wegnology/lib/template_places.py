"""Helpers of templates that measure on the earth. Places are text "latitude,longitude" in degrees, or [latitude, longitude]."""

import math
from typing import Any

from wegnology.lib import javascript
from wegnology.lib.template_helpers import helper

EARTH_METERS = 6_371_008.8
"""Mean radius (IUGG)."""
Place = tuple[float, float]


def point(value: Any) -> Place | None:
    """Return latitude and longitude, or None for what is no place."""
    if isinstance(value, str):
        value = value.split(",")
    if isinstance(value, dict):
        value = [value.get("latitude", value.get("lat")), value.get("longitude", value.get("lng", value.get("lon")))]
    if not isinstance(value, list) or len(value) != 2 or None in value or "" in value:
        return None
    latitude, longitude = (javascript.number(part) for part in value)
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


@helper("gpsDistance")
def _distance(first: Any, second: Any, /) -> Any:
    """Meters between two places, along the sphere."""
    a, b = point(first), point(second)
    if a is None or b is None:
        return None
    (lat1, lon1), (lat2, lon2) = (tuple(map(math.radians, place)) for place in (a, b))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_METERS * math.asin(min(1.0, math.sqrt(half)))


@helper("gpsIsPointInside", condition=True)
def _is_inside(place: Any, corners: Any, /) -> bool:
    """Whether a place lies within the area of these corners, given in order."""
    here = point(place)
    if here is None or not isinstance(corners, list):
        return False
    polygon = [corner for corner in map(point, corners) if corner is not None]
    if len(polygon) < 3:
        return False
    inside = False
    latitude, longitude = here
    for (lat1, lon1), (lat2, lon2) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        if (lat1 > latitude) != (lat2 > latitude):
            crossing = lon1 + (latitude - lat1) * (lon2 - lon1) / (lat2 - lat1)
            inside ^= longitude < crossing
    return inside
