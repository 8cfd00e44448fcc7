"""What a projection keeps in memory: what is open, and not more with time."""

from __future__ import annotations

import pytest
from tests.bench.histories import Chronicle, image, promoted
from tests.unit.projections.house import House, dump

from ownstack_contracts.rollouts import DeployRequested
from ownstack_projections import store


async def test_rollouts_that_have_ended_leave_the_memory(house: House, chronicle: Chronicle) -> None:
    promoted(chronicle, 1)
    await house.take(chronicle.records)
    rows = house.sink.rows
    kept = [rows.rollouts, rows.progress, rows.deployments, rows.attempts, rows.postdeploys, rows.commands]
    assert [len(of_table) for of_table in kept] == [0, 0, 0, 0, 0, 0]
    chronicle.say(DeployRequested(app="shop", image=image(2)))
    await house.take(chronicle.records)
    assert [len(of_table) for of_table in kept] == [1, 1, 0, 3, 0, 0]


async def test_the_rest_is_kept_up_to_a_limit_and_found_again(
    house: House, chronicle: Chronicle, monkeypatch: pytest.MonkeyPatch
) -> None:
    promoted(chronicle, 1)
    promoted(chronicle, 2)
    await house.take(chronicle.records, batch=5)
    unlimited = dump(house.readmodel)
    assert max(len(house.sink.rows.app_stacks), len(house.sink.rows.stacks)) == 4
    monkeypatch.setattr(store, "KEPT", 2)
    small = House(house.readmodel)
    with house.readmodel.writing() as connection:
        for table in reversed(list(unlimited)):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    await small.take(chronicle.records, batch=5)
    assert dump(house.readmodel) == unlimited
    assert len(small.sink.rows.app_stacks) <= 2
