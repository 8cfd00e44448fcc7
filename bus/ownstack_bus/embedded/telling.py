"""What a consumer on this bus tells the meter. It has all partitions, and knows exactly how far it is behind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ownstack_bus.embedded.reader import Cursor
from ownstack_bus.meter import Meter


@dataclass(frozen=True, slots=True)
class Told:
    """The meter, for one consumer with so many partitions."""

    meter: Meter
    consumer: str
    partitions: int
    _in_order: set[int] = field(default_factory=set)

    def taken(self, records: int, cursors: Iterable[Cursor]) -> None:
        """So many were taken at once, through these cursors, which stand behind them now."""
        self.meter.batch(self.consumer, records)
        self.behind(cursors)

    def behind(self, cursors: Iterable[Cursor]) -> None:
        """What is still to be taken through these."""
        for cursor in cursors:
            place = cursor.log.place
            self.meter.lag(self.consumer, place.topic, place.partition, cursor.log.end - cursor.position)

    def begun(self) -> None:
        """All partitions are in order."""
        self.meter.assigned(self.consumer, range(self.partitions))

    def restored(self, partition: int) -> None:
        """This one is in order."""
        self._in_order.add(partition)
        self._tell()

    def restarted(self, partition: int) -> None:
        """This one begins anew from the log."""
        self.meter.restarted(self.consumer, partition)
        self._in_order.discard(partition)
        self._tell()

    def _tell(self) -> None:
        self.meter.assigned(self.consumer, sorted(self._in_order), self.partitions - len(self._in_order))
