"""The watchdog: a loop that stands still ends its process; a process that was stopped as a whole goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ownstack.serve.watchdog import STALLED

PATIENCE = 1.0
WITHIN = 30.0

PROGRAM = """
import asyncio, sys, time
from ownstack.serve.watchdog import watched

def stand_still():
    time.sleep(600)

async def main():
    with watched(float(sys.argv[1])):
        print("runs", flush=True)
        while (line := await asyncio.to_thread(sys.stdin.readline)).strip() != "end":
            if line.strip() == "stand still":
                stand_still()
            print("goes on", flush=True)

asyncio.run(main())
"""


@contextmanager
def running() -> Iterator[subprocess.Popen[str]]:
    """A watched loop that does what it is told on standard input."""
    command = [sys.executable, "-c", PROGRAM, str(PATIENCE)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "runs\n"
            yield process
        finally:
            process.kill()


def tell(process: subprocess.Popen[str], what: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{what}\n")
    process.stdin.flush()


def test_a_loop_that_stands_still_ends_its_process_and_shows_where_it_stood() -> None:
    with running() as process:
        tell(process, "stand still")
        assert process.wait(WITHIN) == STALLED == 70
        assert process.stderr is not None
        said = process.stderr.read()
    assert said.startswith("The event loop has stood still for 1 s; the process ends.")
    assert "in stand_still" in said


def test_a_process_that_was_stopped_as_a_whole_goes_on() -> None:
    with running() as process:
        process.send_signal(signal.SIGSTOP)
        time.sleep(4 * PATIENCE)  # it is the time itself that must do nothing
        process.send_signal(signal.SIGCONT)
        assert process.stdout is not None
        for _ in range(3):
            tell(process, "say something")
            assert process.stdout.readline() == "goes on\n"
        tell(process, "end")
        assert process.wait(WITHIN) == 0


def test_a_loop_that_ends_is_not_watched_any_more() -> None:
    with running() as process:
        tell(process, "end")
        assert process.wait(WITHIN) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
