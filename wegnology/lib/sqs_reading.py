"""Reads a queue of Amazon SQS in a thread of its own: long polls, and deleting what was accepted.

One thread and one connection a queue. A thread that waits in a long poll costs 16 KiB and no computing, so that hundreds of
queues fit into a listener. There is never more than one batch of ten under way: the next poll begins when all of it was
accepted and deleted. That keeps the order of FIFO queues, and holds nothing that its visibility timeout could overtake.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from wegnology.lib.aws import is_denied
from wegnology.lib.sqs_queue import Queue

logger = logging.getLogger(__name__)

Message = dict[str, Any]
"""A message as boto3 gives it."""
GIVE_BACK_SECONDS = 2.0
DENIED_SECONDS = 1.0
"""How long a queue rests whose messages come again at once because they may not be deleted."""


class Deletion(NamedTuple):
    """Receipts to delete, and who waits for it. `known`: the messages came again, although they were accepted before."""

    receipts: Sequence[str]
    known: bool
    done: "asyncio.Future[None]"


class Reader:
    """The thread. Its methods are called from the loop; so are the callbacks."""

    def __init__(
        self,
        make: Callable[[], Queue],
        *,
        poll_seconds: int,
        on_messages: Callable[[list[Message]], None],
        on_end: Callable[[Exception], None],
        on_denied: Callable[[Exception | None], None],
        on_attributes: Callable[[dict[str, str]], None],
    ) -> None:
        """`make` is called in the thread. `on_messages` gets each answer, an empty one too; `on_denied` how deleting went.

        `on_attributes` gets what `look` asked for: nothing where the user may not see it.
        """
        self._make = make
        self._poll_seconds = poll_seconds
        self._on_messages, self._on_end, self._on_denied = on_messages, on_end, on_denied
        self._on_attributes = on_attributes
        self._looks = False
        self._loop = asyncio.get_running_loop()
        self._state = threading.Condition()
        self._queue: Queue | None = None
        self._paused = self._stopping = self._polling = False
        self._first = True
        self._open: dict[str, None] = {}
        self._deletions: list[Deletion] = []
        self._asks: list[asyncio.Future[None]] = []
        self._rest = 0.0
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name="sqs", daemon=True)

    def start(self) -> None:
        """Begin with a poll that does not wait."""
        self._thread.start()

    @property
    def polling(self) -> bool:
        """Say whether the queue is being asked right now."""
        return self._polling

    def pause(self, paused: bool) -> None:
        """Ask no more, or go on; an answer that is on its way still comes."""
        with self._state:
            self._paused = paused
            self._state.notify()

    def delete(self, receipts: Sequence[str], *, known: bool = False) -> "asyncio.Future[None]":
        """Delete messages; the future tells when it was done or refused."""
        done: asyncio.Future[None] = self._loop.create_future()
        with self._state:
            self._deletions.append(Deletion(receipts, known, done))
            self._state.notify()
        if self.ended.done():
            self._abandon()
        return done

    def ask(self) -> "asyncio.Future[None]":
        """Ask for a sign of life beside the polls; while one is under way it has to end first."""
        done: asyncio.Future[None] = self._loop.create_future()
        with self._state:
            self._asks.append(done)
            self._state.notify()
        if self.ended.done():
            self._abandon()
        return done

    def look(self) -> None:
        """Ask for the queue's attributes after the next answer."""
        self._looks = True

    async def stop(self, seconds: float) -> None:
        """End: delete what was accepted, give the rest back to the queue. After `seconds` connections are cut."""
        with self._state:
            self._stopping = True
            self._state.notify()
            if self._polling:
                self.interrupt()
        if not self._thread.is_alive():
            return
        done, _ = await asyncio.wait([self.ended], timeout=seconds)
        if not done:
            self.interrupt()
            await asyncio.wait([self.ended], timeout=1.0)

    def interrupt(self) -> None:
        """Cut the connections for good: whatever the thread waits for ends with an error."""
        if self._queue is not None:
            self._queue.lines.end()

    # -- in the thread

    def _run(self) -> None:
        fault: Exception = ConnectionError("It was closed")
        try:
            queue = self._queue = self._make()
            while self._step(queue):
                pass
            self._leave(queue)
        except Exception as error:  # noqa: BLE001  (told to the loop)
            fault = error
        finally:
            if self._queue is not None:
                self._queue.lines.close()
            self._tell(self._ended, fault)

    def _step(self, queue: Queue) -> bool:
        """Do what is due; say whether to go on."""
        with self._state:
            while not (self._stopping or self._deletions or self._asks or self._may_poll()):
                self._state.wait()
            if self._rest and not self._stopping and not self._deletions:
                self._state.wait(self._rest)
                self._rest = 0.0
            deletions, self._deletions = self._deletions, []
            asks, self._asks = self._asks, []
            stopping = self._stopping
            polls = self._polling = not stopping and not deletions and not asks and self._may_poll()
        waiting = [deletion.done for deletion in deletions] + asks
        try:
            for deletion in deletions:
                self._delete(queue, deletion)
            if asks:
                self._attributes(queue)
        except Exception as error:
            self._tell(_settle, waiting, error)
            raise
        self._tell(_settle, waiting)
        if polls:
            self._poll(queue)
        return not stopping

    def _may_poll(self) -> bool:
        return not self._paused and not self._open

    def _poll(self, queue: Queue) -> None:
        try:
            messages = queue.receive(0 if self._first else self._poll_seconds)
        finally:
            self._polling = False
        self._first = False
        self._open = dict.fromkeys(str(message["ReceiptHandle"]) for message in messages)
        self._tell(self._on_messages, messages)
        if self._looks:
            self._looks = False
            self._tell(self._on_attributes, self._attributes(queue))

    def _delete(self, queue: Queue, deletion: Deletion) -> None:
        denied: Exception | None = None
        try:
            queue.delete(deletion.receipts)
        except Exception as error:
            if not is_denied(error):
                raise
            denied = error
            self._rest = DENIED_SECONDS if deletion.known else 0.0
        with self._state:
            for receipt in deletion.receipts:
                self._open.pop(receipt, None)
        self._tell(self._on_denied, denied)

    def _attributes(self, queue: Queue) -> dict[str, str]:
        try:
            return queue.attributes()
        except Exception as error:
            if not is_denied(error):  # an answer that says no is an answer
                raise
            return {}

    def _leave(self, queue: Queue) -> None:
        """Give back what was not accepted, so that nobody has to wait for its time-out; not allowed everywhere."""
        if self._open:
            timer = threading.Timer(GIVE_BACK_SECONDS, queue.lines.end)
            timer.start()
            try:
                with contextlib.suppress(Exception):
                    queue.give_back(list(self._open))
            finally:
                timer.cancel()
                timer.join()

    def _tell(self, callback: Callable[..., None], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits
            self._loop.call_soon_threadsafe(callback, *arguments)

    # -- on the loop again

    def _ended(self, fault: Exception) -> None:
        if not self.ended.done():
            self.ended.set_result(None)
        self._on_end(fault)
        self._abandon()

    def _abandon(self) -> None:
        """Nobody deletes or asks any more: what was not done is the queue's again."""
        with self._state:
            left = [deletion.done for deletion in self._deletions] + self._asks
            self._deletions, self._asks = [], []
        _settle(left, ConnectionError("It was closed"))


def _settle(waiting: "Sequence[asyncio.Future[None]]", error: Exception | None = None) -> None:
    for done in waiting:
        if done.done():
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
            done.exception()  # whoever waits hears of it; where nobody does any more, nobody needs to
