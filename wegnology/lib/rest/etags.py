"""Marks of what a row says, so that of two people who edit it the second notices the first."""

import hashlib
from collections.abc import Collection

from django.db.models import Model
from rest_framework.request import Request

from wegnology.lib.rest.errors import Changed

VOLATILE = frozenset({"revision", "stopped_until", "last_used_at"})
"""What changes by itself and is nobody's edit."""


def etag_of(*rows: Model, without: Collection[str] = VOLATILE) -> str:
    """Return the mark of rows as they are now, in quotes as the header has it."""
    digest = hashlib.sha256()
    for row in rows:
        for field in row._meta.concrete_fields:
            if field.name not in without:
                digest.update(f"{field.attname}={getattr(row, field.attname)!r};".encode())
    return f'"{digest.hexdigest()[:32]}"'


def require_match(request: Request, mark: str) -> None:
    """Raise `Changed` when the request says by `If-Match` that it is about another state than this one."""
    wanted = request.headers.get("If-Match", "").strip()
    if not wanted or wanted == "*":
        return
    if mark not in {part.strip().removeprefix("W/") for part in wanted.split(",")}:
        raise Changed("This was changed meanwhile. Read it again, apply your change to what it says now, and send that.")
