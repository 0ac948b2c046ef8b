"""Named classes, found by importing every module of one package."""

import difflib
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar


class Named(Protocol):
    """What a registered class must declare."""

    name: str
    label: str


T = TypeVar("T", bound=type)


class UnknownName(LookupError):
    """No class of that name is registered; the message suggests the nearest one."""


class Registry(Generic[T]):
    """Classes by their public name. A class joins by the decorator `register`."""

    def __init__(self, package: str) -> None:
        self._package = package
        self._classes: dict[str, T] = {}
        self._complete = False

    def register(self, cls: T) -> T:
        """Decorate a class to make it known; two classes of one name are a programming error."""
        name: str = cls.name  # type: ignore[attr-defined]
        if name in self._classes and self._classes[name] is not cls:
            raise ValueError(f"{name!r} is registered twice: {self._classes[name]!r} and {cls!r}")
        self._classes[name] = cls
        return cls

    def autodiscover(self) -> None:
        """Import every module of the package once."""
        if self._complete:
            return
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self._package}.{module.name}")
        self._complete = True

    def get(self, name: str) -> T:
        """Return the class of that name or raise `UnknownName`."""
        self.autodiscover()
        try:
            return self._classes[name]
        except KeyError:
            near = difflib.get_close_matches(name, self._classes, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(sorted(self._classes))}"
            raise UnknownName(f"there is no {name!r}{hint}") from None

    def __contains__(self, name: object) -> bool:
        self.autodiscover()
        return name in self._classes

    def __iter__(self) -> Iterator[T]:
        """Iterate the classes by label."""
        self.autodiscover()
        return iter(sorted(self._classes.values(), key=lambda cls: str(cls.label).lower()))  # type: ignore[attr-defined]

    def choices(self) -> list[tuple[str, str]]:
        """Return (name, label) pairs for a form field."""
        return [(cls.name, cls.label) for cls in self]  # type: ignore[attr-defined]
