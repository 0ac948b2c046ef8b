"""What may be subscribed to and what may be published to. Protocol: MQTT 5.0, section 4.7."""

from functools import lru_cache


def filter_fault(topic: str) -> str:
    """Say what is wrong with a topic to subscribe to; empty when it is fine."""
    if not 1 <= len(topic) <= 1024:
        return "A topic has 1 to 1024 characters."
    if "\0" in topic:
        return "A topic holds no NUL character."
    levels = topic.split("/")
    if any("#" in level for level in levels[:-1]) or ("#" in levels[-1] and levels[-1] != "#"):
        return "# stands alone as the last level, such as plant/#."
    if any("+" in level and level != "+" for level in levels):
        return "+ stands alone in its level, such as plant/+/temperature."
    return ""


@lru_cache(maxsize=4096)
def name_fault(topic: str) -> str:
    """Say what is wrong with a topic to publish to; empty when it is fine."""
    if not topic:
        return "The topic is empty."
    if "+" in topic or "#" in topic:
        return f"A message cannot be published to a topic with + or #: {topic[:100]}."
    if "\0" in topic or len(topic.encode()) > 65535:
        return "The topic holds a NUL character or is longer than 65535 bytes."
    return ""


def without_group(topic: str) -> str:
    """Return the filter of a shared subscription without its group: protocol 5.0, section 4.8.2."""
    parts = topic.split("/", 2)
    return parts[2] if parts[0] == "$share" and len(parts) == 3 else topic
