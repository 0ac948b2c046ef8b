"""A namespace of Azure Event Hubs, one hub of two partitions an integration: the counterpart of the tests, which speaks AMQP 1.0.

It is not lean (some 100 µs of Python an event), and shares the machine with what is measured.
"""

from collections.abc import Sequence

from bench.kinds.base import Crowd, Kind, kinds
from tests.servers.event_hubs import KEY, POLICY, EventHubs
from wegnology.lib.types import JSONObject


@kinds.register
class AzureEventHubKind(Kind):
    """Hubs of one namespace; what is measured comes over one hub partition, since only that keeps an order."""

    name = "azureEventHub"
    label = "Azure Event Hubs"
    text = "data.event.body"
    crowd = Crowd(50, 10.0)
    idle = 50

    def __init__(self) -> None:
        self._hubs = EventHubs()

    @classmethod
    def settings(cls, port: int, number: int) -> JSONObject:
        """Return the login that every namespace of the tests has, and a hub."""
        login = f"SharedAccessKeyName={POLICY};SharedAccessKey={KEY};UseDevelopmentEmulator=true"
        connection = f"Endpoint=sb://127.0.0.1:{port}/;{login}"
        return {"connectionString": connection, "hubName": _hub(number), "consumerGroup": "$Default"}

    def start(self, integrations: int) -> int:
        """Serve."""
        self._hubs.start()
        for number in range(integrations):
            self._hubs.hub(_hub(number))
        return self._hubs.port

    def publish(self, number: int, bodies: Sequence[bytes]) -> None:
        """Let events arrive."""
        self._hubs.publish_soon(_hub(number), bodies, partition="0")

    def stop(self) -> None:
        """Drop everything."""
        self._hubs.stop()


def _hub(number: int) -> str:
    return f"bench-{number:04d}"
