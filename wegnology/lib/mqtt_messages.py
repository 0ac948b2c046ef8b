"""An MQTT message as a workflow sees it. Protocol: MQTT 3.1.1 and 5.0, section 3.3."""

import base64

from paho.mqtt.properties import Properties

from wegnology.lib.types import JSONObject

_PLAIN = (
    ("ContentType", "contentType"),
    ("ResponseTopic", "responseTopic"),
    ("MessageExpiryInterval", "messageExpiryInterval"),
    ("PayloadFormatIndicator", "payloadFormatIndicator"),
    ("SubscriptionIdentifier", "subscriptionIdentifier"),
)


def message_data(topic: str, payload: bytes, qos: int, retain: bool, properties: Properties | None) -> JSONObject:
    """Return the data of a message event."""
    try:
        data: JSONObject = {"type": "message", "message": payload.decode(), "topic": topic, "qos": qos, "retain": retain}
    except UnicodeDecodeError:
        text = base64.b64encode(payload).decode()
        data = {"type": "message", "message": text, "topic": topic, "qos": qos, "retain": retain, "encoding": "base64"}
    if properties is not None and (said := _said(properties)):
        data["properties"] = said
    return data


def _said(properties: Properties) -> JSONObject:
    """Return what a version 5 sender said beside the message."""
    said: JSONObject = {key: getattr(properties, name) for name, key in _PLAIN if hasattr(properties, name)}
    if hasattr(properties, "UserProperty"):
        said["userProperties"] = [list(pair) for pair in properties.UserProperty]
    if hasattr(properties, "CorrelationData"):
        said["correlationData"] = base64.b64encode(properties.CorrelationData).decode()
    return said
