"""Rows and offset agree, whenever the process that projects is killed."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from tests.bench.histories import Chronicle, promoted, shop
from tests.integration.projections.conftest import Circle
from tests.unit.projections.house import dump

from ownstack_bus.connect import open_bus
from ownstack_projections.rebuild import rebuild

CHILD = Path(__file__).with_name("until_killed.py")
KILLS = 3
SOON = 60


async def test_killed_again_and_again_it_ends_with_the_same_rows(circle: Circle, database: str, tmp_path: Path) -> None:
    chronicle = shop(Chronicle(), 10)
    for number in range(6):
        promoted(chronicle, number)
    await circle.publish(chronicle.records)
    await circle.bus.close()
    url = f"sqlite:///{tmp_path / 'ownstack.db'}"
    for kill in range(KILLS):
        assert await _project(url, database, 4 + kill) == -signal.SIGKILL
        stored = len(dump(circle.readmodel)["rm_history"])
        assert stored == sum((await circle.readmodel.positions()).values()) > 0
    circle.bus = await open_bus(url)
    async with circle.projecting() as projections:
        assert await circle.readmodel.wait_for_sequence("acme", len(chronicle.records), SOON)
        assert projections.history.counts.doubled == 0
    projected = dump(circle.readmodel)
    await rebuild(circle.bus, circle.readmodel)
    assert dump(circle.readmodel) == projected


async def _project(url: str, database: str, batches: int) -> int | None:
    """Run the child, and kill it in the middle of its last batch, or soon after. Returns its exit code."""
    command = (sys.executable, CHILD, url, database, str(batches))
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None
    begun = 0
    async for _ in child.stdout:
        begun += 1
        if begun == batches:
            child.kill()
    return await child.wait()
