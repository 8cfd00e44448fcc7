"""A roll back is a new release with an older image; what release tasks have done since, it does not undo."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.promoter.story import A, B, C, Story, claimed, names, of, one, report

from ownstack_contracts.apps import AppSettingsChanged, LookRequested, ReleaseCreated
from ownstack_contracts.jobs import Live, StackDeployRequested, StackLookRequested
from ownstack_contracts.leases import JobGranted, LeaseLapsed
from ownstack_contracts.outcomes import StackDeployCancelled
from ownstack_contracts.reports import ReleaseTaskStarted, ReleaseTaskSucceeded, StackDeployFailed, StackDeploySucceeded
from ownstack_contracts.rollouts import (
    DeployCancelled,
    DeployOpened,
    DeployRequested,
    DeploySucceeded,
    ReleaseTaskRun,
    RollbackRequested,
    RolloutQueued,
    StackRetryRequested,
)
from ownstack_promoter.domain import Moment, Refused, decide


def blog(*images: str) -> Story:
    """An app on two stacks, on which these images were deployed one after another."""
    story = Story()
    story.app("blog", "eu-1", "us-1")
    for image in images:
        story.deployed("blog", image)
    return story


def acknowledged(**more: object) -> RollbackRequested:
    """Somebody knows that migrations have run."""
    return RollbackRequested(app="blog", acknowledge_migrations=True, **more)  # type: ignore[arg-type]


def test_the_release_that_was_live_before_is_released_again() -> None:
    story = blog(A, B)
    facts = story.finish(story.say(acknowledged(), id="b1"))
    opened, release = one(DeployOpened, facts), one(ReleaseCreated, facts)
    assert (opened.rolled_back_to, opened.image) == (1, A)
    assert (release.release, release.origin, release.image) == (3, "rollback", A)
    assert one(DeploySucceeded, facts).release == 3


def test_release_tasks_that_have_run_since_are_named_and_want_to_be_acknowledged() -> None:
    story = blog(A, B, C)
    moment = Moment(story.now, "b1", "token:ann")
    with pytest.raises(Refused, match=r"v2 on eu-1, v2 on us-1, v3 on eu-1, v3 on us-1") as refused:
        decide(story.team, RollbackRequested(app="blog", release=1), moment)
    assert refused.value.code == "migrations-not-acknowledged"
    assert str(refused.value.hint) == "ownstack rollback blog --to v1 --acknowledge-migrations"
    opened = one(DeployOpened, story.say(acknowledged(release=1)))
    assert ReleaseTaskRun(release=3, stack="us-1", succeeded=True) in opened.release_tasks
    assert len(opened.release_tasks) == 4


def test_without_release_tasks_nothing_has_to_be_acknowledged() -> None:
    story = blog(A)
    for request in of(StackDeployRequested, story.say(DeployRequested(app="blog", image=B))):
        about = report(request, story.claim(request))
        story.say(ReleaseTaskStarted(**about))
        story.say(ReleaseTaskSucceeded(**about, ran=False))
        live = Live(image=B, generation=request.generation, deployment=request.deployment, release=2, team="acme")
        story.finish(story.say(StackDeploySucceeded(**about, live=live)))
    assert one(DeployOpened, story.say(RollbackRequested(app="blog"))).release_tasks == ()


@pytest.mark.parametrize(("began", "named"), [(True, 1), (False, 0)])
def test_a_release_task_counts_if_it_began(began: bool, named: int) -> None:
    story = blog(A)
    request, other = of(StackDeployRequested, story.say(DeployRequested(app="blog", image=B)))
    about = report(request, story.claim(request))
    story.say(ReleaseTaskStarted(**about))
    failed = StackDeployFailed(
        **about, phase="release-task", code="image-not-pullable", message="No.", release_task_began=began
    )
    story.say(failed)
    story.say(StackDeployFailed(**report(other, story.claim(other)), phase="look", code="odd", message="No."))
    opened = one(DeployOpened, story.say(acknowledged(release=1)))
    assert [(t.release, t.succeeded) for t in opened.release_tasks] == [(2, False)] * named


def test_what_never_was_live_is_not_gone_back_to_by_itself() -> None:
    story = blog(A, B)
    for request in of(StackDeployRequested, story.say(DeployRequested(app="blog", image=C))):
        story.fail(request)
    story.finish(story.say(DeployRequested(app="blog", image=B)))
    assert one(DeployOpened, story.say(acknowledged())).image == A


def test_what_was_found_can_be_gone_back_to() -> None:
    story = Story()
    story.app("blog", "eu-1")
    (look,) = of(StackLookRequested, story.say(LookRequested(app="blog")))
    story.answer_look(look, Live(image=A))
    story.deployed("blog", B)
    assert one(DeployOpened, story.say(acknowledged())).rolled_back_to == 1


def test_there_has_to_be_something_to_go_back_to() -> None:
    story = blog(A)
    assert story.refused(RollbackRequested(app="blog")) == "nothing-to-roll-back-to"
    assert story.refused(RollbackRequested(app="blog", release=9)) == "release-unknown"
    assert story.refused(RollbackRequested(app="nobody")) == "app-unknown"


def test_what_waits_is_cancelled() -> None:
    story = blog(A, B)
    (eu, us) = of(StackDeployRequested, story.say(DeployRequested(app="blog", image=C), id="d1"))
    story.claim(eu)
    story.claim(us)
    story.say(DeployRequested(app="blog", image=A), id="d2")
    facts = story.say(acknowledged(release=1), id="b1")
    assert one(DeployCancelled, facts).rollout == "d2"
    assert one(RolloutQueued, facts).behind == "d1"


def test_stacks_that_have_not_begun_are_cancelled_and_those_that_have_are_waited_for() -> None:
    story = blog(A, B)
    eu, us = of(StackDeployRequested, story.say(DeployRequested(app="blog", image=C), id="d1"))
    run = story.claim(eu)
    facts = story.say(acknowledged(release=1), id="b1")
    assert [f.stack for f in of(StackDeployCancelled, facts)] == [us.stack]
    assert one(RolloutQueued, facts).behind == "d1"
    ended = story.finish(story.succeed_as(eu, run))
    assert one(DeployCancelled, ended).rollout == "d1"
    assert one(DeploySucceeded, ended).rollout == "b1"
    assert {h.image for h in story.team.apps["blog"].live.values()} == {A}


def test_where_nothing_has_begun_it_starts_at_once() -> None:
    story = blog(A, B)
    story.say(DeployRequested(app="blog", image=C), id="d1")
    facts = story.say(acknowledged(release=1), id="b1")
    assert one(DeployCancelled, facts).rollout == "d1"
    assert "RolloutStarted" in names(facts)
    assert one(DeploySucceeded, story.finish(facts)).rollout == "b1"


def retried() -> tuple[Story, dict[str, Any]]:
    """B has run its release task on eu-1, and did not come up there. What a run of the next attempt says of itself."""
    story = blog(A)
    eu, us = of(StackDeployRequested, story.say(DeployRequested(app="blog", image=B)))
    about = report(eu, story.claim(eu))
    story.say(ReleaseTaskStarted(**about))
    story.say(ReleaseTaskSucceeded(**about))
    story.say(StackDeployFailed(**about, phase="restart", code="unhealthy", message="No."))
    story.say(StackDeployFailed(**report(us, story.claim(us)), phase="look", code="odd", message="No."))
    again = one(StackDeployRequested, story.say(StackRetryRequested(app="blog", stack="eu-1")))
    about = report(again, story.claim(again))
    return story, about


def test_what_an_earlier_attempt_has_run_stays_known_when_a_later_one_runs_nothing() -> None:
    story, about = retried()
    story.say(ReleaseTaskStarted(**about))
    story.say(
        StackDeployFailed(**about, phase="release-task", code="unreachable", message="No.", release_task_began=False)
    )
    opened = one(DeployOpened, story.say(acknowledged(release=1)))
    assert opened.release_tasks == (ReleaseTaskRun(release=2, stack="eu-1", succeeded=True),)


def test_a_grant_after_a_lost_run_says_that_its_release_task_had_begun() -> None:
    story = blog(A)
    eu, _ = of(StackDeployRequested, story.say(DeployRequested(app="blog", image=B)))
    run = story.claim(eu)
    story.say(ReleaseTaskStarted(**report(eu, run)))
    story.say(LeaseLapsed(**report(eu, run)))
    grant = one(JobGranted, story.say(claimed(eu, "another")))
    assert (grant.uncertain, grant.release_task_began, grant.release_task_done) == (True, True, False)


def test_a_second_one_goes_further_back_and_not_to_what_the_first_has_left() -> None:
    story = blog(A, B, C)
    story.finish(story.say(acknowledged(), id="b1"))
    assert one(DeployOpened, story.finish(story.say(acknowledged(), id="b2"))).rolled_back_to == 1
    assert story.refused(acknowledged()) == "nothing-to-roll-back-to"


def test_what_is_being_deployed_is_undone_and_its_tasks_may_yet_run() -> None:
    story = blog(A, B)
    eu, us = of(StackDeployRequested, story.say(DeployRequested(app="blog", image=C), id="d1"))
    story.claim(eu)
    story.claim(us)
    assert story.refused(RollbackRequested(app="blog")) == "migrations-not-acknowledged"
    opened = one(DeployOpened, story.say(acknowledged()))
    assert (opened.rolled_back_to, [t.stack for t in opened.release_tasks]) == (2, ["eu-1", "us-1"])


def test_what_somebody_deployed_past_us_may_have_run_a_release_task_too() -> None:
    story = blog(A)
    looks = of(StackLookRequested, story.say(LookRequested(app="blog")))
    for look in looks:
        story.answer_look(look, Live(image=B))
    assert story.refused(RollbackRequested(app="blog")) == "migrations-not-acknowledged"
    opened = one(DeployOpened, story.say(acknowledged()))
    assert opened.release_tasks == (ReleaseTaskRun(release=2, stack="eu-1", succeeded=False),)


def test_what_it_says_to_do_is_about_the_stacks_that_were_meant() -> None:
    story = blog(A, B)
    with pytest.raises(Refused) as refused:
        decide(story.team, RollbackRequested(app="blog", stacks=("us-1",)), Moment(story.now, "b1", "token:ann"))
    assert str(refused.value.hint) == "ownstack rollback blog --to v1 --stack us-1 --acknowledge-migrations"


def test_after_one_and_a_new_deployment_it_goes_to_what_was_live_in_between() -> None:
    story = blog(A, B)
    story.finish(story.say(acknowledged(), id="b1"))
    story.deployed("blog", C)
    assert one(DeployOpened, story.say(acknowledged(), id="b2")).image == A


def test_what_is_deployed_elsewhere_is_not_what_is_undone_here() -> None:
    story = blog(A, B)
    (eu,) = of(StackDeployRequested, story.say(DeployRequested(app="blog", image=C, stacks=("eu-1",))))
    story.claim(eu)
    assert one(DeployOpened, story.say(acknowledged(stacks=("us-1",)))).rolled_back_to == 1


def test_a_retry_that_fails_before_its_task_forgets_nothing() -> None:
    story, about = retried()
    late = StackDeployFailed(
        **about, phase="release-task", code="running-deadline", message="No.", release_task_began=False
    )
    story.say(late)
    assert story.refused(RollbackRequested(app="blog", release=1)) == "migrations-not-acknowledged"


def test_those_that_wait_for_the_first_stack_are_cancelled_with_it() -> None:
    story = blog(A, B)
    story.say(AppSettingsChanged(app="blog", release_task="first-stack"))
    (eu,) = of(StackDeployRequested, story.say(DeployRequested(app="blog", image=C), id="d1"))
    run = story.claim(eu)
    story.say(acknowledged(release=1), id="b1")
    assert one(DeployCancelled, story.finish(story.succeed_as(eu, run))).rollout == "d1"
