"""The reference page of the kinds of service credentials."""

from collections.abc import Iterator, Mapping

from wegnology.lib.credential_types import CREDENTIAL_TYPES
from wegnology.lib.reference import said_of, settings_table


def credential_parts(users: Mapping[str, str]) -> Iterator[str]:
    """Yield the page part by part. `users` says by kind, in Markdown, which integrations take it."""
    yield "# Service credentials"
    yield (
        "Logins kept once in an application and used by name (`credentialName`). A secret is stored sealed and not shown "
        "again. How to use them is told in [the guide](../guide.md#service-credentials)."
    )
    for kind in CREDENTIAL_TYPES.values():
        yield f"## {kind.label}"
        yield f"Kind `{kind.name}`. {said_of(kind)} Integrations that take it: {users.get(kind.name) or 'none'}."
        yield settings_table(kind)
