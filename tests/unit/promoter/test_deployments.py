"""Deployments: claims, grants, leases, phases, retries, and what happens late."""

from __future__ import annotations

from tests.unit.promoter.story import A, B, C, Story, claimed, live_of, names, of, one, report, shop

from ownstack_contracts.jobs import PostdeployRequested, StackDeployRequested, StackJob
from ownstack_contracts.leases import JobClosed, JobGranted, LeaseLapsed, LeaseReturned
from ownstack_contracts.outcomes import StackDeployCancelled, StackDeployExpired
from ownstack_contracts.promotions import PromotionCancelRequested
from ownstack_contracts.reports import (
    PostdeployFailed,
    PostdeploySucceeded,
    ReleaseTaskStarted,
    ReleaseTaskSucceeded,
    StackDeployFailed,
    StackDeploySucceeded,
    StackObserved,
)
from ownstack_contracts.rollouts import (
    DeployFailed,
    DeployPartiallySucceeded,
    DeployRequested,
    DeploySucceeded,
    StackRetryRequested,
)


def _asked(story: Story, image: str = B, app: str = "shop") -> list[StackDeployRequested]:
    return of(StackDeployRequested, story.say(DeployRequested(app=app, image=image), id=f"d-{image[-3:]}"))


def test_a_request_carries_all_that_its_driver_needs() -> None:
    story = shop("eu-1")
    (request,) = _asked(story)
    assert (request.driver, request.generation, request.attempt, request.release) == ("noop", 1, 1, 1)
    assert request.waiting_until == story.now + 900_000
    assert request.running_deadline == 1_800


def test_only_one_run_is_granted_a_job_until_its_lease_lapses_and_the_next_is_uncertain() -> None:
    story = shop("eu-1")
    (request,) = _asked(story)
    run = story.claim(request)
    assert story.say(claimed(request, "other")) == []
    story.say(LeaseLapsed(**report(request, run)))
    grant = one(JobGranted, story.say(claimed(request, "other")))
    assert (grant.run, grant.uncertain, grant.release_task_done) == ("other", True, False)


def test_a_run_that_lapsed_is_never_granted_again() -> None:
    story = shop("eu-1")
    (request,) = _asked(story)
    run = story.claim(request)
    story.say(LeaseLapsed(**report(request, run)))
    assert story.say(claimed(request, run)) == []


def test_a_claim_that_is_repeated_by_the_holder_is_granted_again() -> None:
    story = shop("eu-1")
    (request,) = _asked(story)
    run = story.claim(request)
    assert story.claim(request, run) == run


def test_a_release_task_that_was_done_is_not_done_again_after_a_lapse() -> None:
    story = shop("eu-1")
    (request,) = _asked(story)
    run = story.claim(request)
    story.say(ReleaseTaskStarted(**report(request, run)))
    story.say(ReleaseTaskSucceeded(**report(request, run)))
    story.say(LeaseLapsed(**report(request, run)))
    assert one(JobGranted, story.say(claimed(request, "next"))).release_task_done


def test_a_lease_that_was_given_back_leaves_no_doubt() -> None:
    story = shop("eu-1")
    (request,) = _asked(story)
    run = story.claim(request)
    story.say(LeaseReturned(**report(request, run)))
    assert not one(JobGranted, story.say(claimed(request, "next"))).uncertain


def test_a_stack_whose_lease_was_given_back_has_not_begun_and_can_be_cancelled() -> None:
    story = shop("eu-1")
    (request,) = of(StackDeployRequested, story.promote("shop-staging", id="p1"))
    story.say(LeaseReturned(**report(request, story.claim(request))))
    assert one(StackDeployCancelled, story.say(PromotionCancelRequested(promotion="p1"))).stack == "eu-1"


def test_a_claim_for_a_job_that_is_over_is_told_so() -> None:
    story = shop("eu-1")
    (request,) = _asked(story)
    story.succeed(request)
    assert one(JobClosed, story.say(claimed(request, "late"))).job == request.job


def test_the_running_deadline_counts_from_the_first_grant_on_through_lapses() -> None:
    story = shop("eu-1")
    (request,) = _asked(story)
    first = story.say(claimed(request, "one"))
    story.say(LeaseLapsed(**report(request, "one")))
    story.wait(600)
    second = story.say(claimed(request, "two"))
    assert one(JobGranted, first).running_until == one(JobGranted, second).running_until


def test_past_the_waiting_deadline_the_deployment_expires() -> None:
    story = shop("eu-1")
    (request,) = _asked(story)
    facts = story.wait(900)
    assert names(facts) == ["StackDeployExpired", "JobClosed", "DeployFailed"]
    assert one(DeployFailed, facts).results[0].code == "waiting-deadline"
    assert one(JobClosed, story.say(claimed(request, "late")))


def test_past_the_running_deadline_nothing_is_granted_and_the_late_outcome_is_only_observed() -> None:
    story = shop("eu-1", "us-1")
    eu, us = _asked(story)
    run = story.claim(eu)
    story.succeed(us)
    facts = story.wait(1_800)
    assert one(StackDeployExpired, facts).deadline == "running"
    late = story.say(StackDeploySucceeded(**report(eu, run), live=live_of(eu)))
    assert names(late) == ["StackObserved"]
    assert story.team.apps["shop"].live["eu-1"].image == B
    assert not story.team.grants


