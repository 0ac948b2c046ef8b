"""Validated settings with their secrets open: for comparing and for looking into, never for showing."""

from typing import Any

from pydantic import SecretStr


def reveal(value: Any) -> Any:
    """Replace masked secrets by their values, so that an edit of a password is an edit."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, dict):
        return {name: reveal(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [reveal(part) for part in value]
    return value
