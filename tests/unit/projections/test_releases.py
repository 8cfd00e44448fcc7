"""What is shown of one release, and of roll backs."""

from __future__ import annotations

from tests.bench.histories import Chronicle, promoted
from tests.unit.projections.asking import ONE, TWO, app_of, asked, command_of, fails_on, rollout_of
from tests.unit.projections.house import House

from ownstack_contracts.rollouts import DeployRequested, RollbackRequested, StackRetryRequested
from ownstack_readmodel.views import ReleaseDetailView


async def release_of(house: House, number: int) -> ReleaseDetailView:
    view = await house.readmodel.release("acme", "shop", number)
    assert view is not None
    return view


async def test_a_release_shows_what_became_of_it_on_each_stack(house: House, chronicle: Chronicle) -> None:
    fails_on(chronicle, "eu-2", chronicle.say(DeployRequested(app="shop", image=ONE), id="d"))
    await house.take(chronicle.records)
    release = await release_of(house, 1)
    assert (release.number, release.image, release.origin, release.rollout) == (1, ONE, "deploy", "d")
    assert (release.rolled_back_to, release.live_on) == (None, ["eu-1", "eu-3"])
    assert [(d.stack, d.deployment, d.state, d.attempt, d.code, d.message) for d in release.deployments] == [
        ("eu-1", "d.eu-1", "succeeded", 1, None, None),
        ("eu-2", "d.eu-2", "failed", 1, "exit-1", "It exited with 1."),
        ("eu-3", "d.eu-3", "succeeded", 1, None, None),
    ]
    assert all(d.started_at is not None and d.ended_at is not None for d in release.deployments)
    chronicle.play(chronicle.say(StackRetryRequested(app="shop", stack="eu-2")))
    await house.take(chronicle.records)
    release = await release_of(house, 1)
    assert [(d.state, d.attempt) for d in release.deployments] == [("succeeded", 1), ("succeeded", 2), ("succeeded", 1)]


async def test_a_release_that_there_is_not_is_unknown(house: House, chronicle: Chronicle) -> None:
    promoted(chronicle, 1)
    await house.take(chronicle.records)
    assert await house.readmodel.release("acme", "shop", 2) is None
    assert await house.readmodel.release("acme", "nothing", 1) is None
    assert await house.readmodel.release("beta", "shop", 1) is None


async def test_a_roll_back_says_to_what_and_which_release_tasks_have_run_since(
    house: House, chronicle: Chronicle
) -> None:
    promoted(chronicle, 1)
    chronicle.play(chronicle.say(DeployRequested(app="shop", image=TWO, stacks=("eu-1",))))
    chronicle.play(chronicle.say(RollbackRequested(app="shop", release=1, acknowledge_migrations=True), id="back"))
    await house.take(chronicle.records)
    rollout = await rollout_of(house, "back")
    assert (rollout.kind, rollout.status, rollout.release, rollout.image) == ("deploy", "succeeded", 3, ONE)
    assert rollout.rolled_back_to == 1
    assert [task.model_dump() for task in rollout.release_tasks] == [{"release": 2, "stack": "eu-1", "succeeded": True}]
    assert (await command_of(house, "back")).rollout == "back"
    release = await release_of(house, 3)
    assert (release.origin, release.rolled_back_to) == ("rollback", 1)
    assert {(d.stack, d.state) for d in release.deployments} == {
        ("eu-1", "succeeded"),
        ("eu-2", "unchanged"),
        ("eu-3", "unchanged"),
    }
    plain = await rollout_of(house, "promote-1")
    assert (plain.rolled_back_to, plain.release_tasks) == (None, [])


async def test_a_roll_back_takes_the_place_of_what_has_not_started(house: House, chronicle: Chronicle) -> None:
    promoted(chronicle, 1)
    begun = asked(chronicle.say(DeployRequested(app="shop", image=TWO), id="d"), "eu-1")
    chronicle.claim(begun)
    chronicle.say(DeployRequested(app="shop", image=ONE), id="waits")
    chronicle.say(RollbackRequested(app="shop", release=1, acknowledge_migrations=True), id="back")
    await house.take(chronicle.records)
    assert (await rollout_of(house, "waits")).status == "cancelled"
    assert [stack.state for stack in (await rollout_of(house, "d")).stacks] == ["granted", "cancelled", "cancelled"]
    app = await app_of(house)
    assert (app.rollout, app.queue) == ("d", ["back"])
