"""What a projection keeps in memory: what is open, and not more with time."""

from __future__ import annotations

import pytest
from tests.bench.histories import Chronicle, image, promoted
from tests.unit.projections.asking import config_set
from tests.unit.projections.house import House, dump, empty

from ownstack_contracts.rollouts import DeployRequested
from ownstack_projections import store, tables


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


async def test_of_scopes_of_variables_few_are_kept_since_they_are_large(
    house: House, chronicle: Chronicle, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        for stack in (None, "eu-1", "eu-2", "eu-3"):
            chronicle.say(config_set(chronicle, "shop", URL=f"{number}").model_copy(update={"stack": stack}))
    await house.take(chronicle.records, batch=5)
    unlimited = dump(house.readmodel)
    assert len(house.sink.rows.configs) == 4
    monkeypatch.setattr(tables, "CONFIGS_KEPT", 1)
    small = House(house.readmodel)
    empty(house.readmodel)
    await small.take(chronicle.records, batch=5)
    assert len(small.sink.rows.configs) <= 1
    assert dump(house.readmodel) == unlimited
