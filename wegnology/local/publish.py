"""Publish to the demo broker without a client at hand: `python -m wegnology.local.publish TOPIC JSON`, or `--watch TOPIC`."""

import os
import sys
import threading

import paho.mqtt.client as mqtt

from wegnology.local.readings import connected, publish


def watch(port: int, topic: str) -> None:
    """Print what arrives on a topic until interrupted."""

    def show(client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:
        sys.stdout.write(f"{message.topic} {message.payload.decode(errors='replace')}\n")
        sys.stdout.flush()

    with connected(port) as client:
        client.on_message = show
        client.subscribe(topic, 1)
        threading.Event().wait()


def main(arguments: list[str]) -> int:
    """Run as a program; returns the exit code."""
    port = int(os.environ.get("DEMO_BROKER_PORT", "11883"))
    if len(arguments) != 2:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    try:
        if arguments[0] == "--watch":
            watch(port, arguments[1])
        else:
            publish(port, arguments[0], arguments[1].encode())
    except KeyboardInterrupt:
        return 0
    except OSError as error:
        sys.stderr.write(f"No broker answers on port {port} ({error.strerror}): is `make run` running?\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
