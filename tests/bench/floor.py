"""What a bare circle takes on the same machine, if somebody brings one: `make bench FLOOR="python path/of/it.py"`.

The command is given the words `bench NAME`, NAME being new each time, and prints lines that begin with a number of
stacks and the milliseconds of one promotion to them. It runs in a folder that is deleted then. Which Kafka and
PostgreSQL it takes is its own affair; OWNSTACK_TEST_KAFKA and OWNSTACK_TEST_POSTGRES let the rest of the benchmark
take the same. It has none of what makes a product of it (validation, phases, a history that can be checked, an API):
its figures are what one may come near to, not what one may reach.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

FLOOR = "OWNSTACK_BENCH_FLOOR"
_LINE = re.compile(r"(\d+) (\d+) ms\b")


def seconds_by_stacks() -> dict[int, float]:
    """The median seconds per number of stacks; nothing if the environment names no such command.

    Raises CalledProcessError if it fails.
    """
    command = [_absolute(word) for word in shlex.split(os.environ.get(FLOOR, ""))]
    if not command:
        return {}
    with tempfile.TemporaryDirectory(prefix="ownstack-floor-") as folder:
        name = str(int(time.time()))
        done = subprocess.run([*command, "bench", name], check=True, stdout=subprocess.PIPE, text=True, cwd=folder)
    found: dict[int, list[float]] = defaultdict(list)
    for stacks, milliseconds in _LINE.findall(done.stdout):
        found[int(stacks)].append(int(milliseconds) / 1_000)
    return {stacks: median(seconds) for stacks, seconds in found.items()}


def _absolute(word: str) -> str:
    return str(Path(word).absolute()) if Path(word).exists() else word
