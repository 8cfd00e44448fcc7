"""What is known to hold a release is looked at before it counts as unchanged, beside stacks that are deployed."""

from __future__ import annotations

from tests.unit.promoter.story import A, B, Story, known_live, live_of, of, one, report

from ownstack_contracts.apps import AppSettingsChanged, LookRequested
from ownstack_contracts.jobs import Live, StackDeployRequested, StackLookRequested
from ownstack_contracts.message import Message
from ownstack_contracts.outcomes import StackDeploySkipped
from ownstack_contracts.reports import StackDeployFailed, StackDeploySucceeded, StackObserved
from ownstack_contracts.rollouts import DeployRequested, DeploySucceeded, StackRetryRequested
from ownstack_contracts.stacks import StackAdded, StackChanged


def first_stack() -> tuple[Story, dict[str, StackDeployRequested]]:
    """B is deployed on three stacks with first-stack: p is known to hold it, n-1 runs the task, n-2 waits."""
    story = Story()
    story.say(StackAdded(stack="p", driver="program", address="/p"))
    story.app("blog", "p", "n-1", "n-2")
    story.deployed("blog", A)
    story.say(AppSettingsChanged(app="blog", release_task="first-stack"))
    story.finish(story.say(DeployRequested(app="blog", image=B, stacks=("p",))))
    return story, asked(story.say(DeployRequested(app="blog", image=B), id="d3"))


def asked(facts: list[Message]) -> dict[str, StackDeployRequested]:
    """What was asked of which stack."""
    return {request.stack: request for request in of(StackDeployRequested, facts)}


def test_one_that_turns_out_to_be_changed_stands_for_no_release_task() -> None:
    story, requests = first_stack()
    assert {s: (r.unless_live, r.release_task) for s, r in requests.items()} == {
        "p": (True, False),
        "n-1": (False, True),
    }
    drifted = report(requests["p"], story.claim(requests["p"]))
    assert asked(story.say(StackDeploySucceeded(**drifted, live=live_of(requests["p"])))) == {}
    story.fail(requests["n-1"])
    again = one(StackDeployRequested, story.say(StackRetryRequested(app="blog", stack="n-1")))
    assert again.release_task


def test_one_that_cannot_be_looked_at_takes_nothing_from_those_that_wait_for_the_task() -> None:
    story, requests = first_stack()
    about = report(requests["p"], story.claim(requests["p"]))
    facts = story.say(StackDeployFailed(**about, phase="look", code="unreachable", message="It is off."))
    assert of(StackDeploySkipped, facts) == []
    assert set(asked(story.succeed(requests["n-1"]))) == {"n-2"}


def test_one_that_nobody_looks_at_does_neither() -> None:
    story, requests = first_stack()
    run = story.claim(requests["n-1"])
    assert of(StackDeploySkipped, story.wait(901)) == []
    assert set(asked(story.succeed_as(requests["n-1"], run))) == {"n-2"}


def test_a_run_that_was_not_asked_whether_it_is_unchanged_has_deployed() -> None:
    story = Story()
    story.app("blog", "eu-1")
    request = one(StackDeployRequested, story.say(DeployRequested(app="blog", image=A)))
    about = report(request, story.claim(request))
    facts = story.say(StackDeploySucceeded(**about, live=live_of(request), unchanged=True))
    assert not one(StackDeploySucceeded, facts).unchanged
    assert one(DeploySucceeded, story.finish(facts)).results[0].outcome == "succeeded"


def test_whoever_ends_while_it_holds_the_place_saw_it_last() -> None:
    story = Story()
    story.say(StackAdded(stack="p", driver="program", address="/p"))
    story.app("blog", "p")
    story.deployed("blog", A)
    request = one(StackDeployRequested, story.say(DeployRequested(app="blog", image=A), id="d2"))
    story.answer_look(one(StackLookRequested, story.say(LookRequested(app="blog"))), Live(image=B))
    about = report(request, story.claim(request))
    story.say(StackDeploySucceeded(**about, live=Live(image=A), unchanged=True))
    assert story.team.apps["blog"].live["p"].image == A


def test_a_sight_of_the_server_that_a_stack_has_left_is_none_of_it() -> None:
    story = Story()
    story.say(StackAdded(stack="p", driver="program", address="/old"))
    story.app("blog", "p")
    story.deployed("blog", B)
    old = one(StackLookRequested, story.say(LookRequested(app="blog")))
    run, there = story.claim(old), known_live(story.team, "blog", "p")
    new = one(StackLookRequested, story.say(StackChanged(stack="p", address="/new")))
    story.say(StackObserved(**report(old, run), live=there))
    story.answer_look(new, None)
    assert story.team.apps["blog"].live == {}
