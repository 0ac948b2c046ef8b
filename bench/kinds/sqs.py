"""Queues as Amazon SQS gives them over its JSON protocol: receiving with long polls, and deleting. Every login is welcome.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html
"""

import asyncio
import contextlib
import hashlib
import itertools
import json
from collections import deque
from collections.abc import Sequence
from typing import Any

from bench.kinds.base import Crowd, StreamKind, answer, kinds, request_of
from wegnology.lib.types import JSONObject

_BATCH = 10
_TYPE = "application/x-amz-json-1.0"


class _Queue:
    """Messages that wait, and who waits for some."""

    def __init__(self) -> None:
        self.waiting: deque[bytes] = deque()
        self.came = asyncio.Event()


@kinds.register
class SqsKind(StreamKind):
    """One queue an integration. A message that was received never comes again."""

    name = "sqs"
    label = "Amazon SQS"
    text = "data.message"
    crowd = Crowd(40, 1.0)

    def __init__(self) -> None:
        super().__init__()
        self._queues: list[_Queue] = []
        self._ids = itertools.count()

    def start(self, integrations: int) -> int:
        """Make the queues."""
        self._queues = [_Queue() for _ in range(integrations)]
        return super().start(integrations)

    @classmethod
    def settings(cls, port: int, number: int) -> JSONObject:
        """Return address and a login that nobody checks."""
        login: JSONObject = {"region": "eu-west-1", "accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": "not checked"}
        return {"queueUrl": f"http://127.0.0.1:{port}/000000000000/{number}", **login}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one call after the other."""
        while True:
            request = await request_of(reader)
            call = json.loads(await reader.readexactly(int(request.headers.get("content-length", "0"))) or b"{}")
            done = await self._done(request.headers.get("x-amz-target", "").rpartition(".")[2], call)
            writer.write(answer(json.dumps(done).encode(), _TYPE))

    async def _done(self, action: str, call: dict[str, Any]) -> dict[str, Any]:
        if action == "ReceiveMessage":
            return await self._received(self._queues[int(call["QueueUrl"].rpartition("/")[2])], call.get("WaitTimeSeconds", 0))
        if action == "GetQueueAttributes":
            return {"Attributes": {}}
        return {"Successful": [{"Id": entry["Id"]} for entry in call.get("Entries", [])], "Failed": []}

    async def _received(self, queue: _Queue, seconds: int) -> dict[str, Any]:
        if not queue.waiting and seconds:
            queue.came.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(queue.came.wait(), seconds)
        taken = [queue.waiting.popleft() for _ in range(min(_BATCH, len(queue.waiting)))]
        return {"Messages": [self._message(body) for body in taken]} if taken else {}

    def _message(self, body: bytes) -> dict[str, Any]:
        name = f"{next(self._ids):032x}"
        about = {
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "SentTimestamp": "1785500411442",
            "ApproximateReceiveCount": "1",
            "ApproximateFirstReceiveTimestamp": "1785500411460",
        }
        md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
        return {"MessageId": name, "ReceiptHandle": name * 5, "MD5OfBody": md5, "Body": body.decode(), "Attributes": about}

    def write(self, number: int, bodies: Sequence[bytes]) -> None:
        """Put messages into a queue."""
        queue = self._queues[number]
        queue.waiting.extend(bodies)
        queue.came.set()
