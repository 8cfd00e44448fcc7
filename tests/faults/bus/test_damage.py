"""A file that is not what was written, or that is somebody else's: a clear error, and nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contract.bus.parts import Echo, Rows, everything, numbered, of_key, values
from tests.faults.bus.doom import ROOT, python

from ownstack_bus.connect import open_bus
from ownstack_bus.embedded import EmbeddedBus
from ownstack_bus.partitioning import partition_of
from ownstack_bus.port import BusError, Outgoing
from ownstack_contracts.topics import COMMANDS, HISTORY


async def filled(path: Path, count: int = 2_000) -> None:
    bus = await EmbeddedBus.open(path)
    for first in range(0, count, 10):
        await bus.publish(
            [Outgoing(HISTORY.name, "acme", b"needle %6d " % i * 20, 0) for i in range(first, first + 10)]
        )
    await bus.publish(numbered(HISTORY.name, "umbrella", 10))
    await bus.close()


async def refused(path: Path, code: str, *words: str) -> None:
    with pytest.raises(BusError) as error:
        await opened_and_read(path)
    assert error.value.code == code
    for word in (str(path), *words):
        assert word in str(error.value)


async def opened_and_read(path: Path) -> None:
    bus = await EmbeddedBus.open(path)
    try:
        await everything(bus, HISTORY.name)
    finally:
        await bus.close()


@pytest.fixture
async def holder(tmp_path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Another process that has the file open."""
    process = await asyncio.create_subprocess_exec(
        *python("open_under_fire"),
        f"sqlite:///{tmp_path}/bus.db",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout
    assert await process.stdout.readline() == b"open\n"
    yield process
    if process.returncode is None:
        process.kill()
    await process.communicate()


async def test_a_second_process_is_told_who_has_the_file(tmp_path: Path, holder: asyncio.subprocess.Process) -> None:
    with pytest.raises(BusError) as error:
        await open_bus(f"sqlite:///{tmp_path}/bus.db")
    assert error.value.code == "bus-in-use"
    assert f"pid {holder.pid}" in str(error.value)


async def test_the_file_is_free_as_soon_as_its_owner_was_killed(
    tmp_path: Path, holder: asyncio.subprocess.Process
) -> None:
    holder.kill()
    await holder.wait()
    bus = await open_bus(f"sqlite:///{tmp_path}/bus.db")
    await bus.close()


async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "bus.db"
    garbage = random.randbytes(20_000)
    path.write_bytes(garbage)
    await refused(path, "bus-not-a-database", "OWNSTACK_BUS")
    assert path.read_bytes() == garbage


async def test_a_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bus.db"
    await filled(path)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    await refused(path, "bus-corrupt", "restore the last backup")


async def test_pages_of_zeros_are_found_when_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "bus.db"
    await filled(path)
    with path.open("r+b") as file:
        size = path.stat().st_size
        file.seek(size // 2 // 4096 * 4096)
        file.write(bytes(size // 4 // 4096 * 4096))
    await refused(path, "bus-corrupt", "restore the last backup")


async def test_a_single_wrong_byte_is_found_by_every_reader_of_its_partition_and_by_no_other(tmp_path: Path) -> None:
    path = tmp_path / "bus.db"
    await filled(path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"needle   1000", b"noodle   1000", 1))
    await refused(path, "bus-corrupt", "checksum")

    bus = await EmbeddedBus.open(path)
    with pytest.raises(BusError) as projected:
        await bus.project(HISTORY.name, "readmodel", Rows())
    with pytest.raises(BusError) as processed:
        await bus.process("promoter", [COMMANDS.name], HISTORY.name, Echo)
    assert (projected.value.code, processed.value.code) == ("bus-corrupt", "bus-corrupt")
    umbrella = partition_of("umbrella", 12)
    assert values([record async for record in bus.read(HISTORY.name, umbrella)]) == [str(i) for i in range(10)]
    await bus.close()


async def test_a_torn_end_of_the_write_ahead_log_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    # given: the files as a power cut leaves them, after what was acknowledged and after one commit more
    bus = await EmbeddedBus.open(tmp_path / "bus.db")
    await bus.publish(numbered(HISTORY.name, "acme", 100))
    log = tmp_path / "bus.db-wal"
    acknowledged = log.stat().st_size
    await bus.publish(numbered(HISTORY.name, "acme", 3_000, first=100))
    image = (tmp_path / "bus.db").read_bytes(), log.read_bytes()
    await bus.close()
    assert len(image[1]) > acknowledged

    lengths = [acknowledged, len(image[1]) - 1, *random.sample(range(acknowledged, len(image[1])), 8)]
    for i, length in enumerate(lengths):
        # when
        copy = tmp_path / f"copy-{i}" / "bus.db"
        copy.parent.mkdir()
        copy.write_bytes(image[0])
        torn = image[1][:length] + (random.randbytes(len(image[1]) - length) if i % 2 else b"")
        copy.with_name("bus.db-wal").write_bytes(torn)
        # then
        again = await EmbeddedBus.open(copy)
        assert await of_key(again, HISTORY.name, "acme") == [str(n) for n in range(100)]
        await again.publish(numbered(HISTORY.name, "acme", 1, first=100))
        assert (await of_key(again, HISTORY.name, "acme"))[-1] == "100"
        await again.close()
        assert sqlite3.connect(copy).execute("PRAGMA integrity_check").fetchone() == ("ok",)
        shutil.rmtree(copy.parent)


@pytest.mark.parametrize("place", ["missing/bus.db", "."])
async def test_a_place_where_no_file_can_be_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(BusError) as error:
        await EmbeddedBus.open(tmp_path / place)
    assert error.value.code == "bus-not-writable"
