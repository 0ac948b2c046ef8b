"""Names of Google Pub/Sub, without its client library. https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names"""

import hashlib
import re
from typing import NamedTuple

RESOURCE_LENGTH = 255
_RESOURCE = re.compile(r"[A-Za-z][A-Za-z0-9\-._~+%]{2,254}\Z")
_PROJECT = re.compile(r"(?:[a-z0-9.\-]+:)?[a-z0-9][a-z0-9\-]{4,61}[a-z0-9]\Z")


def topic_fault(topic: str) -> str:
    """Say what is wrong with a topic's name; "" when nothing is."""
    if "/" in topic:
        return "Only the last part: of projects/plant/topics/alerts it is alerts."
    if not _RESOURCE.match(topic):
        return "A topic's name begins with a letter and has 3 to 255 letters, digits, or any of - . _ ~ + %."
    if topic.lower().startswith("goog"):
        return "A topic's name does not begin with goog."
    return ""


def project_fault(project: str) -> str:
    """Say what is wrong with a project's id; "" when nothing is."""
    if not _PROJECT.match(project):
        return "A project's id has 6 to 63 small letters, digits and hyphens, as the Google Cloud console shows it."
    return ""


def subscription_id(integration_id: str, topic: str) -> str:
    """Return the name of an integration's own subscription to a topic; one that were too long ends in a digest instead."""
    name = f"wegnology-{integration_id}-{topic}"
    if len(name) <= RESOURCE_LENGTH:
        return name
    return f"{name[: RESOURCE_LENGTH - 17]}-{hashlib.sha256(topic.encode()).hexdigest()[:16]}"


class Project(NamedTuple):
    """A project; gives the full names of what is in it."""

    id: str

    def topic(self, name: str) -> str:
        """Return the full name of a topic."""
        return f"projects/{self.id}/topics/{name}"

    def subscription(self, name: str) -> str:
        """Return the full name of a subscription."""
        return f"projects/{self.id}/subscriptions/{name}"
