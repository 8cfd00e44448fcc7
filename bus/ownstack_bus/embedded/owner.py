"""One process owns the file: a lock beside it that ends with the process, however that ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from ownstack_bus.port import BusError


class FileOwner:
    """Holds `<path>.lock` from `__init__` until `release`."""

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises BusError `bus-in-use`, naming the process that has it, or `bus-not-writable`.
        """
        lock = path.with_name(path.name + ".lock")
        try:
            self._descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise BusError(
                "bus-not-writable",
                f"{lock} can't be written ({error.strerror}). Check that the folder exists and that the user that runs "
                "this may write to it.",
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            raise BusError(
                "bus-in-use",
                f"{path} belongs to the process with pid {holder}; one process owns the file. Stop that one, or use "
                "another file.",
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let the next process have it. The lock file stays: removing it would let two processes hold two files."""
        os.close(self._descriptor)
