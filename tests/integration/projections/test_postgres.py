"""Projections into a PostgreSQL that goes away and comes back; and lines that several processes add at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest
from tests.bench.histories import Chronicle, promoted, shop
from tests.integration.projections.conftest import FILE, Circle
from tests.integration.projections.losing import Losing
from tests.real.postgres import away, database, hang_up
from tests.unit.projections.house import dump
from tests.unit.projections.test_logs import NOW, printed

from ownstack_bus.connect import open_bus
from ownstack_bus.port import Outgoing, Record
from ownstack_contracts.topics import LOGS
from ownstack_projections import patience
from ownstack_projections.logs import LogSink
from ownstack_projections.rebuild import rebuild
from ownstack_readmodel import open_readmodel

SOON = 60


@pytest.fixture
def database_url() -> Iterator[str]:
    with database() as url:
        yield url


@pytest.fixture
async def circle(tmp_path: Path, database_url: str) -> AsyncIterator[Circle]:
    bus = await open_bus(f"sqlite:///{tmp_path / FILE}")
    readmodel = open_readmodel(database_url)
    yield Circle(bus, readmodel)
    await bus.close()
    readmodel.close()


async def test_facts_wait_for_a_database_that_is_away_and_none_is_missing(
    circle: Circle, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "LAST_DELAY_S", 0.2)
    chronicle = shop(Chronicle())
    async with circle.projecting() as projections:
        await circle.publish(chronicle.records)
        assert await circle.readmodel.wait_for_sequence("acme", len(chronicle.records), SOON)
        for number in range(4):
            promoted(chronicle, number)
            if number % 2:
                with away(database_url):
                    await circle.publish(chronicle.records)
            else:
                await circle.publish(chronicle.records)
                await asyncio.to_thread(hang_up, database_url)
            await _holds(circle, len(chronicle.records))
        assert projections.history.counts.doubled == 0
    projected = dump(circle.readmodel)
    assert len(projected["rm_history"]) == len(chronicle.records)
    await rebuild(circle.bus, circle.readmodel)
    assert dump(circle.readmodel) == projected


async def test_a_connection_that_is_lost_before_any_statement_or_commit_loses_no_fact(
    circle: Circle, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each batch meets the loss one statement later than the one before, until one comes through without."""
    monkeypatch.setattr(patience, "FIRST_DELAY_S", 0.01)
    losing = Losing(circle.readmodel.engine, database_url, "projections")
    chronicle = shop(Chronicle())
    tried = 0
    async with circle.projecting():
        await circle.publish(chronicle.records)
        assert await circle.readmodel.wait_for_sequence("acme", len(chronicle.records), SOON)
        while losing.met or not tried:
            promoted(chronicle, tried)
            tried += 1
            losing.arm(tried)
            await circle.publish(chronicle.records)
            await _holds(circle, len(chronicle.records))
    assert tried > 8
    projected = dump(circle.readmodel)
    assert len(projected["rm_history"]) == len(chronicle.records)
    await rebuild(circle.bus, circle.readmodel)
    assert dump(circle.readmodel) == projected


async def _holds(circle: Circle, sequence: int) -> None:
    with circle.readmodel.changes.of_team("acme") as signal:
        while await circle.readmodel.last_sequence("acme") < sequence:
            assert await signal.wait(SOON)


async def test_positions_that_went_back_with_a_crash_of_the_server_are_where_it_goes_on(circle: Circle) -> None:
    """Commits are not waited for: what a server lost is projected again, without a word from anybody."""
    chronicle = shop(Chronicle())
    async with circle.projecting():
        await circle.publish(chronicle.records)
        assert await circle.readmodel.wait_for_sequence("acme", len(chronicle.records), SOON)
        with circle.readmodel.writing() as connection:
            for table in dump(circle.readmodel):
                connection.exec_driver_sql(f"DELETE FROM {table}")
        promoted(chronicle, 1)
        await circle.publish(chronicle.records)
        assert await circle.readmodel.wait_for_sequence("acme", len(chronicle.records), SOON)
    projected = dump(circle.readmodel)
    await rebuild(circle.bus, circle.readmodel)
    assert dump(circle.readmodel) == projected


async def test_lines_are_seen_in_the_order_of_their_cursors_whoever_adds_them(database_url: str) -> None:
    """A stream goes on from the last cursor that it has seen: a lower one must not appear later."""
    async with AsyncExitStack() as stack:
        readers = open_readmodel(database_url)
        stack.callback(readers.close)
        lines_after = partial(readers.lines_after, "acme", "shop", limit=10_000, deployment="p.eu-1")
        adding = [asyncio.create_task(_add(database_url, partition, stack)) for partition in range(3)]
        seen: list[int] = []
        over = False
        while not over:
            over = all(task.done() for task in adding)
            found = await lines_after(seen[-1] if seen else 0)
            seen += [line.cursor for line in found]
        await asyncio.gather(*adding)
        assert seen == [line.cursor for line in await lines_after(0)]
        assert len(seen) == 3 * 40 * 5


async def _add(url: str, partition: int, stack: AsyncExitStack) -> None:
    """A process that adds lines, one record after another."""
    readmodel, executor = await asyncio.to_thread(open_readmodel, url), ThreadPoolExecutor(1)
    stack.callback(executor.shutdown)
    stack.callback(readmodel.close)
    sink = LogSink(_publish, readmodel, executor)
    await sink.positions()
    for offset in range(40):
        value = printed(*"abcde", number=offset * 5, run=f"r{partition}")
        await sink.apply(partition, [Record(LOGS.name, partition, offset, NOW, "p.eu-1", value)])
    assert (sink.counts.batches, sink.counts.lines, sink.counts.dead_letters) == (40, 200, 0)
    assert sink.counts.seconds > 0


async def _publish(records: Sequence[Outgoing]) -> None:
    pytest.fail(f"dead letters: {records}")
