"""The publisher and large records: one that fits nowhere is dropped, and batches are bounded by bytes too."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from tests.unit.deployer.fakes import FakeBus

from ownstack_bus.port import BusError, Outgoing
from ownstack_deployer.publisher import MOST_BYTES, Publisher

LARGE = Outgoing("ownstack.reports", "acme", b"secret" * 100)


class Narrow(FakeBus):
    """Refuses the large one, with all that comes along."""

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """As the port says."""
        if LARGE in records:
            raise BusError("record-too-large", "A record was to be written.")
        await super().publish(records)


def small(number: int, size: int = 4) -> Outgoing:
    return Outgoing("ownstack.reports", "acme", b"%0*d" % (size, number))


async def published(bus: FakeBus, records: Sequence[Outgoing]) -> None:
    """Publish these, and end."""
    publisher = Publisher(bus, "reports")
    for record in records:
        publisher.add(record)
    running = asyncio.create_task(publisher.run())
    try:
        async with asyncio.timeout(5):
            await publisher.flushed()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_is_too_large_is_dropped_loudly_and_the_others_go_out_in_order(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus = Narrow()
    await published(bus, [small(1), small(2), LARGE, small(3), LARGE, small(4)])
    assert bus.records == [small(number) for number in range(1, 5)]
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    assert "600 bytes" in caplog.text
    assert "secret" not in caplog.text


async def test_large_records_are_cut_into_batches_by_their_bytes() -> None:
    bus = FakeBus()
    sizes = [MOST_BYTES // 2, MOST_BYTES // 2, 4, MOST_BYTES + 1, 4]
    records = [small(number, size) for number, size in enumerate(sizes)]
    await published(bus, records)
    assert [len(call) for call in bus.calls] == [2, 1, 1, 1]
    assert bus.records == records
