"""What people may see of a message: texts cut to size, what looks like a login masked.

Names decide, not values: a header, attribute or property called `Authorization`, `Cookie`, `X-Api-Key` and the like never shows
its value. A body that is a text is what it is: whoever may see messages may see bodies.
"""

import re
from functools import lru_cache

from wegnology.lib.types import JSONObject, JSONValue

MASK = "********"
_SECRET = re.compile(
    r"authoriz|cookie|passw|secret|token|credential|signature|session|api.?key|access.?key|private.?key|account.?key|shared.?access|^key$",
    re.IGNORECASE,
)
_DEEPEST = 8
_MOST_ITEMS = 200


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Say whether what stands under such a name must not be shown."""
    return _SECRET.search(name[:200]) is not None


class Shown:
    """Makes the shown form of one message's data. `cut` says whether anything was left out for its size."""

    __slots__ = ("_room", "cut")

    def __init__(self, most: int) -> None:
        """`most` is how many characters of text may be shown together."""
        self._room = most
        self.cut = False

    def of(self, data: JSONObject) -> JSONObject:
        """Return a copy of `data` to show; its own names (such as `message`) are those of the type, so none is a secret."""
        return {name: self._value(value, 1) for name, value in data.items()}

    def _value(self, value: JSONValue, depth: int) -> JSONValue:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            if depth > _DEEPEST or len(value) > _MOST_ITEMS or self._room <= 0:
                self.cut = True
                return {}
            return {self._text(name): self._under(name, item, depth) for name, item in value.items()}
        if isinstance(value, list):
            if depth > _DEEPEST or len(value) > _MOST_ITEMS or self._room <= 0:
                self.cut = True
                return []
            return [self._item(item, depth) for item in value]
        return value

    def _under(self, name: str, value: JSONValue, depth: int) -> JSONValue:
        if is_secret_name(name) and value not in (None, ""):
            return MASK
        return self._value(value, depth + 1)

    def _item(self, item: JSONValue, depth: int) -> JSONValue:
        """Show an item of a list; a pair may be a header, name first (user properties of MQTT)."""
        if isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) and is_secret_name(item[0]):
            return [item[0], MASK]
        return self._value(item, depth + 1)

    def _text(self, text: str) -> str:
        if len(text) > self._room:
            text = text[: max(self._room, 0)]
            self.cut = True
        self._room -= len(text)
        return text
