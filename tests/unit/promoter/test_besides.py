"""Commands run beside an app: at once, and once ever."""

from __future__ import annotations

from tests.unit.promoter.story import A, Story, claimed, names, of, one, report

from ownstack_contracts.apps import AppDestroyed
from ownstack_contracts.jobs import StackDeployRequested, StackRunRequested
from ownstack_contracts.leases import JobClosed, JobGranted, LeaseLapsed, LeaseReturned
from ownstack_contracts.outcomes import JobExpired
from ownstack_contracts.reports import StackRunEnded, StackRunFailed
from ownstack_contracts.rollouts import DeployRequested, RunRequested


def asked(story: Story) -> StackRunRequested:
    """A command beside the app."""
    return one(StackRunRequested, story.say(RunRequested(app="shop", stack="eu-1", command=("rake", "-T")), id="x1"))


def new() -> Story:
    """A team with an app on a stack."""
    story = Story()
    story.app("shop", "eu-1")
    return story


def test_a_command_runs_and_its_exit_code_is_known() -> None:
    story = new()
    request = asked(story)
    assert (request.job, request.command) == ("x1#run", ("rake", "-T"))
    ended = story.say(StackRunEnded(**report(request, story.claim(request)), exit_code=3, lines=7))
    assert one(StackRunEnded, ended).exit_code == 3
    assert (story.team.jobs, story.team.grants) == ({}, {})


def test_it_waits_for_no_deployment_and_none_waits_for_it() -> None:
    story = new()
    deploy = one(StackDeployRequested, story.say(DeployRequested(app="shop", image=A)))
    story.claim(deploy)
    command = asked(story)
    story.claim(command)
    assert len(story.team.grants) == 2


def test_one_that_is_lost_is_not_run_again() -> None:
    story = new()
    request = asked(story)
    run = story.claim(request)
    facts = story.say(LeaseLapsed(**report(request, run)))
    assert names(facts) == ["LeaseLapsed", "StackRunUnknown", "JobClosed"]
    assert names(story.say(claimed(request, "another"))) == ["JobClosed"]
    assert names(story.say(StackRunEnded(**report(request, run), exit_code=0, lines=0))) == []


def test_one_that_was_not_begun_is_granted_again() -> None:
    story = new()
    request = asked(story)
    story.say(LeaseReturned(**report(request, story.claim(request))))
    assert of(JobGranted, story.say(claimed(request, "another")))


def test_one_that_nobody_takes_expires() -> None:
    story = new()
    asked(story)
    facts = story.wait(900)
    assert (one(JobExpired, facts).deadline, story.team.jobs) == ("waiting", {})


def test_one_that_does_not_come_about_is_said_so() -> None:
    story = new()
    request = asked(story)
    failed = StackRunFailed(**report(request, story.claim(request)), code="unreachable", message="It is off.")
    assert names(story.say(failed)) == ["StackRunFailed"]
    assert story.team.jobs == {}


def test_it_has_to_be_on_a_stack_of_the_app() -> None:
    story = new()
    assert story.refused(RunRequested(app="shop", stack="us-1", command=("true",))) == "stack-not-of-app"
    assert story.refused(RunRequested(app="nobody", stack="eu-1", command=("true",))) == "app-unknown"


def test_one_that_has_not_begun_when_its_app_goes_never_begins() -> None:
    story = new()
    request = asked(story)
    facts = story.say(AppDestroyed(app="shop"))
    assert [(f.job, f.reason) for f in of(JobClosed, facts)] == [(request.job, "cancelled")]
    assert names(story.say(claimed(request, "r9"))) == ["JobClosed"]


def test_one_that_has_begun_is_not_stopped_by_that() -> None:
    story = new()
    request = asked(story)
    run = story.claim(request)
    story.say(AppDestroyed(app="shop"))
    ended = story.say(StackRunEnded(**report(request, run), exit_code=0, lines=0))
    assert names(ended) == ["StackRunEnded"]
