"""Opening with patience: what is away is waited for, what is wrong is not; and what a database's URL becomes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ownstack.exits import Exit, Failure
from ownstack.serve import opening
from ownstack.serve.databases import database_url
from ownstack.serve.opening import bus_of, patiently
from ownstack.serve.settings import DatabaseSettings, ProcessSettings
from ownstack_bus.meter import Unmetered


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


def refusal(url: str, file: Path | None = None) -> Failure:
    with pytest.raises(Failure) as refused:
        database_url(settings_of(url, file))
    assert refused.value.exit_code == Exit.USAGE
    return refused.value


def test_a_password_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    garbled = tmp_path / "garbled"
    garbled.write_bytes(b"\xff\xfehunter2")
    for file in (tmp_path / "none", garbled):
        refused = refusal("postgresql://me@db/own", file)
        assert refused.code == "database-password"
        assert "OWNSTACK_DATABASE_PASSWORD_FILE" in refused.message
        assert str(file) in refused.message
        assert "hunter2" not in refused.message


@pytest.mark.parametrize(
    "url",
    [
        "me:hunter2@nowhere",
        "postgresql://me:hunter2@db:port/own",
        "postgresql://me:p@hunter2@db/own",
        "postgresql://me:p@ss/hunter2@db/own",
        "mysql://me:hunter2@db/own",
    ],
)
def test_an_address_that_is_none_is_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    file = tmp_path / "password"
    file.write_text("secret")
    for password in (None, file):
        refused = refusal(url, password)
        assert refused.code == "database-url"
        assert "OWNSTACK_DATABASE" in refused.message
        assert "hunter2" not in f"{refused.message} {refused.hint}"


def test_a_database_of_one_process_is_refused(tmp_path: Path) -> None:
    refused = refusal(f"sqlite:///{tmp_path / 'own.db'}")
    assert refused.code == "database-embedded"
    assert "ownstack up" in str(refused.hint)


async def test_settings_of_the_bus_that_can_not_be_used_are_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    garbled = tmp_path / "garbled"
    garbled.write_bytes(b"\xff\xfehunter2")
    monkeypatch.setenv("OWNSTACK_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    monkeypatch.setenv("OWNSTACK_KAFKA_SASL_USERNAME", "me")
    monkeypatch.setenv("OWNSTACK_KAFKA_SASL_PASSWORD_FILE", str(garbled))
    for bus, code in (("sqlite:///own.db", "bus-embedded"), ("amqp://db", "bus-url"), ("kafka://db:1", "bus-sasl")):
        with pytest.raises(Failure) as refused:
            await bus_of(ProcessSettings(bus=bus, start_patience=0), Unmetered())
        assert (refused.value.code, refused.value.exit_code) == (code, Exit.USAGE)
        assert "hunter2" not in refused.value.message
