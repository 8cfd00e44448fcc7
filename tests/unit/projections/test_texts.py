"""What people and programs say is shown as they said it, whatever characters they use, alone or among many."""

from __future__ import annotations

import pytest
from tests.bench.histories import Chronicle
from tests.unit.projections.asking import ONE, about, asked, command_of, deployment_of
from tests.unit.projections.house import House, dump

from ownstack_contracts.reports import ReleaseTaskStarted, StackDeployFailed
from ownstack_contracts.rollouts import DeployRequested
from ownstack_projections import copying
from ownstack_readmodel import ReadModel

ODD = "It said \0 and \uffff0, \x1b[31mred\x1b[0m, \\N, \t, \r\n and 😀."


@pytest.fixture(params=["few", "many"])
def rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way in which rows are written depends on how many they are."""
    if request.param == "many":
        monkeypatch.setattr(copying, "MANY", 1)


@pytest.mark.usefixtures("rows")
async def test_odd_texts_are_shown_as_they_are(house: House, chronicle: Chronicle) -> None:
    request = asked(chronicle.say(DeployRequested(app="shop", image=ONE), id="d", actor=ODD), "eu-1")
    run = chronicle.claim(request)
    chronicle.say(ReleaseTaskStarted(**about(request, run)))
    failed = {"phase": "release-task", "code": "exit-1", "message": ODD}
    chronicle.say(StackDeployFailed(**about(request, run), **failed))
    await house.take(chronicle.records)
    assert (await deployment_of(house, "d.eu-1")).message == ODD
    assert (await command_of(house, "d")).actor == ODD
    facts = await house.readmodel.facts_after("acme", 0, 1_000)
    assert [fact.record for fact in facts] == [record.value for record in chronicle.records]
    assert ODD in {fact.actor for fact in facts}


@pytest.mark.usefixtures("rows")
async def test_they_are_the_same_when_they_are_looked_up_again(house: House, chronicle: Chronicle) -> None:
    chronicle.say(DeployRequested(app="shop", image=ONE), id="d", actor=ODD)
    await house.take(chronicle.records)
    before = dump(house.readmodel, but=("rm_positions",))
    await house.restart()
    with house.sink.rows.reading():
        row = house.sink.rows.rollouts.find("acme", "d")
    assert row is not None
    assert row.requester == ODD
    house.sink.rows.rollouts.put(row)
    _flush(house.readmodel, house)
    assert dump(house.readmodel, but=("rm_positions",)) == before


def _flush(readmodel: ReadModel, house: House) -> None:
    with readmodel.writing() as connection:
        house.sink.rows.flush(connection)
