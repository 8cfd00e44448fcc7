"""The seed of a test that leaves things to chance: said at once, so that the same can be asked for again."""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Mapping

SEED = "OWNSTACK_SEED"


def new_seed() -> int:
    """From OWNSTACK_SEED, or by chance."""
    seed = int(os.environ.get(SEED) or secrets.randbelow(1_000_000))
    print(f"\nseed {seed} (again: {SEED}={seed})", flush=True)
    return seed


def for_a_child() -> Mapping[str, str]:
    """The environment of a process that is to draw numbers of its own: chosen by the present test's seed."""
    return {**os.environ, SEED: str(random.getrandbits(32))}


def follow() -> None:
    """Be such a process."""
    random.seed(int(os.environ[SEED]))
