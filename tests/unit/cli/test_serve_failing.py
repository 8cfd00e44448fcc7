"""Commands of whoever runs the installation, when the database or the bus fails under way."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from ownstack.exits import Exit, Failure
from ownstack.serve import founding, rebuilding
from ownstack_bus.port import BusError

LOST = OperationalError("SELECT 1", None, Exception("the connection\nis lost"))


class Part:
    """Of an installation: opened, closed, and whatever else is asked of it fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.closed = False

    def close(self) -> None:
        self.closed = True

    @property
    def tokens(self) -> Part:
        return self

    def list(self, *_: object) -> None:
        raise self.error


class Bus:
    """Takes what it is given, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def publish(self, _: object) -> None:
        if self.error:
            raise self.error

    async def close(self) -> None:
        return None


def opened(what: object) -> Any:
    async def open_it(*_: object) -> object:
        return what

    return open_it


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWNSTACK_BUS", "kafka://127.0.0.1:1")


async def test_a_rebuild_whose_database_fails_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    readmodel = Part(LOST)

    async def fails(*_: object) -> None:
        raise LOST

    monkeypatch.setattr(rebuilding, "readmodel_of", opened(readmodel))
    monkeypatch.setattr(rebuilding, "bus_of", opened(Bus()))
    monkeypatch.setattr(rebuilding, "rebuild", fails)
    with pytest.raises(Failure, match="the connection is lost") as failed:
        await rebuilding.rebuilt()
    assert (failed.value.code, failed.value.exit_code) == ("database-failed", Exit.UNAVAILABLE)
    assert readmodel.closed


@pytest.mark.parametrize(
    ("bus", "code"), [(Bus(), "database-failed"), (Bus(BusError("bus-unavailable", "Away.")), "bus-unavailable")]
)
async def test_a_founding_whose_database_or_bus_fails_says_so(
    monkeypatch: pytest.MonkeyPatch, bus: Bus, code: str
) -> None:
    vault = Part(LOST)
    monkeypatch.setattr(founding, "vault_of", opened(vault))
    monkeypatch.setattr(founding, "bus_of", opened(bus))
    with pytest.raises(Failure) as failed:
        await founding.found("acme", new_token=False)
    assert (failed.value.code, failed.value.exit_code) == (code, Exit.UNAVAILABLE)
    assert vault.closed
