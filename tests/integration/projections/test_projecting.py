"""From the history on the bus to what queries answer: live, after a restart, and when the history is damaged."""

from __future__ import annotations

import asyncio

import pytest
from tests.bench.histories import Chronicle, image, promoted, shop
from tests.integration.projections.conftest import Circle
from tests.unit.projections.house import dump
from tests.unit.projections.test_logs import printed

from ownstack_bus.port import Outgoing
from ownstack_contracts.rollouts import DeployRequested
from ownstack_contracts.topics import HISTORY, LOGS
from ownstack_projections.main import Projections
from ownstack_projections.stopped import HistoryDamaged

SOON = 60


async def test_what_is_in_the_history_is_soon_what_queries_answer(circle: Circle) -> None:
    chronicle = shop(Chronicle())
    async with circle.projecting():
        waiting = asyncio.create_task(circle.readmodel.wait_for_command("acme", "promote-1", SOON))
        promoted(chronicle, 1)
        await circle.publish(chronicle.records)
        command = await waiting
        assert command is not None
        assert command.rollout == "promote-1"
        assert await circle.readmodel.wait_for_sequence("acme", len(chronicle.records), SOON)
        app = await circle.readmodel.app("acme", "shop")
        assert app is not None
        assert app.summary.startswith("shop — deployed v1 ")


async def test_it_goes_on_where_it_was_stopped(circle: Circle) -> None:
    chronicle = shop(Chronicle())
    asked = chronicle.say(DeployRequested(app="shop", image=image(1)), id="d")
    async with circle.projecting():
        await circle.publish(chronicle.records)
        assert await circle.readmodel.wait_for_sequence("acme", len(chronicle.records), SOON)
    chronicle.play(asked)
    promoted(chronicle, 2)
    await circle.publish(chronicle.records)
    async with circle.projecting() as projections:
        assert await circle.readmodel.wait_for_sequence("acme", len(chronicle.records), SOON)
        assert projections.history.counts.doubled == 0
    rollout = await circle.readmodel.rollout("acme", "d")
    assert rollout is not None
    assert rollout.status == "succeeded"


async def test_teams_of_all_partitions_are_projected(circle: Circle) -> None:
    chronicles = [shop(Chronicle(f"team-{number}")) for number in range(30)]
    for chronicle in chronicles:
        circle.published = 0
        await circle.publish(chronicle.records)
    async with circle.projecting():
        for chronicle in chronicles:
            assert await circle.readmodel.wait_for_sequence(chronicle.team.name, len(chronicle.records), SOON)
    assert len(await circle.readmodel.positions()) > 1


async def test_a_damaged_history_stops_it_loudly(circle: Circle, caplog: pytest.LogCaptureFixture) -> None:
    records = shop(Chronicle()).records
    del records[5]
    await circle.publish(records)
    with pytest.raises(HistoryDamaged, match="fact 7 of team acme is out of place"):
        await Projections(circle.bus, circle.readmodel).run()
    assert await circle.readmodel.last_sequence("acme") == 5
    assert "the projections stop" in caplog.text


async def test_log_lines_are_found_as_soon_as_they_are_told(circle: Circle) -> None:
    chronicle = shop(Chronicle())
    await circle.publish(chronicle.records)
    value = printed("it starts", "it serves", app_id=chronicle.team.apps["shop"].id)
    async with circle.projecting():
        assert await circle.readmodel.wait_for_sequence("acme", len(chronicle.records), SOON)
        with circle.readmodel.changes.of_logs("acme", "shop") as signal:
            await circle.bus.publish([Outgoing(LOGS.name, "p.eu-1", value), Outgoing(LOGS.name, "p.eu-1", value)])
            while await circle.readmodel.last_line("acme", "shop") == 0:
                assert await signal.wait(SOON)
    assert [line.text for line in (await circle.readmodel.logs("acme", "shop")).items] == ["it starts", "it serves"]


async def test_the_bus_and_the_rows_agree_on_the_offsets(circle: Circle) -> None:
    chronicle = shop(Chronicle())
    promoted(chronicle, 1)
    await circle.publish(chronicle.records)
    async with circle.projecting():
        assert await circle.readmodel.wait_for_sequence("acme", len(chronicle.records), SOON)
    for partition, following in (await circle.readmodel.positions()).items():
        assert await circle.bus.end(HISTORY.name, partition) == following
    assert len(dump(circle.readmodel)["rm_history"]) == len(chronicle.records)
