"""An integration's place in a worker, made by hand for tests of single parts."""

import asyncio
import time

from integrations.events import TriggerEvent
from integrations.runtime.keys import partition_of
from integrations.runtime.lease import Lease
from tests.fakes import FakeConnector
from tests.integrations.runtime.hub import Entry, Hub, Out
from wegnology.lib.ids import new_id
from workflows.catalog import Catalog, Known
from workflows.flight import Box, Claimed, Flight, Send


def held_box(hub: Hub, integration_id: str = "", process: str = "w1") -> Box:
    """Return the box of an integration whose partition is held for a while."""
    integration_id = integration_id or new_id()
    return Box(
        integration_id, Lease(partition_of(integration_id), hub.hold("run", integration_id, process), time.monotonic() + 60)
    )


def known(integration_id: str, rate: float | None = None) -> Known:
    """Return what runs know of an integration."""
    return Known(integration_id, "a1", partition_of(integration_id), True, FakeConnector, rate, "Far")


def catalog_of(*rows: Known) -> Catalog:
    """Return a catalog that was loaded with these."""
    catalog = Catalog()
    catalog.integrations = {row.integration_id: row for row in rows}
    return catalog


def claimed(entry: Entry, suspect: bool = False) -> Claimed:
    """Return an entry as it is claimed."""
    return Claimed(entry.identifier, entry.stored, suspect)


def flight(box: Box, entry: Entry, *sends: Out, repeated: bool = False) -> Flight:
    """Return an event under way, with what its runs want to send."""
    event = TriggerEvent.from_json(entry.stored)
    result = Flight(box, entry.identifier, entry.stored, event, repeated=repeated)
    result.sends = [send_of(send) for send in sends]
    return result


def send_of(out: Out) -> Send:
    """Return a message as runs send it."""
    return Send(out.visit, partition_of(out.target), out.target, out.stored)


def number_of(entry: Claimed | Entry) -> int:
    """Return the number of a message."""
    return int(str(TriggerEvent.from_json(entry.stored).data["number"]))


async def forever() -> object:
    """Wait until cancelled."""
    return await asyncio.Event().wait()
