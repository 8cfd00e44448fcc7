"""What a bus tells of itself, as figures for Prometheus; and whether it is ready."""

from __future__ import annotations

from collections.abc import Collection

from prometheus_client import Counter, Gauge, Histogram

LAG = Gauge("ownstack_bus_lag", "Records still to be taken, at most.", ["consumer", "topic", "partition"])
BATCH = Histogram(
    "ownstack_bus_batch_records",
    "Records taken at once.",
    ["consumer"],
    buckets=(1, 3, 10, 30, 100, 300, 1_000, 3_000),
)
PARTITIONS = Gauge("ownstack_bus_partitions", "Partitions that are this process's.", ["consumer"])
RESTARTED = Counter("ownstack_bus_owner_restarts", "Times that a partition was begun anew from the log.", ["consumer"])


class PrometheusMeter:
    """See ownstack_bus.meter.Meter. `joined`: the consumers whose partitions are known, and all in order."""

    def __init__(self) -> None:
        self.joined: set[str] = set()
        self._lags: dict[str, set[tuple[str, int]]] = {}

    def batch(self, consumer: str, records: int) -> None:
        """See Meter."""
        BATCH.labels(consumer).observe(records)

    def lag(self, consumer: str, topic: str, partition: int, records: int) -> None:
        """See Meter."""
        self._lags.setdefault(consumer, set()).add((topic, partition))
        LAG.labels(consumer, topic, str(partition)).set(records)

    def assigned(self, consumer: str, partitions: Collection[int], beginning: int = 0) -> None:
        """See Meter."""
        (self.joined.discard if beginning else self.joined.add)(consumer)
        PARTITIONS.labels(consumer).set(len(partitions))
        self._keep(consumer, frozenset(partitions))

    def restarted(self, consumer: str, partition: int) -> None:  # noqa: ARG002 - of all partitions together
        """See Meter."""
        RESTARTED.labels(consumer).inc()

    def _keep(self, consumer: str, partitions: frozenset[int]) -> None:
        """The lag of a partition that is another process's now is told by that one; the last known here would stay."""
        told = self._lags.get(consumer, set())
        for topic, partition in [place for place in told if place[1] not in partitions]:
            told.discard((topic, partition))
            LAG.remove(consumer, topic, str(partition))
