"""What deleted workflows kept in their storage stays as long as they can be restored, and is then forgotten."""

from collections.abc import Iterable

from integrations.runtime.keys import prefix
from wegnology.lib.redis import SyncRedis
from workflows.models import Workflow

KEPT_SECONDS = 31 * 24 * 3600
"""A day longer than the trash keeps the workflow itself."""


def forget_deleted(client: SyncRedis) -> None:
    """Let the storages of workflows that are gone run out, and keep those of workflows that were brought back."""
    names: dict[str, list[str]] = {}
    for kind in ("storage", "state"):
        for found in client.scan_iter(match=f"{prefix()}{kind}:*", count=1000):
            name = found.decode()
            names.setdefault(name.rpartition(":")[2], []).append(name)
    known = _known(names)
    for workflow_id, keys in names.items():
        for name in keys:
            if workflow_id in known:
                client.persist(name)
            else:
                client.expire(name, KEPT_SECONDS, nx=True)


def _known(workflow_ids: Iterable[str]) -> set[str]:
    """Return which of the workflows exist, asking for so many at a time."""
    wanted = list(workflow_ids)
    known: set[str] = set()
    for first in range(0, len(wanted), 500):
        known |= set(Workflow.objects.filter(pk__in=wanted[first : first + 500]).values_list("pk", flat=True))
    return known
