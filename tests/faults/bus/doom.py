"""How a service of this folder dies, and how a test watches it."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import threading
from pathlib import Path

from tests.faults.seeds import for_a_child

ROOT = Path(__file__).parents[3]
PATIENCE_S = 60.0


class Doom:
    """SIGKILL to this process, some milliseconds after it has done so much work: at any point of what follows."""

    def __init__(self, work: int) -> None:
        self._left = work

    def count(self, work: int) -> None:
        """So much was done."""
        if 0 < self._left <= work:
            threading.Timer(random.random() * 0.008, os.kill, (os.getpid(), signal.SIGKILL)).start()
        self._left -= work


def python(script: str) -> list[str]:
    """How a script of this folder is started; in `ROOT`."""
    return [sys.executable, "-m", f"tests.faults.bus.{script}"]


async def killed(script: str, *arguments: object) -> list[str]:
    """Run a service of this folder until it was killed. What it had said, in whole lines."""
    process = await asyncio.create_subprocess_exec(
        *python(script),
        *map(str, arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=for_a_child(),
    )
    async with asyncio.timeout(PATIENCE_S):
        said, complaint = await process.communicate()
    assert process.returncode == -signal.SIGKILL, complaint.decode()
    return [line.decode().strip() for line in said.splitlines(keepends=True) if line.endswith(b"\n")]
