"""What a bare circle takes on the same Kafka and PostgreSQL, if somebody brings one: `make bench FLOOR=path/of/it.py`.

Such a program is called as `python FLOOR bench NAME`, NAME being new each time, and prints lines that begin with a
number of stacks and the milliseconds of one promotion to them. It has none of what makes a product of it (validation,
phases, a history that can be checked, an API): its figures are what one may come near to, not what one may reach.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

FLOOR = "OWNSTACK_BENCH_FLOOR"
_LINE = re.compile(r"(\d+) (\d+) ms\b")


def seconds_by_stacks() -> dict[int, float]:
    """The median seconds per number of stacks; nothing if the environment names no such program.

    Raises CalledProcessError if it fails.
    """
    program = os.environ.get(FLOOR)
    if not program:
        return {}
    command = [sys.executable, str(Path(program).resolve()), "bench", str(int(time.time()))]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=Path(program).resolve().parent)
    found: dict[int, list[float]] = defaultdict(list)
    for stacks, milliseconds in _LINE.findall(done.stdout):
        found[int(stacks)].append(int(milliseconds) / 1_000)
    return {stacks: median(seconds) for stacks, seconds in found.items()}
