"""Read-only views that the Handlebars library renders from.

They share one budget of iterations and printed array elements, because a rendering cannot be interrupted, and let floats
print as JavaScript prints them. Helpers get the plain JSON values.
"""

from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, Sequence
from typing import Any, overload

from dotpromptz_handlebars import Handlebars, HelperOptions, SafeString

from wegnology.lib.javascript import number_text, truthy
from wegnology.lib.template_library import CONDITIONS, CONTEXTUAL, Helper, helpers
from wegnology.lib.template_values import element

MAX_ITERATIONS = 10_000


class IterationLimit(Exception):
    """A template went through more elements than it may."""


class Budget:
    """What one rendering may still do; `strict` refuses arrays where text is expected."""

    __slots__ = ("left", "strict")

    def __init__(self, strict: bool) -> None:
        self.left = MAX_ITERATIONS
        self.strict = strict

    def spend(self, count: int) -> None:
        """Count iterations; raises `IterationLimit`."""
        self.left -= count
        if self.left < 0:
            raise IterationLimit(f"the template goes through more than {MAX_ITERATIONS} elements")


class _Float(float):
    def is_integer(self) -> bool:
        """Never: a whole float would be printed with all its digits instead of by `__str__`."""
        return False

    def __str__(self) -> str:
        return number_text(float(self))


class _Object(Mapping[str, Any]):
    __slots__ = ("budget", "plain")

    def __init__(self, plain: dict[str, Any], budget: Budget) -> None:
        self.plain = plain
        self.budget = budget

    def __contains__(self, key: object) -> bool:
        if self.budget.strict:
            return self.plain.get(key) is not None  # type: ignore[call-overload]
        return key in self.plain

    def __getitem__(self, key: str) -> Any:
        return seen(self.plain[key], self.budget)

    def __iter__(self) -> Iterator[str]:
        return iter(self.plain)

    def __len__(self) -> int:
        return len(self.plain)

    def items(self) -> ItemsView[str, Any]:
        """Called by `each`."""
        self.budget.spend(len(self.plain))
        return super().items()


class _Array(Sequence[Any]):
    """Passes for a mapping too, so that `length` can be read; see the registration below."""

    __slots__ = ("budget", "plain")

    def __init__(self, plain: list[Any], budget: Budget) -> None:
        self.plain = plain
        self.budget = budget

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and element(self.plain, key) is not None

    @overload
    def __getitem__(self, key: int) -> Any: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[Any]: ...
    def __getitem__(self, key: Any) -> Any:
        return seen(element(self.plain, key) if isinstance(key, str) else self.plain[key], self.budget)

    def __iter__(self) -> Iterator[Any]:
        """Called to print the array: elements joined by commas."""
        if self.budget.strict:
            raise ValueError("an array stands where text is expected")
        self.budget.spend(len(self.plain))
        return (seen(item, self.budget) for item in self.plain)

    def __len__(self) -> int:
        return len(self.plain)

    def keys(self) -> KeysView[str]:
        """Called when the array is a helper's context, which needs nothing of it."""
        return {}.keys()

    def items(self) -> list[tuple[int, Any]]:
        """Called by `each`."""
        self.budget.spend(len(self.plain))
        return [(index, seen(item, self.budget)) for index, item in enumerate(self.plain)]


Mapping.register(_Array)


def view(context: Any, strict: bool) -> Any:
    """Return the view of a context, with a budget of its own."""
    return seen(context, Budget(strict))


def seen(value: Any, budget: Budget) -> Any:
    """Wrap what needs wrapping."""
    if isinstance(value, dict):
        return _Object(value, budget)
    if isinstance(value, list):
        return _Array(value, budget)
    if isinstance(value, float):
        return _Float(value)
    return value


def _unseen(value: Any) -> Any:
    if isinstance(value, (_Object, _Array)):
        return value.plain
    return float(value) if isinstance(value, _Float) else value


def configure(library: Handlebars) -> Handlebars:
    """Give the library our helpers in place of its own."""
    library.unregister_helper("log")
    for name, helper in helpers.items():
        library.register_helper(name, _adapted(name, helper))
    return library


def _adapted(name: str, helper: Helper) -> Callable[[list[Any], HelperOptions], Any]:
    def call(values: list[Any], options: HelperOptions) -> Any:
        if name in CONTEXTUAL:
            context = options.context
            values = [{key: _unseen(item) for key, item in context.items()} if isinstance(context, Mapping) else context, *values]
        result = helper(*map(_unseen, values), **{key: _unseen(value) for key, value in options.hash.items()})
        if options.is_block and name in CONDITIONS:
            return options.fn() if truthy(result) else options.inverse()
        return result if isinstance(result, SafeString) else seen(result, Budget(strict=False))

    return call
