"""`ownstack up` before its services begin: its file, and how many files it may have open."""

from __future__ import annotations

import logging
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from ownstack.exits import Failure
from ownstack.openfiles import raise_file_limit
from ownstack.up import FILE, Rooms, _caught_up, open_rooms
from ownstack_bus.port import BusError


def modes(folder: Path) -> dict[str, str]:
    return {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in folder.glob(f"{FILE}*")}


@pytest.fixture
def umask() -> Iterator[None]:
    """The usual one, with which all can read new files."""
    before = os.umask(0o022)
    yield
    os.umask(before)


async def test_the_files_are_for_their_owner_only_also_in_a_folder_that_is_open(tmp_path: Path, umask: None) -> None:
    tmp_path.chmod(0o755)
    async with AsyncExitStack() as stack:
        await open_rooms(tmp_path, stack)
        found = modes(tmp_path)
    assert found.keys() >= {FILE, f"{FILE}-wal", f"{FILE}-shm"}
    assert set(found.values()) == {"0o600"}


@pytest.mark.parametrize("name", ["a%20b", "a b?c#d", "ü%", "%2525+"])
async def test_all_rooms_are_in_the_one_file_whatever_its_folder_is_called(tmp_path: Path, name: str) -> None:
    async with AsyncExitStack() as stack:
        rooms = await open_rooms(tmp_path / name, stack)
        assert rooms.vault.tokens.list("default", 1) == []
        assert await rooms.readmodel.positions() == {}
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert [path.name for path in (tmp_path / name).iterdir() if path.suffix == ".db"] == [FILE]


async def test_a_file_that_others_can_read_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / FILE).touch(0o644)
    async with AsyncExitStack() as stack:
        await open_rooms(tmp_path, stack)
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert [f"chmod 600 {tmp_path / FILE}" in text for text in warnings] == [True]


async def test_a_link_that_somebody_has_put_there_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / FILE).symlink_to(tmp_path / "elsewhere")
    async with AsyncExitStack() as stack:
        with pytest.raises(Failure, match="is a symbolic link") as found:
            await open_rooms(tmp_path, stack)
    assert found.value.code == "data-file"
    assert not (tmp_path / "elsewhere").exists()


def limits(soft: int, hard: int, wanted: int) -> int:
    """The limit of a process of its own that began with these, after it has been raised."""
    code = f"""
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
from ownstack.openfiles import raise_file_limit
raise_file_limit({wanted})
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize(("wanted", "found"), [(65_536, 512), (300, 300), (100, 256)])
def test_as_many_files_as_wanted_or_allowed_can_be_open_at_once(wanted: int, found: int) -> None:
    assert limits(256, 512, wanted) == found


def test_a_limit_that_can_not_be_raised_is_no_reason_to_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    raise_file_limit()
    assert "no more than 256 files" in caplog.text


@pytest.mark.parametrize(
    "error", [BusError("bus-io-error", "The disk is gone."), OperationalError("SELECT", None, Exception("gone"))]
)
async def test_a_read_model_or_a_bus_that_fails_at_the_end_is_a_warning(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing:
        async def partitions(self, _topic: str) -> int:
            raise error

    rooms = Rooms(Failing(), None, None)  # type: ignore[arg-type]
    await _caught_up(rooms)
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "goes on from there at the next start" in warning.getMessage()
