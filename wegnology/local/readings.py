"""First readings through the demo, so that the first page shows life and a broken path is noticed at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import orjson
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from wegnology.lib.types import JSONObject
from wegnology.local.ports import LOOPBACK

TOPIC_OUT = "demo/out"
READINGS: list[JSONObject] = [
    {"device": "sensor-1", "temperature": 21.5},
    {"device": "sensor-2", "temperature": 28.9},
    {"device": "sensor-3", "temperature": 35.2},
]
"""The last one is above the demo's threshold."""


@contextmanager
def connected(port: int) -> Iterator[mqtt.Client]:
    """Yield a client of the demo broker whose network loop runs in a thread; raises `OSError` when nobody answers."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect(LOOPBACK, port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def publish(port: int, topic: str, payload: bytes, seconds: float = 10) -> None:
    """Publish one message at QoS 1 and wait until the broker has it."""
    with connected(port) as client:
        client.publish(topic, payload, qos=1).wait_for_publish(seconds)


def alert_after_readings(port: int, seconds: float) -> JSONObject | None:
    """Publish the readings; return the alert that came of them, None when none came in time."""
    subscribed, seen, alerts = threading.Event(), threading.Event(), list[JSONObject]()

    def on_message(client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:
        alerts.append(orjson.loads(message.payload))
        seen.set()

    with connected(port) as client:
        client.on_subscribe = lambda *_: subscribed.set()
        client.on_message = on_message
        client.subscribe(TOPIC_OUT, 1)
        subscribed.wait(seconds)
        for reading in READINGS:
            client.publish(f"demo/in/{reading['device']}", orjson.dumps(reading), qos=1)
        seen.wait(seconds)
    return alerts[0] if alerts else None
