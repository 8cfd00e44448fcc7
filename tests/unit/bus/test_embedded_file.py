"""Opening the embedded bus, and how it writes."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import threading
from pathlib import Path

import pytest
from tests.contract.bus.parts import Echo, Rows, everything, numbered, of_key, running, values

from ownstack_bus.connect import open_bus
from ownstack_bus.embedded import EmbeddedBus
from ownstack_bus.embedded.bus import MAX_RECORD_BYTES
from ownstack_bus.port import BusError, Outgoing
from ownstack_contracts.topics import COMMANDS, DEPLOYS, HISTORY


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "own stack.db"


async def refusal(url: str) -> BusError:
    with pytest.raises(BusError) as error:
        await open_bus(url)
    return error.value


async def test_a_url_names_a_relative_or_an_absolute_path(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    bus = await open_bus("sqlite:///own%20stack.db")
    await bus.publish(numbered(HISTORY.name, "acme", 1))
    await bus.close()
    bus = await open_bus(f"sqlite:///{path}")
    assert await of_key(bus, HISTORY.name, "acme") == ["0"]
    await bus.close()


async def test_kafka_without_its_extra_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ownstack_bus.kafka", None)
    error = await refusal("kafka://localhost:9092")
    assert error.code == "bus-unsupported"
    assert "ownstack[kafka]" in str(error)


@pytest.mark.parametrize("url", ["", "sqlite://", "sqlite:///", "redis://localhost", "/var/lib/bus.db"])
async def test_what_names_no_bus_is_refused(url: str) -> None:
    assert (await refusal(url)).code == "bus-url"


async def test_the_same_process_can_not_open_the_file_twice(path: Path) -> None:
    bus = await EmbeddedBus.open(path)
    assert (await refusal(f"sqlite:///{path}")).code == "bus-in-use"
    await bus.close()
    await (await EmbeddedBus.open(path)).close()


async def test_another_number_of_partitions_than_the_file_has_is_refused(path: Path) -> None:
    await (await EmbeddedBus.open(path, partitions=3)).close()
    error = await refusal(f"sqlite:///{path}")
    assert error.code == "bus-partitions-changed"
    assert "open it with 3" in str(error)


async def test_a_file_of_a_newer_version_is_refused(path: Path) -> None:
    await (await EmbeddedBus.open(path)).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE bus_meta SET value = '99' WHERE key = 'version'")
    connection.close()
    assert (await refusal(f"sqlite:///{path}")).code == "bus-schema-newer"


async def test_a_file_that_was_refused_is_not_held(path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    assert (await refusal(f"sqlite:///{path}")).code == "bus-not-a-database"
    path.unlink()
    await (await EmbeddedBus.open(path)).close()


async def test_the_tables_of_others_in_the_file_are_left_alone(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE apps (name)")
    connection.execute("INSERT INTO apps VALUES ('shop')")
    connection.commit()
    connection.close()
    bus = await EmbeddedBus.open(path)
    await bus.publish(numbered(HISTORY.name, "acme", 1))
    await bus.close()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT * FROM apps").fetchall() == [("shop",)]
    connection.close()


async def test_everything_is_there_after_a_restart(path: Path) -> None:
    bus = await EmbeddedBus.open(path)
    await bus.publish(numbered(COMMANDS.name, "acme", 500))
    async with running(bus.process("promoter", [COMMANDS.name], HISTORY.name, Echo)):
        while len(await of_key(bus, HISTORY.name, "acme")) < 500:
            await bus.publish(numbered(DEPLOYS.name, "other", 1))
    before = await everything(bus, HISTORY.name)
    await bus.close()
    bus = await EmbeddedBus.open(path)
    assert await everything(bus, HISTORY.name) == before
    assert await bus.end(HISTORY.name, before[0].partition) == 500
    await bus.close()


async def test_what_waits_at_one_moment_is_one_commit(path: Path) -> None:
    bus = await EmbeddedBus.open(path, partitions=1)
    await asyncio.gather(*[bus.publish([record]) for record in numbered(HISTORY.name, "acme", 300)])
    await bus.close()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM bus_segments").fetchone() == (1,)
    connection.close()


async def test_a_commit_of_more_rows_than_one_statement_holds_is_still_one(path: Path) -> None:
    bus = await EmbeddedBus.open(path, partitions=1)
    await bus.publish([Outgoing(HISTORY.name, "acme", bytes(300_000))] * 300)
    assert await bus.end(HISTORY.name, 0) == 300
    assert len(await everything(bus, HISTORY.name)) == 300
    await bus.close()


async def test_nothing_is_written_while_somebody_else_has_the_write_lock(path: Path) -> None:
    lock = threading.Lock()
    bus = await EmbeddedBus.open(path, write_lock=lock)
    with lock:
        publishing = asyncio.ensure_future(bus.publish(numbered(HISTORY.name, "acme", 1)))
        reader = sqlite3.connect(path)
        assert await asyncio.to_thread(lock.acquire, timeout=0.05) is False
        assert reader.execute("SELECT count(*) FROM bus_segments").fetchone() == (0,)
        assert not publishing.done()
    await publishing
    assert reader.execute("SELECT count(*) FROM bus_segments").fetchone() == (1,)
    reader.close()
    await bus.close()


async def test_what_was_published_without_waiting_is_written_on_close(path: Path) -> None:
    bus = await EmbeddedBus.open(path)
    publishing = asyncio.ensure_future(bus.publish(numbered(HISTORY.name, "acme", 100)))
    await asyncio.sleep(0)
    await bus.close()
    await publishing
    bus = await EmbeddedBus.open(path)
    assert len(await of_key(bus, HISTORY.name, "acme")) == 100
    await bus.close()


async def test_a_record_that_is_too_large_is_refused(path: Path) -> None:
    bus = await EmbeddedBus.open(path)
    with pytest.raises(BusError) as error:
        await bus.publish([Outgoing(HISTORY.name, "acme", bytes(MAX_RECORD_BYTES + 1))])
    assert error.value.code == "record-too-large"
    await bus.publish([Outgoing(HISTORY.name, "acme", bytes(MAX_RECORD_BYTES))])
    await bus.close()


async def test_a_group_has_one_member_and_may_have_another_later(path: Path) -> None:
    bus = await EmbeddedBus.open(path)
    rows = Rows()
    async with running(bus.project(HISTORY.name, "readmodel", rows)):
        await bus.publish(numbered(HISTORY.name, "acme", 1))
        await rows.seen.reach(1)
        with pytest.raises(BusError) as error:
            await bus.project(HISTORY.name, "readmodel", Rows())
        assert error.value.code == "group-in-use"
    again = Rows()
    async with running(bus.project(HISTORY.name, "readmodel", again)):
        assert values(await again.seen.reach(1)) == ["0"]
    await bus.close()


async def test_what_runs_on_a_bus_that_is_closed_ends_with_an_error(path: Path) -> None:
    bus = await EmbeddedBus.open(path)
    rows = Rows()
    running_on = [
        asyncio.ensure_future(bus.project(HISTORY.name, "readmodel", rows)),
        asyncio.ensure_future(bus.process("promoter", [COMMANDS.name], HISTORY.name, Echo)),
        asyncio.ensure_future(bus.work(DEPLOYS.name, "deployers", lambda _inbox: asyncio.sleep(0))),
    ]
    await bus.publish(numbered(HISTORY.name, "acme", 1))
    await rows.seen.reach(1)
    await bus.close()
    ends = await asyncio.gather(*running_on, return_exceptions=True)
    assert [end.code for end in ends if isinstance(end, BusError)] == ["bus-closed"] * 3
