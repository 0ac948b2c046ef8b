"""What a deleted integration left at its source."""

import asyncio
import logging

from integrations.runtime.backoff import Backoff
from integrations.runtime.listener import CONNECT_SECONDS
from integrations.runtime.snapshot import Desired

logger = logging.getLogger(__name__)

PURGE_SECONDS = 3600.0


async def purge(deleted: Desired) -> None:
    """Ask a deleted integration's connector to tidy up at the source, again with growing delays until it could."""
    if deleted.connector is None or deleted.config is None:
        return
    backoff = Backoff()
    deadline = asyncio.get_running_loop().time() + PURGE_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        connector = deleted.connector(deleted.config, deleted.source)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await connector.purge()
        except Exception as error:  # noqa: BLE001  (whatever a connector raises: it is tried again)
            text = connector.config.scrub(connector.explain(error))
            logger.warning("integration %s: tidying up at the source failed: %s", deleted.integration_id, text)
            await asyncio.sleep(backoff.next_seconds())
        else:
            return
