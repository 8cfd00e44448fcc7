"""What a deployer has done since it began, counted: for whoever watches it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """reports: said, by type: claims, beginnings and ends of phases and runs. dead_letters: by code.
    beats: heartbeats."""

    reports: Counter[str] = field(default_factory=Counter)
    dead_letters: Counter[str] = field(default_factory=Counter)
    beats: int = 0
