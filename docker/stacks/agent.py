"""Runs the phases that `client.py` hands over, beside the servers they start: `agent.py SOCKET PROGRAM`.

`agent.py --check SOCKET` asks whether one answers. A program goes on when its client dies, and keeps the lock that it
was handed; only a client that says so ends it.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import signal
import socket
import socketserver
import sys
import threading
from pathlib import Path
from typing import cast

END = b"T"
GRACE = 8.0
"""Seconds from SIGTERM to SIGKILL; less than a deployer gives the client."""
LENGTH = 4
MOST = 3
"""Descriptors: output, errors, and a lock."""
SIGNALLED = 128


class Program:
    """One that runs, in a group of its own, with the client's output and, as descriptor 3, its lock."""

    def __init__(self, command: list[str], environment: dict[str, str], descriptors: list[int]) -> None:
        dups = [(os.POSIX_SPAWN_DUP2, given, as_) for as_, given in enumerate(descriptors, 1)]
        silence = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        actions = [silence, *dups]
        self._pid = os.posix_spawn(command[0], command, environment, file_actions=actions, setsid=True)
        self._ended = threading.Event()

    def wait(self) -> int:
        """Until it has ended; its exit code, as a shell would say it."""
        _, status = os.waitpid(self._pid, 0)
        self._ended.set()
        code = os.waitstatus_to_exitcode(status)
        return SIGNALLED - code if code < 0 else code

    def end(self) -> None:
        """With SIGTERM, and with SIGKILL if it takes longer than GRACE."""
        self._signal(signal.SIGTERM)
        if not self._ended.wait(GRACE):
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, number)


class Phase(socketserver.BaseRequestHandler):
    """One phase, from its request to its exit code."""

    def handle(self) -> None:
        asking = cast("socket.socket", self.request)
        length, descriptors = _begun(asking)
        if not length:
            return  # who only asked whether we are there
        try:
            request = json.loads(_exactly(asking, int.from_bytes(length, "big")))
            command = [cast("Agent", self.server).program, *request["arguments"]]
            program = Program(command, request["environment"], descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        threading.Thread(target=_obey, args=(asking, program), daemon=True).start()
        code = program.wait()
        with contextlib.suppress(OSError):  # the client has gone: nobody asks any more
            asking.sendall(code.to_bytes(LENGTH, "big"))
            asking.shutdown(socket.SHUT_RDWR)


def _begun(asking: socket.socket) -> tuple[bytes, list[int]]:
    """The length of a request, and the descriptors that came with it.

    They are closed in every other program that is started meanwhile: nobody but this one's may hold the lock. That is
    why it is not `socket.recv_fds`, which does not pass the flag on.
    """
    descriptors = array.array("i")
    size = socket.CMSG_LEN(MOST * descriptors.itemsize)
    length, messages, _, _ = asking.recvmsg(LENGTH, size, socket.MSG_CMSG_CLOEXEC)
    for level, kind, data in messages:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    return length, list(descriptors)


def _exactly(asking: socket.socket, length: int) -> bytes:
    read = b""
    while len(read) < length:
        more = asking.recv(length - len(read))
        if not more:
            raise EOFError("the client has gone before it had asked")
        read += more
    return read


def _obey(asking: socket.socket, program: Program) -> None:
    """End the program when its client says so: it is past its deadline."""
    with contextlib.suppress(OSError):
        if asking.recv(1) == END:
            program.end()


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
