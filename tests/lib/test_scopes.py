"""What the scopes of tokens allow."""

import pytest

from wegnology.lib.rest.scopes import SCOPES, allows, application_scopes, granted, user_scopes


@pytest.mark.parametrize(
    ("held", "scope", "allowed"),
    [
        ("integrations.get", "integrations.get", True),
        ("integrations.get", "integrations.post", False),
        ("integrations.get", "integration.get", False),
        ("integrations.*", "integrations.post", True),
        ("integrations.*", "integration.patch", False),
        ("all.Application", "applicationApiTokens.post", True),
        ("all.Application.bounded", "applicationApiTokens.post", False),
        ("all.Application.bounded", "integration.delete", True),
        ("all.Application.read", "integration.get", True),
        ("all.Application.read", "integration.patch", False),
        ("all.Application.cli", "application.get", True),
        ("all.Application.cli", "integration.get", False),
        ("all.Application", "applications.get", False),
        ("all.Application", "me.get", False),
        ("all.User", "me.patch", True),
        ("all.User.bounded", "me.patch", False),
        ("all.User.read", "integrations.get", True),
        ("only.User.read", "me.get", True),
        ("only.User.read", "integrations.get", False),
        ("nothing.known", "integrations.get", False),
    ],
)
def test_a_scope_allows_what_it_says(held: str, scope: str, allowed: bool) -> None:
    assert allows([held], scope) is allowed


def test_nothing_allows_nothing() -> None:
    assert granted([]) == frozenset()
    assert granted(["all.User"]) == frozenset(SCOPES)


def test_a_token_of_an_application_holds_nothing_personal() -> None:
    personal = {"me.get", "me.*", "applications.get", "all.User", "only.User"}
    assert personal.isdisjoint(application_scopes())
    assert set(SCOPES) <= set(user_scopes())
    assert len(application_scopes()) == len(set(application_scopes()))
