"""A server that breaks the rules of WebSocket in every way there is: whatever it sends, the connector goes on or gives up.

The cases are those of the Autobahn test suite, https://github.com/crossbario/autobahn-testsuite, served by kosoku. What is asked
here is less than conformance: no case may hang, kill or leak. How well the client library keeps to the protocol is the library's.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import kosoku
import pytest

from integrations.connectors.base import Source
from integrations.connectors.websocket import WebsocketConfig, WebsocketConnector, WebsocketOutgoing
from integrations.exceptions import Disconnected, SendFailed
from tests.integrations.connectors.contract import held, run, until
from tests.servers.processes import LOOPBACK

CASE_SECONDS = 15.0
QUICK = ["1.1.*", "1.2.*", "2.*", "3.1", "3.5", "4.1.1", "4.2.3", "5.1", "5.4", "5.9", "5.15", "6.3.*", "7.1.*", "7.5.*", "7.9.1"]
LONG = ["9.*", "12.*", "13.*"]
"""Megabytes, and compression, which the client does not offer."""


async def echo(url: str) -> bool:
    """Talk to one case as it wants: send back what comes. Say whether a connection was made."""
    connector = WebsocketConnector(WebsocketConfig.resolve({"url": url}, {}), Source("5f20"))
    try:
        await connector.connect()
        while True:
            for delivery in await connector.receive():
                body: Any = delivery.data["message"]
                encoding = body.get("encoding", "utf8")
                await connector.send(WebsocketOutgoing(message=body["data"], encoding=encoding))
    except (Disconnected, SendFailed):
        return True
    except connector.transient:
        return False
    finally:
        await connector.close()


def survives(cases: Sequence[str] | None, without: Sequence[str] | None = None) -> None:
    """Run the cases one after the other."""

    async def story() -> None:
        async with kosoku.run_fuzzingserver(cases, without, port=0) as server:
            base = f"ws://{LOOPBACK}:{server.port}"
            count = await case_count(f"{base}/getCaseCount")
            assert count > 30
            before = held()
            connected = 0
            for number in range(1, count + 1):
                async with asyncio.timeout(CASE_SECONDS):
                    connected += await echo(f"{base}/runCase?case={number}&agent=connector")
            assert connected == count
            await until(lambda: held()[:2] <= before[:2], f"no more threads and tasks than {before}")
            assert await case_count(f"{base}/getCaseCount") == count

    run(story())


async def case_count(url: str) -> int:
    """Ask the server how many cases it has."""
    connector = WebsocketConnector(WebsocketConfig.resolve({"url": url}, {}), Source("5f21"))
    try:
        await connector.connect()
        [delivery] = await connector.receive()
        body: Any = delivery.data["message"]
        return int(body["data"])
    finally:
        await connector.close()


def test_no_fault_of_a_server_hangs_or_kills() -> None:
    survives(QUICK)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_fault_at_all_hangs_or_kills() -> None:
    survives(None, LONG)
