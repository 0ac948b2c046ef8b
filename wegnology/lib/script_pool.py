"""Runs people's JavaScript in a small pool of child processes, which are killed when a script holds one too long.

A script can end nothing but its own run: the engine bounds time, memory and stack, the process bounds what the engine lets
through, and a child that does not answer is killed and replaced. One owner (a workflow) never holds the whole pool.
"""

import asyncio
import os
import socket
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import orjson

from wegnology.lib.script_child import LENGTH, SECONDS

ANSWER_SECONDS = 5 * SECONDS
"""The engine counts processor time; on a busy machine a second of it takes longer."""
MAX_ANSWER = 8 * 1024 * 1024
_CHILD = Path(__file__).with_name("script_child.py")


class ScriptFailed(Exception):
    """A script ended with an error; `name` is its kind, `line` the line of the script or 0."""

    def __init__(self, message: str, name: str, line: int = 0) -> None:
        self.name = name
        self.line = line
        super().__init__(message)


class Outcome(NamedTuple):
    """What a script gave, as JSON text, and what it logged: level and text."""

    value: bytes
    logs: list[tuple[str, str]]


class _Child:
    """One child process and the line to it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(  # noqa: S603  (our own file, by this Python)
                [sys.executable, "-I", str(_CHILD)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env={"PATH": os.defpath},
                cwd="/",
                start_new_session=True,
            )
        finally:
            theirs.close()
        ours.setblocking(False)
        self._socket = ours
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def ask(self, request: bytes) -> bytes:
        """Send a request and return the answer; raises `IncompleteReadError` or `OSError` when the process died."""
        if self.reader is None or self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(sock=self._socket)
        self.writer.write(LENGTH.pack(len(request)) + request)
        await self.writer.drain()
        length = LENGTH.unpack(await self.reader.readexactly(LENGTH.size))[0]
        if length > MAX_ANSWER:
            raise ScriptFailed(f"the script gave more than {MAX_ANSWER >> 20} MiB", "MemoryLimitReached")
        return await self.reader.readexactly(length)

    def end(self) -> None:
        """Kill the process, whatever it does."""
        if self.writer is not None:
            self.writer.close()
        else:
            self._socket.close()
        self._process.kill()
        self._process.wait()


class ScriptPool:
    """So many child processes, started when they are first needed. Used from one event loop."""

    def __init__(self, size: int = 2) -> None:
        self._size = size
        self._idle: list[_Child] = []
        self._all: set[_Child] = set()
        self._free = asyncio.Semaphore(size)
        self._shares: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(max(1, size - 1)))
        self._users: dict[str, int] = defaultdict(int)

    async def run(self, owner: str, source: str, payload: bytes) -> Outcome:
        """Run a script over a payload (JSON text). Raises `ScriptFailed`."""
        request = orjson.dumps([source, payload.decode()])
        self._users[owner] += 1
        try:
            async with self._shares[owner], self._free:
                answer = await self._ask(request)
        finally:
            self._users[owner] -= 1
            if not self._users[owner]:
                del self._users[owner]
                self._shares.pop(owner, None)
        found = orjson.loads(answer)
        if error := found.get("error"):
            raise ScriptFailed(str(error["message"])[:2_000], str(error["name"])[:100], int(error["line"]))
        return Outcome(found["value"].encode(), [(level, text) for level, text in found["logs"]])

    async def _ask(self, request: bytes) -> bytes:
        child = self._idle.pop() if self._idle else self._start()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await child.ask(request)
        except TimeoutError:
            self._drop(child)
            raise ScriptFailed(f"the script took longer than {SECONDS:g} s", "TimeLimitReached") from None
        except (asyncio.IncompleteReadError, OSError):
            self._drop(child)
            raise ScriptFailed("the script ended the engine that ran it", "EngineCrashed") from None
        except BaseException:  # an answer may still come, which must not be taken for that of the next script
            self._drop(child)
            raise
        self._idle.append(child)
        return answer

    def _start(self) -> _Child:
        child = _Child()
        self._all.add(child)
        return child

    def _drop(self, child: _Child) -> None:
        self._all.discard(child)
        child.end()

    def close(self) -> None:
        """End all processes."""
        for child in list(self._all):
            self._drop(child)
        self._idle.clear()
