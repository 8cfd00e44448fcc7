"""Processes that outlive whoever started them. Each has a record, a file that it keeps locked for as long as it lives.

So whether it lives is asked of the lock, not of its number, which another process may have got since; and a starter
that is killed at any moment leaves nothing that a later one does not find.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

PAUSE = 0.01
PATIENCE = 10.0
"""Seconds that a process is given to end by itself before it is killed."""


def listening_socket(port: int = 0) -> socket.socket:
    """A socket on this machine's loopback; port 0: any that is free."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(("127.0.0.1", port))
        made.listen(128)
    except OSError:
        made.close()
        raise
    return made


def start(
    command: Sequence[str], records: Path, listener: socket.socket, environment: Mapping[str, str], folder: Path
) -> Path:
    """Start a process of its own that is handed `listener` (LISTEN_FD says as which descriptor). Returns its record."""
    records.mkdir(parents=True, exist_ok=True)
    record = records / uuid.uuid4().hex
    descriptor = os.open(record, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        with (records / "output.log").open("ab") as output:
            subprocess.Popen(  # noqa: S603 - what is run is what we were asked to
                command,
                cwd=folder,
                env={**environment, "LISTEN_FD": str(listener.fileno())},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(descriptor, listener.fileno()),
                start_new_session=True,
                preexec_fn=lambda: _write_number(descriptor),  # noqa: PLW1509 - we have no threads
            )
    finally:
        os.close(descriptor)
    return record


def _write_number(descriptor: int) -> None:
    """Done by the new process itself, before it becomes anything else: it is never without its number for long."""
    os.write(descriptor, str(os.getpid()).encode())


def is_alive(record: Path) -> bool:
    """Whether the process of this record lives: it holds the lock."""
    try:
        with record.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def stop(records: Sequence[Path]) -> None:
    """End these processes, all at once, and forget them. Those that do not end in time are killed."""
    for record in records:
        _signal(record, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    for record in records:
        while is_alive(record):
            if time.monotonic() > deadline:
                _signal(record, signal.SIGKILL)
            time.sleep(PAUSE)
        record.unlink(missing_ok=True)


def _signal(record: Path, number: signal.Signals) -> None:
    """Its process writes its number before it is anything else; it may just have been born."""
    while is_alive(record):
        text = record.read_text(encoding="ascii")
        if text:
            with contextlib.suppress(ProcessLookupError):  # it has ended since
                os.kill(int(text), number)
            return
        time.sleep(PAUSE)


def all_records(records: Path) -> list[Path]:
    """The records in a folder, of the living and of the dead."""
    return [r for r in records.iterdir() if r.name != "output.log"] if records.is_dir() else []
