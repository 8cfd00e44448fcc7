"""Runs the phases that `client.py` hands over, beside the servers they start: `agent.py SOCKET PROGRAM`.

`agent.py --check SOCKET` asks whether one answers. A program goes on when its client dies, and keeps the lock that it
was handed; only a client that says so ends it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
from pathlib import Path
from typing import cast

END = b"T"
GRACE = 8.0
"""Seconds from SIGTERM to SIGKILL; less than a deployer gives the client."""
LENGTH = 4
SIGNALLED = 128
LOCK = 3


class Phase(socketserver.BaseRequestHandler):
    """One phase, from its request to its exit code."""

    def handle(self) -> None:
        asking = cast("socket.socket", self.request)
        length, descriptors, _, _ = socket.recv_fds(asking, LENGTH, 3)
        if not length:
            return  # who only asked whether we are there
        try:
            request = json.loads(_exactly(asking, int.from_bytes(length, "big")))
            process = _start(cast("Agent", self.server).program, request, descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        threading.Thread(target=_obey, args=(asking, process), daemon=True).start()
        code = process.wait()
        with contextlib.suppress(OSError):  # the client has gone: nobody asks any more
            asking.sendall((SIGNALLED - code if code < 0 else code).to_bytes(LENGTH, "big"))
            asking.shutdown(socket.SHUT_RDWR)


def _exactly(asking: socket.socket, length: int) -> bytes:
    read = b""
    while len(read) < length:
        more = asking.recv(length - len(read))
        if not more:
            raise EOFError("the client has gone before it had asked")
        read += more
    return read


def _start(program: str, request: dict[str, list[str]], descriptors: list[int]) -> subprocess.Popen[bytes]:
    """In a group of its own, with the client's output and, as descriptor 3, its lock."""
    output, errors, *lock = descriptors
    return subprocess.Popen(  # noqa: S603 - what is run is what we were started for
        [
            "/bin/sh",
            "-c",
            f'exec "$@" {LOCK}<&{lock[0]}' if lock else 'exec "$@"',
            program,
            program,
            *request["arguments"],
        ],
        env=cast("dict[str, str]", request["environment"]),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        pass_fds=lock,
        start_new_session=True,
    )


def _obey(asking: socket.socket, process: subprocess.Popen[bytes]) -> None:
    """End the program when its client says so: it is past its deadline."""
    with contextlib.suppress(OSError):
        if asking.recv(1) != END:
            return
        _signal(process, signal.SIGTERM)
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            _signal(process, signal.SIGKILL)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


class Agent(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Listens on `path`, which its owner's group alone can reach."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, path: Path, program: str) -> None:
        self.program = program
        path.unlink(missing_ok=True)  # of an earlier one: only one is started on a path
        super().__init__(str(path), Phase)
        path.chmod(0o660)


def answers(path: Path) -> bool:
    """Whether an agent listens there."""
    with socket.socket(socket.AF_UNIX) as asking:
        return asking.connect_ex(str(path)) == 0


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    if arguments[0] == "--check":
        return 0 if answers(Path(arguments[1])) else 1
    with Agent(Path(arguments[0]), arguments[1]) as agent:
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=agent.shutdown).start())
        agent.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
