"""A queue of Amazon SQS: its address, and the calls to it. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/

The calls block and raise `ClientError` (AWS answered with an error), `EgressRefused`, `ssl.SSLError` and `OSError`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from wegnology.lib.aws import Keys, Lines, Telling, aws_client, code_of, explain_aws, is_denied, is_refusal, telling
from wegnology.lib.connection_faults import advise_socket_error, explain_socket_error
from wegnology.lib.marking import marked

BATCH = 10
"""Messages in one call: the service's own limit."""

_CLOUD = re.compile(
    r"(?:sqs(?:-fips)?|vpce-[^.]+\.sqs)\.(?P<region>[a-z0-9-]+)\.(?:vpce\.)?(?:amazonaws\.com(?:\.cn)?|api\.aws)\Z"
)
_OLD_CLOUD = re.compile(r"(?:(?P<region>[a-z0-9-]+)\.)?queue\.amazonaws\.com\Z")
_PATH = re.compile(r"/[0-9]{12}/[A-Za-z0-9_-]{1,80}(?:\.fifo)?\Z")
_NO_QUEUE = Telling(
    marked("There is no such queue in this region and account"),
    marked("Copy the queue's URL from the AWS console, and the region from the same page."),
)
_TELLS: Mapping[str, Telling] = {
    "QueueDoesNotExist": _NO_QUEUE,
    "NonExistentQueue": _NO_QUEUE,
    "InvalidAddress": Telling(marked("AWS does not accept the queue's URL"), _NO_QUEUE.advice),
    "KmsAccessDenied": Telling(
        marked("The queue is encrypted, and this user may not use its key"),
        marked("Allow kms:Decrypt and kms:GenerateDataKey for that key."),
    ),
    "KmsDisabled": Telling(
        marked("The queue is encrypted, and its key is disabled"), marked("Enable the key in the AWS console.")
    ),
    "KmsNotFound": Telling(marked("The queue is encrypted, and its key is gone"), marked("Give the queue another key.")),
}
_ALL_TELLS: Mapping[str, Telling] = {
    **_TELLS,
    "OverLimit": Telling(
        marked("Too many messages of the queue were received and not deleted"), marked("Wait, or see who else reads it.")
    ),
}


class QueueAddress(NamedTuple):
    """Where a queue is. `region` is "" where its URL does not tell."""

    url: str
    host: str
    port: int
    secured: bool
    region: str
    endpoint: str | None
    """Where its calls go; None where boto3 knows better than the URL, which has an old form."""

    @property
    def fifo(self) -> bool:
        """Say whether the queue keeps order."""
        return self.url.endswith(".fifo")

    @property
    def name(self) -> str:
        """The queue's name."""
        return self.url.rstrip("/").rpartition("/")[2]

    @classmethod
    def parse(cls, url: str) -> Self:
        """Take a queue's URL apart; raises `ValueError` with a sentence."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError(marked("This is not a valid URL.")) from None
        host = (parts.hostname or "").lower()
        if parts.scheme not in ("http", "https") or not host or port == 0 or any(c.isspace() for c in url):
            raise ValueError(marked("A queue's URL starts with https://, as the AWS console shows it."))
        if parts.query or parts.fragment or parts.username or not parts.path.strip("/"):
            raise ValueError(
                marked("A queue's URL ends in the account's number and the queue's name, as the AWS console shows it.")
            )
        secured = parts.scheme == "https"
        cloud, old = _CLOUD.match(host), _OLD_CLOUD.match(host)
        if (cloud or old) and not secured:
            raise ValueError(marked("Queues of AWS are reached with https://."))
        if (cloud or old) and not _PATH.match(parts.path):
            raise ValueError(marked("A queue's URL ends in the account's number (12 digits) and the queue's name."))
        region = cloud["region"] if cloud else (old["region"] or "us-east-1") if old else ""
        endpoint = None if old else f"{parts.scheme}://{parts.netloc}"
        if old:
            host = f"sqs.{region}.amazonaws.com"
        return cls(url, host, port or (443 if secured else 80), secured, region, endpoint)


class Queue:
    """The calls to one queue."""

    def __init__(self, address: QueueAddress, keys: Keys, lines: Lines, *, attempts: int = 1) -> None:
        self.address = address
        self.lines = lines
        self._client = aws_client("sqs", keys, address.endpoint, lines, attempts=attempts)

    def __repr__(self) -> str:
        return f"<Queue {self.address.url}>"

    def receive(self, wait_seconds: int) -> list[dict[str, Any]]:
        """Return up to ten messages; waits for the first up to `wait_seconds`, whole ones."""
        answer = self._client.receive_message(
            QueueUrl=self.address.url,
            MaxNumberOfMessages=BATCH,
            WaitTimeSeconds=wait_seconds,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        return list(answer.get("Messages", []))

    def receive_none(self) -> None:
        """Ask for more messages at once than the service gives: it refuses, and nothing is received."""
        self._client.receive_message(QueueUrl=self.address.url, MaxNumberOfMessages=BATCH + 1, WaitTimeSeconds=0)

    def delete(self, receipts: Sequence[str]) -> None:
        """Delete received messages. What the queue does not know any more is left out: it comes again, or is gone."""
        entries = [{"Id": str(at), "ReceiptHandle": receipt} for at, receipt in enumerate(receipts)]
        for first in range(0, len(entries), BATCH):
            self._client.delete_message_batch(QueueUrl=self.address.url, Entries=entries[first : first + BATCH])

    def give_back(self, receipts: Sequence[str]) -> None:
        """Let messages be received again at once."""
        entries = [{"Id": str(at), "ReceiptHandle": handle, "VisibilityTimeout": 0} for at, handle in enumerate(receipts)]
        for first in range(0, len(entries), BATCH):
            self._client.change_message_visibility_batch(QueueUrl=self.address.url, Entries=entries[first : first + BATCH])

    def attributes(self) -> dict[str, str]:
        """Return what is set for the queue."""
        answer = self._client.get_queue_attributes(QueueUrl=self.address.url, AttributeNames=["All"])
        return dict(answer.get("Attributes", {}))

    def send(self, message: Mapping[str, Any]) -> str:
        """Send a message, given as boto3's `send_message` takes it; return its id."""
        return str(self._client.send_message(QueueUrl=self.address.url, **message)["MessageId"])


def refuses(error: BaseException) -> bool:
    """Say whether AWS will answer the same until somebody changes something."""
    return is_refusal(error) or code_of(error) in _TELLS


def explain_queue(error: BaseException, address: QueueAddress) -> str:
    """Say in plain words what went wrong, with AWS's own code."""
    if isinstance(error, ClientError):
        return explain_aws(error, _ALL_TELLS)
    return explain_socket_error(error, address.host, address.port)


def advise_queue(error: BaseException, address: QueueAddress, action: str) -> str:
    """Say in a sentence what to do about it. `action` is what was not allowed, if that is what went wrong."""
    if is_denied(error):
        return f"Allow {action} for this queue in the policy of the AWS user."
    if isinstance(error, ClientError):
        told = telling(error, _ALL_TELLS)
        return (
            told.advice if told else "See what AWS says about this code; if it goes by itself, the hub connects again by itself."
        )
    return advise_socket_error(error, address.host, address.port)
