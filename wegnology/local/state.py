"""The state folder: one run at a time, files that only their owner reads."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wegnology.local.exceptions import CannotStart


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, also when it was there with other rights."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; raises `CannotStart` when another run has it. The system frees it however this process ends."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "run.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise CannotStart(
                f"Another run (process {lock.read().strip() or 'unknown'}) uses the state folder {folder}. "
                "Stop it, or give this one a folder of its own: WEGNOLOGY_STATE_DIR=/some/folder make run"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
