"""Tokens for tests of the API."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User

from wegnology.applications.models import ApiToken, Application
from wegnology.applications.tokens import issue_user_token


def bearer(of: User | str, scope: Sequence[str] = ("all.User",)) -> dict[str, str]:
    """Return the header that shows a person's token, or the given one."""
    token = of if isinstance(of, str) else issue_user_token(of, list(scope), timedelta(hours=1))
    return {"Authorization": f"Bearer {token}"}


def a_token(of: Application, *scope: str, **fields: Any) -> tuple[ApiToken, str]:
    """Create a token of an application; returns the row and the token."""
    row = ApiToken(application=of, **{"name": f"{of.name} token", "scope": list(scope) or ["all.Application"], **fields})
    token = row.issue()
    row.save()
    return row, token
