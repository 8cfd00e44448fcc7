"""Who waits in one process is told of what another one commits: at once, nothing before, nothing lost."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import TimeoutError as PoolExhausted
from tests.real.postgres import away, database, hang_up

from ownstack_readmodel import Changes, Channel, LocalChanges, ReadModel, open_readmodel
from ownstack_readmodel import listening as listener
from ownstack_readmodel.changes import subjects_of_facts
from ownstack_readmodel.notifying import EVERYTHING, PAYLOAD_MOST, mark, payloads
from ownstack_readmodel.tables import TEAMS

SOON = 30


@pytest.fixture
def url() -> Iterator[str]:
    with database() as url:
        yield url


@pytest.fixture
def here(url: str) -> Iterator[ReadModel]:
    readmodel = open_readmodel(url)
    yield readmodel
    readmodel.close()


@pytest.fixture
def there(url: str) -> Iterator[ReadModel]:
    """As another process has it."""
    readmodel = open_readmodel(url)
    yield readmodel
    readmodel.close()


def store(readmodel: ReadModel, teams: Collection[str], commands: Collection[tuple[str, str]] = ()) -> None:
    with readmodel.writing() as connection:
        readmodel.changes.announce_facts(connection, teams, commands)


async def in_thread(readmodel: ReadModel, teams: Collection[str]) -> None:
    await asyncio.to_thread(store, readmodel, teams)


async def listening(readmodel: ReadModel) -> None:
    """Once listening begins, whoever waits is told to look."""
    with readmodel.changes.of_team("nobody") as signal:
        assert await signal.wait(SOON)


def test_both_are_channels(here: ReadModel) -> None:
    channels: list[Channel] = [LocalChanges(), here.changes]
    changes: list[Changes] = [*channels]
    assert [type(one).__name__ for one in changes] == ["LocalChanges", "PostgresChanges"]


async def test_who_waits_is_told_of_the_commit_of_another_process(here: ReadModel, there: ReadModel) -> None:
    await listening(here)
    with (
        here.changes.of_team("acme") as team,
        here.changes.of_command("acme", "c") as command,
        here.changes.of_logs("acme", "shop") as logs,
        here.changes.of_team("beta") as other,
    ):
        await asyncio.to_thread(store, there, {"acme"}, {("acme", "c")})
        assert await team.wait(SOON)
        assert await command.wait(SOON)
        assert not await logs.wait(0)
        with there.writing() as connection:
            there.changes.announce_lines(connection, {("acme", "shop")})
        assert await logs.wait(SOON)
        assert not await other.wait(0)


async def test_nobody_is_told_of_what_was_not_committed(here: ReadModel, there: ReadModel) -> None:
    await listening(here)
    with here.changes.of_team("acme") as acme, here.changes.of_team("beta") as beta:
        with pytest.raises(ZeroDivisionError), there.writing() as connection:  # noqa: PT012 - two steps of one write
            there.changes.announce_facts(connection, {"acme"}, ())
            _ = 1 / 0
        await in_thread(there, {"beta"})
        assert await beta.wait(SOON)
        assert not await acme.wait(0)


async def test_it_is_told_by_the_server_and_not_found_by_looking_now_and_then(
    url: str, there: ReadModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "CHECK_S", 3_600)
    here = open_readmodel(url)
    try:
        await listening(here)
        with here.changes.of_team("acme") as signal:
            for _ in range(30):
                await in_thread(there, {"acme"})
                assert await signal.wait(SOON)
    finally:
        here.close()


async def test_more_than_one_notification_holds_is_told(here: ReadModel, there: ReadModel) -> None:
    await listening(here)
    teams = [f"team-{number}" for number in range(2_000)]
    with here.changes.of_team(teams[0]) as first, here.changes.of_team(teams[-1]) as last:
        await in_thread(there, teams)
        assert await first.wait(SOON)
        assert await last.wait(SOON)


async def test_a_time_without_a_connection_loses_nothing(url: str, here: ReadModel, there: ReadModel) -> None:
    await listening(here)
    with here.changes.of_team("acme") as signal:
        with away(url):
            assert not await signal.wait(0)
        await in_thread(there, {"acme"})
        assert await signal.wait(SOON), "told of it, or told to look"
        for _ in range(3):
            await asyncio.to_thread(hang_up, url)
            assert await signal.wait(SOON), "told to look"


@pytest.mark.parametrize("error", [PoolExhausted("QueuePool limit of size 6 reached"), OSError("no descriptors")])
async def test_whatever_is_in_the_way_of_a_connection_is_waited_for(
    error: Exception, here: ReadModel, there: ReadModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine, failures = here.engine.raw_connection, [error]

    def raw_connection() -> object:
        if failures:
            raise failures.pop()
        return genuine()

    monkeypatch.setattr(here.engine, "raw_connection", raw_connection)
    await listening(here)
    assert not failures
    with here.changes.of_team("acme") as team:
        await in_thread(there, {"acme"})
        assert await team.wait(SOON)


async def test_a_sequence_is_waited_for_over_processes(here: ReadModel, there: ReadModel) -> None:
    waiting = asyncio.create_task(here.wait_for_sequence("acme", 1, SOON))
    await listening(here)

    def write() -> None:
        with there.writing() as connection:
            connection.execute(TEAMS.insert().values(team="acme", sequence=1, hash=""))
            there.changes.announce_facts(connection, {"acme"}, ())

    await asyncio.to_thread(write)
    assert await waiting
    assert here.changes.watches == 0


async def test_an_exchange_of_tables_is_news_for_all(here: ReadModel, there: ReadModel) -> None:
    await listening(here)
    with here.changes.of_team("acme") as signal:
        with there.writing() as connection:
            there.changes.announce_all(connection)
        assert await signal.wait(SOON)


async def test_closing_ends_the_thread_while_somebody_waits(url: str) -> None:
    readmodel = open_readmodel(url)
    await listening(readmodel)
    with readmodel.changes.of_team("acme") as signal:
        await asyncio.to_thread(readmodel.close)
        assert not await signal.wait(0)


@given(teams=st.sets(st.text(max_size=80), max_size=1_500))
def test_payloads_are_small_enough_and_name_all(teams: set[str]) -> None:
    told = payloads(subjects_of_facts(teams, ()))
    assert all(0 < len(payload.encode()) <= PAYLOAD_MOST for payload in told)
    assert {marked for payload in told for marked in payload.split(" ")} == {mark(("team", team, "")) for team in teams}


def test_very_many_are_simply_everything() -> None:
    assert payloads(subjects_of_facts([f"t{number}" for number in range(20_000)], ())) == [EVERYTHING]