def test_a_late_failure_only_frees_the_place() -> None:
    story = shop("eu-1")
    (request,) = _asked(story)
    run = story.claim(request)
    story.wait(1_800)
    failed = StackDeployFailed(**report(request, run), phase="restart", code="exit-1", message="no")
    assert names(story.say(failed)) == ["LeaseReturned"]


def test_reports_of_a_run_without_a_grant_change_nothing() -> None:
    story = shop("eu-1")
    (request,) = _asked(story)
    assert story.say(ReleaseTaskStarted(**report(request, "stranger"))) == []
    assert story.say(StackDeployFailed(**report(request, "stranger"), phase="restart", code="x", message="")) == []


def test_a_report_that_comes_twice_is_admitted_once() -> None:
    story = shop("eu-1")
    (request,) = _asked(story)
    run = story.claim(request)
    done = ReleaseTaskSucceeded(**report(request, run))
    assert (names(story.say(done)), names(story.say(done))) == (["ReleaseTaskSucceeded"], [])


def test_a_failed_stack_is_retried_with_a_new_attempt_and_generation() -> None:
    story = shop("eu-1", "us-1")
    eu, us = _asked(story)
    story.fail(eu)
    story.finish(story.succeed(us))
    facts = story.say(StackRetryRequested(app="shop", stack="eu-1"))
    retry = one(StackDeployRequested, facts)
    assert (retry.attempt, retry.generation, retry.deployment) == (2, 2, eu.deployment)
    followed = story.finish(story.succeed(retry))
    assert not of(DeploySucceeded, followed)
    assert story.team.apps["shop"].live["eu-1"].image == B
    assert story.team.apps["shop"].active is None


def test_a_retry_during_its_own_rollout_joins_it() -> None:
    story = shop("eu-1", "us-1")
    eu, us = _asked(story)
    story.fail(eu)
    (retry,) = of(StackDeployRequested, story.say(StackRetryRequested(app="shop", stack="eu-1")))
    assert not of(DeployPartiallySucceeded, story.succeed(us))
    end = one(DeploySucceeded, story.finish(story.succeed(retry)))
    assert [r.outcome for r in end.results] == ["succeeded", "succeeded"]


def test_retrying_is_refused_when_there_is_nothing_to_retry_or_it_is_outdated() -> None:
    story = shop("eu-1", "us-1")
    assert story.refused(StackRetryRequested(app="shop", stack="eu-1")) == "nothing-to-retry"
    eu, us = _asked(story)
    assert story.refused(StackRetryRequested(app="shop", stack="eu-1")) == "still-running"
    story.fail(eu)
    story.finish(story.succeed(us))
    assert story.refused(StackRetryRequested(app="shop", stack="us-1")) == "nothing-to-retry"
    story.finish(story.say(DeployRequested(app="shop", image=C, stacks=("us-1",))))
    assert story.refused(StackRetryRequested(app="shop", stack="eu-1")) == "retry-outdated"
    assert story.refused(StackRetryRequested(app="shop", postdeploy=True)) == "nothing-to-retry"


def test_a_script_that_failed_is_run_again_when_a_person_says_so() -> None:
    story = shop("eu-1")
    script = one(PostdeployRequested, story.succeed(_asked(story)[0]))
    run = story.claim(script)
    story.say(PostdeployFailed(**report(script, run), code="exit-1", message="no"))
    again = one(PostdeployRequested, story.say(StackRetryRequested(app="shop", postdeploy=True)))
    assert again.attempt == 2
    facts = story.say(PostdeploySucceeded(**report(again, story.claim(again))))
    assert names(facts) == ["PostdeploySucceeded"]
    assert story.team.apps["shop"].active is None


def test_a_script_is_not_granted_to_another_run_after_a_lapse() -> None:
    story = shop("eu-1")
    script = one(PostdeployRequested, story.succeed(_asked(story)[0]))
    run = story.claim(script)
    story.say(LeaseLapsed(**report(script, run)))
    assert names(story.say(claimed(script, "other"))) == ["JobClosed"]


def test_what_a_run_saw_after_a_newer_deployment_never_overrides_it() -> None:
    story = shop("eu-1")
    (old,) = _asked(story)
    run = story.claim(old)
    story.wait(1_800)
    story.say(LeaseLapsed(**report(old, run)))
    (new,) = _asked(story, C)
    story.succeed(new)
    late: StackJob = old
    story.say(StackObserved(**report(late, run), live=live_of(old)))
    assert story.team.apps["shop"].live["eu-1"].image == C


def test_an_image_deployed_twice_is_one_more_release_but_unchanged() -> None:
    story = shop("eu-1")
    story.deployed("shop", A)
    facts = story.say(DeployRequested(app="shop", image=A))
    assert names(facts)[-2:] == ["StackDeployUnchanged", "DeploySucceeded"]
