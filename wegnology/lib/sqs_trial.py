"""Checks a queue of Amazon SQS without receiving or deleting anything."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from wegnology.lib.aws import is_denied
from wegnology.lib.check_steps import Finding, Phase
from wegnology.lib.marking import marked
from wegnology.lib.sqs_queue import Queue, QueueAddress, refuses
from wegnology.lib.threads import in_thread

T = TypeVar("T")
_SHORT_SECONDS = 5


class QueueTrial:
    """The phases of a check that come after the connection. `make` opens the queue, in a thread."""

    def __init__(self, address: QueueAddress, make: Callable[[], Queue], seconds: float) -> None:
        self._address = address
        self._make = make
        self._seconds = seconds
        self._queue: Queue | None = None

    def phases(self) -> Sequence[Phase]:
        """Return the phases in order."""
        return [
            Phase(marked("Log in"), self._settings),
            Phase(marked("May receive"), self._may_receive),
            Phase(marked("May delete"), self._may_delete, needed=False),
        ]

    async def _ask(self, call: Callable[[Queue], T]) -> T:
        def work() -> T:
            if self._queue is None:
                self._queue = self._make()
            return call(self._queue)

        return await in_thread(work, seconds=self._seconds, what=f"Asking {self._address.host}", abandon=self._interrupt)

    def _interrupt(self) -> None:
        if self._queue is not None:
            self._queue.lines.end()

    async def _settings(self) -> Finding:
        try:
            found = await self._ask(lambda queue: queue.attributes())
        except ClientError as error:
            if not is_denied(error):
                raise
            return Finding(
                marked("AWS knows the access key. It may not read the queue's settings (sqs:GetQueueAttributes), nor need it.")
            )
        return _about(found)

    async def _may_receive(self) -> Finding:
        """Ask for more messages at once than there may be: who may not receive is told that, all others that it is too many."""
        await self._refused(lambda queue: queue.receive_none())
        return Finding(marked("AWS did not refuse it. The first message proves it."))

    async def _may_delete(self) -> Finding:
        """Delete a message that does not exist."""
        try:
            await self._refused(lambda queue: queue.delete(["no-such-message"]))
        except ClientError as error:
            if not is_denied(error):
                raise
            said = marked("AWS does not allow it: each message comes again after its visibility timeout, and is left out.")
            return Finding(said, marked("Allow sqs:DeleteMessage for this queue in the policy of the AWS user."))
        return Finding(marked("AWS did not refuse it."))

    async def _refused(self, call: Callable[[Queue], Any]) -> None:
        """Make a call that must fail for what it asks; raise when it fails for who asks."""
        try:
            await self._ask(call)
        except ClientError as error:
            if refuses(error):
                raise


def _about(found: dict[str, str]) -> Finding:
    waiting, hidden = found.get("ApproximateNumberOfMessages", "?"), found.get("VisibilityTimeout", "")
    said = f"The queue answers: about {waiting} messages wait, each is hidden for {hidden or '?'} s once received."
    if hidden.isdecimal() and int(hidden) < _SHORT_SECONDS:
        return Finding(said, f"Set a visibility timeout of 30 s: what is not stored within {hidden} s comes twice.")
    return Finding(said)
