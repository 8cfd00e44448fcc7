"""What a promoter counts: what it decided on and what came of it, and not what a restore reads again."""

from __future__ import annotations

from tests.unit.promoter.owner import Owned
from tests.unit.promoter.story import A, one

from ownstack_contracts.apps import AppCreated
from ownstack_contracts.envelope import encode
from ownstack_contracts.jobs import StackDeployRequested
from ownstack_contracts.leases import Heartbeat, JobClaimed
from ownstack_contracts.rollouts import DeployRequested
from ownstack_contracts.stacks import StackAdded
from ownstack_contracts.teams import TeamCreated
from ownstack_contracts.topics import COMMANDS
from ownstack_promoter.tally import Tally


def deploying(owned: Owned) -> None:
    """A team whose app is granted to a run."""
    owned.say(TeamCreated())
    owned.say(StackAdded(stack="eu-1", driver="noop"))
    owned.say(AppCreated(app="shop", stacks=("eu-1",)))
    request = one(StackDeployRequested, owned.say(DeployRequested(app="shop", image=A), id="d1"))
    owned.say(JobClaimed(job=request.job, run="0" * 32, app=request.app, stack=request.stack))


def test_inputs_facts_and_grants_are_counted_by_type() -> None:
    owned = Owned()
    deploying(owned)
    tally = owned.tally
    assert tally.inputs == {"TeamCreated": 1, "StackAdded": 1, "AppCreated": 1, "DeployRequested": 1, "JobClaimed": 1}
    assert tally.facts["StackDeployRequested"] == tally.facts["JobGranted"] == tally.grants == 1
    assert sum(tally.facts.values()) == len(owned.history())
    assert (tally.refusals, tally.dead_letters, tally.forwarded, tally.lapsed) == ({}, {}, 0, 0)


def test_refusals_are_counted_by_code_and_an_answer_given_before_is_not() -> None:
    owned = Owned()
    owned.say(TeamCreated(), id="one")
    owned.say(TeamCreated(), id="two")
    owned.say(TeamCreated(), id="two")
    assert owned.tally.refusals == {"team-exists": 1}
    assert owned.tally.facts == {"TeamCreated": 1, "CommandRejected": 1}


def test_dead_letters_and_what_is_sent_on_are_counted() -> None:
    owned = Owned()
    owned.handle(owned.raw(COMMANDS.name, b"hello"))
    owned.handle(owned.raw(COMMANDS.name, encode(TeamCreated(), source="/p", team="gamma"), "gamma"))
    assert owned.tally.inputs == {"unreadable": 1}
    assert owned.tally.dead_letters == {"not-json": 1}
    assert owned.tally.forwarded == 1


def test_a_lease_that_lapses_is_counted_and_heartbeats_are_inputs() -> None:
    owned = Owned()
    deploying(owned)
    owned.say(Heartbeat(runs=("0" * 32,)))
    owned.lists.now += 16_000
    owned.wake()
    assert owned.tally.inputs["Heartbeat"] == 1
    assert owned.tally.lapsed == owned.tally.inputs["LeaseLapsed"] == 1


async def test_a_restore_counts_nothing() -> None:
    owned = Owned()
    deploying(owned)
    await owned.restart()
    assert owned.tally == Tally()
