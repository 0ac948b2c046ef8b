"""What an operation of the API is: declared once beside its method, read by checks, documentation and tests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import BaseModel

F = TypeVar("F", bound=Callable[..., Any])
_MARK = "_operation"


@dataclass(frozen=True)
class Operation:
    """One method at one address.

    `scope` is what a token must be allowed ("" for no token), `role` the least role in the application. `answer` and `body` are
    models, or functions that return a JSON schema where it depends on what is registered.
    """

    summary: str
    scope: str = ""
    role: StrEnum | None = None
    answer: Any = None
    status: int = 200
    body: Any = None
    query: type[BaseModel] | None = None
    headers: tuple[str, ...] = ()
    """Request headers that mean something: "If-Match"."""
    errors: tuple[int, ...] = ()
    """Statuses beside those that every operation may answer."""
    description: str = ""
    examples: Mapping[str, Any] = field(default_factory=dict)
    """Bodies by name."""
    others: Mapping[int, str] = field(default_factory=dict)
    """Further statuses that are no errors, with what they mean."""


def operation(summary: str, **what: Any) -> Callable[[F], F]:
    """Declare a method as an operation (see `Operation`)."""

    def mark(method: F) -> F:
        setattr(method, _MARK, Operation(summary, **what))
        return method

    return mark


def operation_of(view: object, method: str) -> Operation | None:
    """Return what a view declares for an HTTP method."""
    found: Operation | None = getattr(getattr(view, method.lower(), None), _MARK, None)
    return found
