"""A full disk: nothing that was acknowledged is lost, and everything goes on once there is room."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.contract.bus.parts import Echo, Rows, Seen, everything, of_key, running, until, values
from tests.faults.bus.doom import ROOT, python

from ownstack_bus.embedded import EmbeddedBus
from ownstack_bus.port import BusError, Outgoing
from ownstack_contracts.topics import COMMANDS, DEAD_LETTERS, HISTORY

FILLER = 5_000_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MiB of which most is taken by the file `filler`: a real one (tmpfs), so for root only."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if sys.platform != "linux" or os.geteuid() != 0 or mount is None:
        pytest.skip("only root can mount a small disk; the limit on file sizes is tested all the same")
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk], check=False).returncode:
        pytest.skip("this machine lets nobody mount a disk; the limit on file sizes is tested all the same")
    (disk / "filler").write_bytes(b"x" * FILLER)
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Seen[str]:
    """What the bus logs while it processes."""
    told: Seen[str] = Seen()
    handler = logging.Handler()
    handler.emit = lambda record: told.add(record.getMessage())  # type: ignore[method-assign]
    monkeypatch.setattr(logging.getLogger("ownstack_bus.waiting"), "handlers", [handler])
    return told


async def filled(bus: EmbeddedBus, disk: Path, topic: str) -> list[str]:
    """Fill the disk to the last byte: by publishing, with `filler` beside. What was acknowledged."""
    acknowledged: list[str] = []
    while await published(bus, topic, some := [str(len(acknowledged) + i).ljust(1_000) for i in range(20)]):
        acknowledged += some
    with (disk / "filler").open("ab", buffering=0) as filler, suppress(OSError):
        while filler.write(bytes(1_000)):
            pass
    while await published(bus, DEAD_LETTERS.name, ["a page each"]):
        pass
    return acknowledged


async def published(bus: EmbeddedBus, topic: str, contents: list[str]) -> bool:
    try:
        await bus.publish([Outgoing(topic, "acme", content.encode()) for content in contents])
    except BusError as refused:
        if refused.code == "disk-full" and "make room" in str(refused):
            return False
        raise
    return True


async def test_on_a_full_disk_publishing_is_refused_and_goes_on_once_there_is_room(small_disk: Path) -> None:
    bus = await EmbeddedBus.open(small_disk / "bus.db")
    acknowledged = await filled(bus, small_disk, HISTORY.name)
    assert acknowledged

    (small_disk / "filler").unlink()
    await bus.publish([Outgoing(HISTORY.name, "acme", b"after")])
    assert await of_key(bus, HISTORY.name, "acme") == [*acknowledged, "after"]
    await bus.close()

    bus = await EmbeddedBus.open(small_disk / "bus.db")
    assert await of_key(bus, HISTORY.name, "acme") == [*acknowledged, "after"]
    await bus.close()


async def test_on_a_full_disk_processing_waits_and_loses_and_doubles_nothing(small_disk: Path, told: Seen[str]) -> None:
    bus = await EmbeddedBus.open(small_disk / "bus.db")
    acknowledged = await filled(bus, small_disk, COMMANDS.name)
    partition = (await everything(bus, COMMANDS.name))[0].partition
    rows = Rows()
    promoter = bus.process("promoter", [COMMANDS.name], HISTORY.name, Echo)
    async with running(promoter), running(bus.project(HISTORY.name, "readmodel", rows)):
        await told.until(lambda said: any("waits" in message for message in said))
        (small_disk / "filler").unlink()
        found = await until(bus, HISTORY.name, partition, len(acknowledged))
        assert values(found) == acknowledged
        assert values(await rows.seen.reach(len(acknowledged))) == acknowledged
    assert await bus.end(HISTORY.name, partition) == len(acknowledged)
    await bus.close()


@pytest.mark.parametrize("limit", [400_000, 1_500_000])
def test_where_files_may_not_grow_publishing_is_refused_and_goes_on_once_they_may(tmp_path: Path, limit: int) -> None:
    """RLIMIT_FSIZE in a process of its own: what anybody can have tested, root or not."""
    command = [*python("limit_under_fire"), str(tmp_path / "bus.db"), str(limit)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=60)
    said = json.loads(ended.stdout)
    assert said["code"] in {"bus-io-error", "disk-full"}
    assert said["there"] == said["acknowledged"] > 10


def test_an_acknowledgement_that_could_not_be_written_is_refused_and_the_record_comes_again(tmp_path: Path) -> None:
    """RLIMIT_FSIZE in a process of its own: on a full disk an acknowledgement mostly still finds a page."""
    command = [*python("acknowledge_under_fire"), str(tmp_path / "bus.db")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=60)
    assert json.loads(ended.stdout) == ["bus-io-error", "bus-io-error", "done"]
