"""Reading bodies: JSON of a bounded size, with nothing in it that cannot be stored."""

from collections.abc import Mapping
from typing import IO, Any, TypeVar

import orjson
from django.conf import settings
from pydantic import BaseModel, ValidationError
from rest_framework.parsers import BaseParser

from wegnology.lib.rest.errors import ApiError, Invalid, TooLarge
from wegnology.lib.schema import errors_by_field

M = TypeVar("M", bound=BaseModel)
_NUL = b"\\u0000"


class JsonBody(BaseParser):
    """Reads JSON of at most `API_BODY_BYTES`."""

    media_type = "application/json"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """Return what the body says; an empty one says None."""
        most: int = settings.API_BODY_BYTES
        text = stream.read(most + 1)
        if len(text) > most:
            raise TooLarge(f"A body may have {most:,} bytes; this one has more.")
        if not text:
            return None
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise ApiError(f"The body is not JSON: {error}") from None
        if _NUL in text and _holds_nul(value):
            raise ApiError("The body holds the character \\u0000, which cannot be stored.")
        return value


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in key or _holds_nul(part) for key, part in value.items())
    return isinstance(value, list) and any(map(_holds_nul, value))


def validated(model: type[M], value: Any) -> M:
    """Return a body as its model; raises `Invalid` with every fault."""
    if value is None:
        raise Invalid({"": "The body must be JSON, and there is none."})
    try:
        return model.model_validate_json(orjson.dumps(value), strict=True)
    except ValidationError as error:
        raise Invalid(errors_by_field(error)) from None
