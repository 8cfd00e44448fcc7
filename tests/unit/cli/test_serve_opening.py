"""Opening with patience: what is away is waited for, what is wrong is not; and what a database's URL becomes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ownstack.exits import Failure
from ownstack.serve import opening
from ownstack.serve.databases import database_url
from ownstack.serve.opening import patiently
from ownstack.serve.settings import DatabaseSettings


class Away(Exception):
    """It may come."""


class Door:
    """Opens after so many tries, which it counts."""

    def __init__(self, *says: Exception) -> None:
        self.says = list(says)
        self.tries = 0

    async def open(self) -> str:
        self.tries += 1
        if self.says:
            raise self.says.pop(0)
        return "open"


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited each time: the waits themselves take no time."""
    waited: list[float] = []
    sleep = asyncio.sleep

    async def pause(seconds: float) -> None:
        waited.append(seconds)
        await sleep(0)

    monkeypatch.setattr(opening.asyncio, "sleep", pause)
    return waited


def is_away(error: Exception) -> bool:
    return isinstance(error, Away)


async def test_what_is_away_is_tried_again_ever_more_slowly_and_told_once(
    pauses: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    door = Door(*(Away("not yet") for _ in range(7)), Away("nearly"))
    assert await patiently("the door", door.open, is_away, 60) == "open"
    assert door.tries == 9
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    assert caplog.messages == ["waiting for the door: not yet", "waiting for the door: nearly"]


async def test_patience_ends(pauses: list[float]) -> None:
    door = Door(Away("first"), Away("second"))
    with pytest.raises(Away, match="first"):
        await patiently("the door", door.open, is_away, 0)
    assert (door.tries, pauses) == (1, [])


async def test_what_is_wrong_is_not_tried_again(pauses: list[float]) -> None:
    door = Door(Away("not yet"), ValueError("never"))
    with pytest.raises(ValueError, match="never"):
        await patiently("the door", door.open, is_away, 60)
    assert (door.tries, pauses) == (2, [0.2])


def settings_of(url: str, file: Path | None = None) -> DatabaseSettings:
    return DatabaseSettings.model_validate({"database": url, "database_password_file": file})


def test_the_password_of_a_file_stands_in_the_url(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("p@ss/word\n")
    assert database_url(settings_of("postgresql://me@db/own", file)) == "postgresql://me:p%40ss%2Fword@db/own"
    assert database_url(settings_of("postgresql://me:there@db/own")) == "postgresql://me:there@db/own"


def test_a_file_that_is_not_there_and_an_url_that_is_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure) as refused:
        database_url(settings_of("postgresql://me@db/own", tmp_path / "none"))
    assert (refused.value.code, "OWNSTACK_DATABASE_PASSWORD_FILE" in refused.value.message) == (
        "database-password",
        True,
    )
    file = tmp_path / "password"
    file.write_text("secret")
    with pytest.raises(Failure) as refused:
        database_url(settings_of("me:hunter2@nowhere", file))
    assert refused.value.code == "database-url"
    assert "hunter2" not in f"{refused.value.message} {refused.value.hint}"
