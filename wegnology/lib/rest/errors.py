"""Errors of the REST API: `{type, message}` with the original types; what is invalid is said field by field, all at once."""

import logging
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError
from django.http import Http404
from pydantic import BaseModel
from rest_framework import exceptions
from rest_framework.response import Response

from wegnology.lib.redis import RedisAway
from wegnology.lib.rest.request_ids import current_request_id
from wegnology.lib.schema import ConfigInvalid, Field

logger = logging.getLogger(__name__)


class ApiError(Exception):
    """A refusal: `status` and `type` say what kind, the text says why and what to do."""

    status = 400
    type = "BadRequest"

    def __init__(self, message: str, headers: Mapping[str, str] | None = None) -> None:
        self.message = message
        self.headers = dict(headers or {})
        super().__init__(message)

    def body(self) -> dict[str, Any]:
        """Return the answer's body."""
        return {"type": self.type, "message": self.message}


class Invalid(ApiError):
    """What was sent cannot be used. `errors` maps places ("mqttConfig.host", "" for the whole) to sentences."""

    type = "Validation"

    def __init__(self, errors: Mapping[str, str]) -> None:
        self.errors = dict(errors)
        super().__init__(" ".join(f"{name}: {text}" if name else text for name, text in self.errors.items()))

    def body(self) -> dict[str, Any]:
        """Return the answer's body, with each fault by itself."""
        faults = [{"type": self.type, "name": name, "message": text} for name, text in self.errors.items()]
        return {**super().body(), "validationErrors": faults}


class Unauthorized(ApiError):
    """Nobody known asks."""

    status = 401
    type = "Unauthorized"


class Forbidden(ApiError):
    """Who asks is known, and may not."""

    status = 403
    type = "Forbidden"


class NotFound(ApiError):
    """There is no such thing, or it is not for who asks."""

    status = 404
    type = "NotFound"


class Conflict(ApiError):
    """It cannot be done as things stand."""

    status = 409
    type = "Conflict"


class Changed(ApiError):
    """Somebody else changed it meanwhile."""

    status = 412
    type = "PreconditionFailed"


class TooLarge(ApiError):
    """The body is larger than is taken."""

    status = 413
    type = "PayloadTooLarge"


class TooMany(ApiError):
    """Too many requests."""

    status = 429
    type = "TooManyRequests"

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message, {"Retry-After": str(seconds)})


class Unavailable(ApiError):
    """Something that is needed cannot be reached."""

    status = 503
    type = "ServiceUnavailable"

    def __init__(self, message: str) -> None:
        super().__init__(message, {"Retry-After": "5"})


class ErrorAnswer(BaseModel):
    """What every refusal answers."""

    type: str = Field(description="The kind of error.", examples=["NotFound"])
    message: str = Field(description="Why, and what to do.", examples=["Integration was not found"])


class FieldError(BaseModel):
    """One fault of what was sent."""

    type: str = Field(examples=["Validation"])
    name: str = Field(description="Where: the place in the body, or the parameter.", examples=["mqttConfig.host"])
    message: str = Field(examples=["This field is required."])


class InvalidAnswer(ErrorAnswer):
    """What was sent cannot be used; every fault at once."""

    validationErrors: list[FieldError] = Field([], description="The faults one by one.")  # noqa: N815  (the product's name)


_BY_STATUS: dict[int, type[ApiError]] = {kind.status: kind for kind in (Unauthorized, Forbidden, NotFound)}
_TYPES = {405: "MethodNotAllowed", 406: "NotAcceptable", 415: "UnsupportedMediaType"}


def answer_error(error: Exception, _context: Mapping[str, Any] | None = None) -> Response:
    """Return the answer to any exception. What nobody foresaw is logged, and answered without details."""
    known = _as_api_error(error)
    if known is None:
        logger.error("the API failed: %s", type(error).__name__, exc_info=error)
        text = f"Something went wrong here. The log says more about request {current_request_id()}."
        return Response({"type": "InternalServerError", "message": text}, status=500)
    return Response(known.body(), status=known.status, headers=known.headers)


def _as_api_error(error: Exception) -> ApiError | None:
    if isinstance(error, ApiError):
        return error
    if isinstance(error, ConfigInvalid):
        return Invalid(error.errors)
    if isinstance(error, ValidationError):
        return Invalid(_texts(error))
    if isinstance(error, Http404):
        return NotFound(str(error) or "There is nothing at this address")
    if isinstance(error, PermissionDenied):
        return Forbidden(str(error) or "This is not allowed")
    if isinstance(error, exceptions.APIException):
        return _of_framework(error)
    if isinstance(error, RedisAway):
        return Unavailable("Redis cannot be reached; try again when it is back.")
    if isinstance(error, DatabaseError) and type(error).__name__ == "OperationalError":
        logger.warning("the API cannot use the database: %s", error)
        return Unavailable("The database cannot be reached; try again when it is back.")
    return None


def _of_framework(error: exceptions.APIException) -> ApiError:
    text = str(error.detail)
    if error.status_code in _BY_STATUS:
        return _BY_STATUS[error.status_code](text)
    known = ApiError(text)
    known.status = error.status_code
    known.type = _TYPES.get(error.status_code, "BadRequest")
    return known


def _texts(error: ValidationError) -> dict[str, str]:
    if hasattr(error, "error_dict"):
        return {("" if name == "__all__" else name): " ".join(texts) for name, texts in error.message_dict.items()}
    return {"": " ".join(error.messages)}
