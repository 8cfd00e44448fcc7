"""What a bus tells of itself while it runs: how much it takes at once, how far it is behind, what it owns."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol


class Meter(Protocol):
    """Told by an adapter, on the event loop. `consumer`: the service of `process`, the group of `work`, and group and
    topic of `project` (`group.topic`)."""

    def batch(self, consumer: str, records: int) -> None:
        """So many records were taken at once, and are handled."""

    def lag(self, consumer: str, topic: str, partition: int, records: int) -> None:
        """How many records of a partition are still to be taken (an upper bound: some may be marks of the bus)."""

    def assigned(self, consumer: str, partitions: Collection[int], beginning: int = 0) -> None:
        """Which partitions are this process's now, all told; restored, where that is to be done first. `beginning`: how
        many more are, and are being restored."""

    def restarted(self, consumer: str, partition: int) -> None:
        """What a partition's owner had in memory was dropped, and it begins anew from the log."""


class Unmetered:
    """Nobody looks."""

    def batch(self, consumer: str, records: int) -> None:
        """See Meter."""

    def lag(self, consumer: str, topic: str, partition: int, records: int) -> None:
        """See Meter."""

    def assigned(self, consumer: str, partitions: Collection[int], beginning: int = 0) -> None:
        """See Meter."""

    def restarted(self, consumer: str, partition: int) -> None:
        """See Meter."""
