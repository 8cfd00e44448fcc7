"""Who waits is told of what was committed: nothing is missed, nothing is kept, nobody else is woken."""

from __future__ import annotations

import asyncio

from ownstack_readmodel import Changes, LocalChanges, ReadModel
from ownstack_readmodel.tables import COMMANDS, TEAMS


def test_the_local_changes_are_changes() -> None:
    changes: Changes = LocalChanges()
    assert changes is not None


async def test_what_came_before_the_wait_but_after_the_watch_began_is_not_missed() -> None:
    changes = LocalChanges()
    with changes.of_team("acme") as signal:
        changes.facts_stored({"acme"}, ())
        assert await signal.wait(0)


async def test_a_change_is_told_once() -> None:
    changes = LocalChanges()
    with changes.of_team("acme") as signal:
        changes.facts_stored({"acme"}, ())
        assert await signal.wait(0)
        assert not await signal.wait(0)


async def test_each_who_waits_is_told() -> None:
    changes = LocalChanges()
    with changes.of_team("acme") as one, changes.of_team("acme") as other:
        waiting = asyncio.gather(one.wait(30), other.wait(30))
        changes.facts_stored({"acme"}, ())
        assert await waiting == [True, True]


async def test_others_are_not_woken() -> None:
    changes = LocalChanges()
    with (
        changes.of_team("beta") as team,
        changes.of_command("acme", "c2") as command,
        changes.of_logs("acme", "shop") as logs,
    ):
        changes.facts_stored({"acme"}, {("acme", "c1"), ("beta", "c2")})
        changes.lines_stored({("acme", "docs"), ("beta", "shop")})
        assert [await signal.wait(0) for signal in (team, command, logs)] == [False, False, False]


async def test_a_watch_that_ended_leaves_nothing() -> None:
    changes = LocalChanges()
    with changes.of_team("acme"), changes.of_team("acme"), changes.of_logs("acme", "shop"):
        assert changes.watches == 3
    assert changes.watches == 0


async def test_a_command_is_waited_for_until_the_model_holds_it(readmodel: ReadModel) -> None:
    waiting = asyncio.create_task(readmodel.wait_for_command("acme", "c1", 30))
    assert await readmodel.command("acme", "c1") is None
    _store_command(readmodel, "c1")
    readmodel.changes.facts_stored({"acme"}, {("acme", "c1")})
    found = await waiting
    assert found is not None
    assert found.status == "admitted"


async def test_a_command_that_the_model_holds_is_not_waited_for(readmodel: ReadModel) -> None:
    _store_command(readmodel, "c1")
    assert await readmodel.wait_for_command("acme", "c1", 0) is not None


async def test_a_command_that_does_not_come_in_time_is_none(readmodel: ReadModel) -> None:
    assert await readmodel.wait_for_command("acme", "c1", 0) is None
    assert readmodel.changes.watches == 0


async def test_a_sequence_is_waited_for_until_the_model_holds_it(readmodel: ReadModel) -> None:
    waiting = asyncio.create_task(readmodel.wait_for_sequence("acme", 2, 30))
    for sequence in (1, 2):
        _store_sequence(readmodel, sequence)
        readmodel.changes.facts_stored({"acme"}, ())
    assert await waiting
    assert not await readmodel.wait_for_sequence("acme", 3, 0)


def _store_command(readmodel: ReadModel, command: str) -> None:
    with readmodel.writing() as connection:
        connection.execute(
            COMMANDS.insert().values(
                team="acme", command=command, type="TeamCreated", at=1, status="admitted", sequence=1
            )
        )


def _store_sequence(readmodel: ReadModel, sequence: int) -> None:
    with readmodel.writing() as connection:
        connection.execute(TEAMS.delete())
        connection.execute(TEAMS.insert().values(team="acme", sequence=sequence, hash="0" * 64))
