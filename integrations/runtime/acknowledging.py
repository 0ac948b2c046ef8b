"""Tells sources what is durable: in the order of arrival, one call of a connection at a time."""

import asyncio
import logging
from typing import NamedTuple

from integrations.connectors.base import AnyConnector, Delivery
from wegnology.lib.eager import go_on

logger = logging.getLogger(__name__)


class _Pending(NamedTuple):
    """A call under way, and what arrived since."""

    task: asyncio.Task[None]
    next: list[Delivery]


class Acknowledging:
    """The calls under way. A connector whose call ends without waiting, as most do, leaves nothing here."""

    def __init__(self) -> None:
        self._pending: dict[AnyConnector, _Pending] = {}

    def tell(self, connector: AnyConnector, deliveries: list[Delivery]) -> None:
        """Acknowledge what came through a connection."""
        pending = self._pending.get(connector)
        if pending is not None:
            pending.next.extend(deliveries)
            return
        call = connector.acknowledge(deliveries)
        try:
            waits_for = call.send(None)
        except StopIteration:
            return
        except Exception as error:  # noqa: BLE001  (the line is lost: its reader notices, the source sends again)
            logger.debug("acknowledging failed: %s", connector.explain(error))
            return
        task = go_on(call, waits_for)
        self._pending[connector] = _Pending(task, [])
        task.add_done_callback(lambda ended: self._ended(connector, ended))

    def _ended(self, connector: AnyConnector, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            logger.debug("acknowledging failed: %s", type(task.exception()).__name__)
        arrived = self._pending.pop(connector).next
        if arrived:
            self.tell(connector, arrived)
