"""kill -9 at any moment: what was acknowledged is there, and nothing is there twice."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from pathlib import Path

from tests.contract.bus.parts import Seen, everything, running, until, values
from tests.faults.bus.doom import ROOT, Doom, killed, python
from tests.faults.bus.process_under_fire import OUTPUTS, Five
from tests.faults.bus.project_under_fire import Table
from tests.faults.seeds import for_a_child

from ownstack_bus.connect import open_bus
from ownstack_bus.embedded import EmbeddedBus
from ownstack_bus.port import Bus, Inbox, Outgoing
from ownstack_contracts.topics import COMMANDS, DEPLOYS, HISTORY

KILLS = 5
INPUTS = 10_000
NEVER = 0


async def test_outputs_are_written_once_and_in_order_whenever_the_processor_is_killed(tmp_path: Path) -> None:
    # given
    url = f"sqlite:///{tmp_path}/bus.db"
    keys = [f"team-{i}" for i in range(20)]
    bus = await open_bus(url)
    await bus.publish([Outgoing(COMMANDS.name, keys[i % 20], str(i).encode()) for i in range(INPUTS)])
    await bus.close()

    # when
    for kill in range(KILLS):
        moment = (1 + random.randrange(1_000), NEVER) if kill % 2 else (NEVER, 1 + random.randrange(5_000))
        await killed("process_under_fire", url, *moment)

    # then
    bus = await open_bus(url)
    written = len(await everything(bus, HISTORY.name))
    assert 0 < written < INPUTS * OUTPUTS, "it was killed in the middle of it"
    await processed_to_the_end(bus)
    for i, key in enumerate(keys):
        inputs = range(i, INPUTS, 20)
        expected = [f"{n}/{OUTPUTS * at + out}" for at, n in enumerate(inputs) for out in range(OUTPUTS)]
        assert values([r for r in await everything(bus, HISTORY.name) if r.key == key]) == expected
    await bus.close()


async def processed_to_the_end(bus: Bus) -> None:
    """Once more, unharmed; and what is handled after the end shows that nothing else was still to come."""
    last = [Outgoing(COMMANDS.name, "last", b"", partition=p) for p in range(await bus.partitions(COMMANDS.name))]
    await bus.publish(last)
    async with running(bus.process("promoter", [COMMANDS.name], HISTORY.name, lambda p: Five(p, Doom(NEVER)))):
        for record in last:
            assert record.partition is not None
            inputs = await bus.end(COMMANDS.name, record.partition)
            found = await until(bus, HISTORY.name, record.partition, inputs * OUTPUTS)
            assert [r.key for r in found].count("last") == OUTPUTS


async def test_only_unacknowledged_records_come_again_whenever_the_worker_is_killed(tmp_path: Path) -> None:
    # given
    url = f"sqlite:///{tmp_path}/bus.db"
    keys = {f"key-{i}" for i in range(2_000)}
    bus = await open_bus(url)
    await bus.publish([Outgoing(DEPLOYS.name, key, b"") for key in sorted(keys)])
    await bus.close()

    # when
    ended: set[str] = set()
    done: set[str] = set()
    for _ in range(3):
        said = [line.split() for line in await killed("work_under_fire", url, 1 + random.randrange(400))]
        begun = {key for what, key in said if what == "ends"}
        assert not begun & done, "what was acknowledged came again"
        ended |= begun
        done |= {key for what, key in said if what == "done"}

    # then
    bus = await open_bus(url)
    again = await keys_that_come(bus)
    await bus.close()
    assert not again & done
    assert again >= keys - ended
    assert again | ended == keys


async def keys_that_come(bus: Bus) -> set[str]:
    """All keys whose records are handed out, up to a last one per partition."""
    partitions = await bus.partitions(DEPLOYS.name)
    taken: Seen[str] = Seen()

    async def actor(inbox: Inbox) -> None:
        assert await inbox.get()
        taken.add(inbox.key)

    await bus.publish([Outgoing(DEPLOYS.name, f"last-{p}", b"", partition=p) for p in range(partitions)])
    last = {f"last-{p}" for p in range(partitions)}
    async with running(bus.work(DEPLOYS.name, "deployers", actor)):
        return set(await taken.until(lambda keys: last <= set(keys))) - last


async def test_rows_and_positions_agree_whenever_the_projection_is_killed(tmp_path: Path) -> None:
    # given
    url, path = f"sqlite:///{tmp_path}/bus.db", tmp_path / "rows.db"
    bus = await open_bus(url)
    for first in range(0, 20_000, 1_000):
        records = [Outgoing(HISTORY.name, f"team-{i % 50}", str(i).encode()) for i in range(first, first + 1_000)]
        await bus.publish(records)
    expected = [(r.partition, r.offset, r.value.decode()) for r in await everything(bus, HISTORY.name)]
    await bus.close()

    # when
    for _ in range(KILLS):
        await killed("project_under_fire", url, path, 1 + random.randrange(1_000))

    # then
    table = Table(path, Doom(NEVER))
    (stored,) = table.connection.execute("SELECT count(*) FROM rows").fetchone()
    assert stored == sum((await table.positions()).values())
    bus = await open_bus(url)
    async with running(bus.project(HISTORY.name, "readmodel", table)):
        await table.applied.reach(20_000 - stored)
    await bus.close()
    rows = table.connection.execute("SELECT * FROM rows ORDER BY partition, position").fetchall()
    table.connection.close()
    assert rows == expected


async def test_every_acknowledged_record_survives_a_thousand_kills_in_the_middle_of_an_append(tmp_path: Path) -> None:
    # given, when
    acknowledged = await asyncio.gather(*[appended(tmp_path / f"bus-{i}.db", 500) for i in range(2)])

    # then
    for i, counts in enumerate(acknowledged):
        path = tmp_path / f"bus-{i}.db"
        bus = await EmbeddedBus.open(path, partitions=2)
        found = values(await everything(bus, HISTORY.name))
        await bus.close()
        assert len(counts) == 500
        assert sum(counts) > 500
        by_child: dict[int, list[int]] = {}
        for value in found:
            child, number = map(int, value.split("/"))
            by_child.setdefault(child, []).append(number)
        for child, count in enumerate(counts):
            numbers = by_child.get(child, [])
            assert numbers == list(range(len(numbers))), f"records of child {child} are missing, doubled or moved"
            assert len(numbers) >= count, f"child {child}: {count} were acknowledged"
        assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def appended(path: Path, children: int) -> list[int]:
    """How many records each child was told to be durable."""
    command = [*python("append_under_fire"), str(path), str(children)]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT, env=for_a_child()
    )
    said, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    counts: list[int] = json.loads(said)
    return counts
