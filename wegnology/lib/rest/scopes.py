"""What a token's scopes allow. The names are those that the official clients document.

A scope names an operation (`integrations.get`), all operations of a resource (`integrations.*`), or a family:
`all.Application`, `all.Organization`, `all.User` everything, with `.bounded` all but tokens and the account itself, with `.read`
what only reads, with `.cli` what the original's command line uses. What concerns no application (`me`, the list of
applications) takes no `all.Application`.
"""

from collections.abc import Iterable, Mapping
from enum import Flag, auto


class Kind(Flag):
    """Which families hold an operation, beside the full ones."""

    BOUNDED = auto()
    READ = auto()
    CLI = auto()
    PERSONAL = auto()
    """Concerns no single application."""
    ORGANIZATION = auto()
    """Personal, and held by the scopes `only.Organization` too."""


READS = Kind.BOUNDED | Kind.READ
WRITES = Kind.BOUNDED
FULL = Kind(0)

SCOPES: Mapping[str, Kind] = {
    "application.delete": WRITES,
    "application.export": WRITES,
    "application.get": READS | Kind.CLI,
    "application.import": WRITES,
    "application.patch": WRITES | Kind.CLI,
    "application.payloadCounts": READS,
    "application.payloadCountsBreakdown": READS,
    "applicationApiToken.delete": FULL,
    "applicationApiToken.get": READS,
    "applicationApiToken.patch": FULL,
    "applicationApiTokens.get": READS,
    "applicationApiTokens.post": FULL,
    "applications.get": READS | Kind.CLI | Kind.PERSONAL | Kind.ORGANIZATION,
    "applications.post": WRITES | Kind.PERSONAL | Kind.ORGANIZATION,
    "auditLog.get": READS | Kind.PERSONAL | Kind.ORGANIZATION,
    "auditLogs.get": READS | Kind.PERSONAL | Kind.ORGANIZATION,
    "credential.delete": WRITES,
    "credential.get": READS,
    "credential.linkedResources": READS,
    "credential.patch": WRITES,
    "credentials.get": READS,
    "credentials.post": WRITES,
    "event.get": READS,
    "event.patch": WRITES,
    "events.get": READS,
    "events.patch": WRITES,
    "flow.clearStorageEntries": WRITES,
    "flow.delete": WRITES,
    "flow.errors": READS,
    "flow.get": READS,
    "flow.getStorageEntries": READS,
    "flow.getStorageEntriesMetadata": READS,
    "flow.log": READS,
    "flow.patch": WRITES,
    "flow.pressVirtualButton": WRITES,
    "flow.setStorageEntry": WRITES,
    "flow.stats": READS,
    "flows.get": READS,
    "flows.getByVersion": READS,
    "flows.import": WRITES,
    "flows.palette": READS,
    "flows.post": WRITES,
    "flowVersion.delete": WRITES,
    "flowVersion.errors": READS,
    "flowVersion.get": READS,
    "flowVersion.log": READS,
    "flowVersion.patch": WRITES,
    "flowVersion.stats": READS,
    "flowVersions.delete": WRITES,
    "flowVersions.get": READS,
    "flowVersions.post": WRITES,
    "integration.check": WRITES,
    "integration.delete": WRITES,
    "integration.get": READS,
    "integration.inspect": READS,
    "integration.ledger": READS,
    "integration.patch": WRITES,
    "integration.reconnect": WRITES,
    "integrations.get": READS,
    "integrations.post": WRITES,
    "integrations.status": READS,
    "me.changePassword": FULL | Kind.PERSONAL,
    "me.get": READS | Kind.PERSONAL,
    "me.logOut": READS | Kind.PERSONAL,
    "me.patch": FULL | Kind.PERSONAL,
    "me.refreshToken": FULL | Kind.PERSONAL,
    "parkedRun.delete": WRITES,
    "parkedRun.get": READS,
    "parkedRun.patch": WRITES,
    "parkedRun.replay": WRITES,
    "parkedRuns.get": READS,
    "parkedRuns.replay": WRITES,
    "replayJob.get": READS,
    "replayJob.patch": WRITES,
    "replayJobs.get": READS,
    "replayJobs.post": WRITES,
}
"""Every operation of the API that needs a token."""

_OWNERS: tuple[str, ...] = ("Application", "Organization", "User")
_FAMILIES = {"": FULL, ".bounded": Kind.BOUNDED, ".read": Kind.READ, ".cli": Kind.CLI}


def takes(scope: str) -> frozenset[str]:
    """Return the scopes of which a token needs one for an operation."""
    kind = SCOPES[scope]
    owners = _OWNERS
    if Kind.PERSONAL in kind:
        owners = ("Organization", "User") if Kind.ORGANIZATION in kind else ("User",)
    found = {scope, f"{scope.partition('.')[0]}.*"}
    for ending, family in _FAMILIES.items():
        if family in kind:  # nothing is in everything
            found |= {f"all.{owner}{ending}" for owner in owners if not (owner == "Organization" and family is Kind.CLI)}
            if Kind.ORGANIZATION in kind and family is not Kind.CLI:
                found.add(f"only.Organization{ending}")
            if scope.startswith("me.") and family is not Kind.CLI:
                found.add(f"only.User{ending}")
    return frozenset(found)


_TAKES: Mapping[str, frozenset[str]] = {scope: takes(scope) for scope in SCOPES}


def allows(held: Iterable[str], scope: str) -> bool:
    """Say whether a token with these scopes may do an operation."""
    return not _TAKES[scope].isdisjoint(held)


def granted(held: Iterable[str]) -> frozenset[str]:
    """Return the operations that scopes allow together."""
    kept = frozenset(held)
    return frozenset(scope for scope in SCOPES if allows(kept, scope))


def application_scopes() -> tuple[str, ...]:
    """Return what a token of an application may hold, in an order for people."""
    own = [scope for scope, kind in SCOPES.items() if Kind.PERSONAL not in kind]
    resources = dict.fromkeys(f"{scope.partition('.')[0]}.*" for scope in own)
    return (*(f"all.Application{ending}" for ending in _FAMILIES), *resources, *own)


def user_scopes() -> tuple[str, ...]:
    """Return what a token of a person may hold."""
    families = [f"all.{owner}{ending}" for owner in ("User", "Organization", "Application") for ending in _FAMILIES]
    resources = dict.fromkeys(f"{scope.partition('.')[0]}.*" for scope in SCOPES)
    return (*families, *resources, *SCOPES)
