"""How partitions are shared out among the members of a group."""

from __future__ import annotations

from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor


def sticky() -> type[StickyPartitionAssignor]:
    """Whoever has a partition keeps it. A class for each member: aiokafka's keeps in the class what the member has."""
    return type("Sticky", (StickyPartitionAssignor,), {})
