"""What config, images and review apps do to each other, and to a rollout that is under way: found by chance."""

from __future__ import annotations

from tests.unit.promoter.owner import Owned, facts_of
from tests.unit.promoter.story import A, B, C, Story, claimed, names, of, one, sealed, shop

from ownstack_contracts.apps import AppCreated, AppDestroyed, AppSettingsChanged, AppStackRemoved
from ownstack_contracts.config import ConfigSet
from ownstack_contracts.history import is_intact
from ownstack_contracts.images import ImageResolved, ImageResolveRequested, ImageRetagged, ImageRetagRequested
from ownstack_contracts.jobs import StackDeployRequested, StackRunRequested
from ownstack_contracts.leases import JobClosed
from ownstack_contracts.message import Message
from ownstack_contracts.names import digest_of
from ownstack_contracts.outcomes import JobExpired
from ownstack_contracts.pipelines import PipelineCreated, StagingAdded
from ownstack_contracts.promotions import PromotionEnd, PromotionRequested
from ownstack_contracts.rejections import DecisionCut
from ownstack_contracts.reviews import ReviewAppClosed, ReviewAppExpired, ReviewAppOpened, ReviewAppsEnabled, clone_id
from ownstack_contracts.rollouts import (
    DeployCancelled,
    DeployFailed,
    DeployOpened,
    DeployRequested,
    DeploySuperseded,
    RolloutStarted,
    RunRequested,
)
from ownstack_contracts.stacks import StackAdded
from ownstack_contracts.teams import TeamCreated
from ownstack_contracts.topics import DEAD_LETTERS, HISTORY

TAG = "registry.example/shop:v1"


def setting(story: Story, *names: str, stack: str | None = None, unset: tuple[str, ...] = ()) -> ConfigSet:
    """A change of the config of the production app: variables with these names are set."""
    values = {name: sealed("1") for name in names}
    return ConfigSet(app="shop", app_id=story.team.apps["shop"].id, stack=stack, unset=unset, values=values)


def live_shop(*stacks: str) -> Story:
    """A production app that runs image A on its stacks."""
    story = shop(*stacks)
    story.finish(story.promote("shop-staging"))
    return story


def resolved(job: ImageResolveRequested, image: str = C) -> ImageResolved:
    """The tag means this image."""
    return ImageResolved(job=job.job, app=job.app, image=f"{job.reference}@{digest_of(image)}")


def push(at: int = 1, *, command: str = "g1", **fields: object) -> ReviewAppOpened:
    """A state of the first pull request, by this command."""
    app_id = clone_id("shop-pr-1", command)
    return ReviewAppOpened(production="shop", number=1, sha="a" * 40, at=at, app_id=app_id, **fields)  # type: ignore[arg-type]


def reviewed() -> tuple[Story, StackDeployRequested]:
    """A review app that is being deployed, and lives for an hour."""
    story = shop("eu-1")
    story.stacks("review-1")
    image = "registry.example/shop:pr-{number}"
    story.say(ReviewAppsEnabled(production="shop", stack="review-1", image=image, expires=3_600))
    job = one(ImageResolveRequested, story.say(push(), id="g1"))
    return story, one(StackDeployRequested, story.say(resolved(job)))


def test_a_review_app_expires_in_the_moment_in_which_what_is_under_way_does_and_what_waits_never_starts() -> None:
    story, request = reviewed()
    story.say(AppSettingsChanged(app="shop-pr-1", running_deadline=3_600))
    story.claim(request)
    story.say(DeployRequested(app="shop-pr-1", image=A), id="d2")
    facts = story.wait(3_600)
    assert one(DeployCancelled, facts).rollout == "d2"
    assert of(ReviewAppExpired, facts)
    assert not of(RolloutStarted, facts)
    assert of(AppDestroyed, story.wait(1))


def test_a_command_that_waits_beside_a_review_app_that_expires_ends_once() -> None:
    story, request = reviewed()
    story.finish(story.succeed(request))
    story.wait(3_600 - 900)
    run = one(StackRunRequested, story.say(RunRequested(app="shop-pr-1", stack="review-1", command=("true",))))
    facts = story.wait(900)
    assert [(f.job, f.reason) for f in of(JobClosed, facts) if f.job == run.job] == [(run.job, "cancelled")]
    assert not of(JobExpired, facts)


def test_closed_while_it_is_deployed_and_the_next_image_is_awaited_that_one_never_comes() -> None:
    story, request = reviewed()
    job = one(ImageResolveRequested, story.say(push(at=2, command="g2"), id="g2"))
    facts = story.say(ReviewAppClosed(production="shop", number=1, at=3))
    assert one(DeployCancelled, facts).rollout == "g2"
    assert story.say(resolved(job)) == []
    story.finish(story.succeed(request))
    assert of(AppDestroyed, story.wait(1))


def test_a_push_to_a_review_app_that_is_on_no_stack_any_more_is_refused() -> None:
    story, request = reviewed()
    story.finish(story.succeed(request))
    story.say(AppStackRemoved(app="shop-pr-1", stack="review-1"))
    assert story.refused(push(at=2, command="g2"), id="g2") == "app-without-stacks"


def test_what_only_another_stack_has_had_is_not_taken_from_a_stack() -> None:
    story = live_shop("eu-1", "us-1")
    story.finish(story.say(setting(story, "REGION", stack="us-1")))
    asked = of(StackDeployRequested, story.finish(story.say(DeployRequested(app="shop", image=B))))
    assert [request.config_unset for request in asked] == [(), ()]
    story.finish(story.say(setting(story, stack="us-1", unset=("REGION",))))
    asked = of(StackDeployRequested, story.say(DeployRequested(app="shop", image=C)))
    assert [request.config_unset for request in asked] == [(), ("REGION",)]


def test_however_many_variables_an_app_ever_had_it_can_be_deployed() -> None:
    story = live_shop("eu-1")
    for hundred in range(13):
        change = setting(story, *(f"V{hundred}_{n}" for n in range(100)))
        story.say(change.model_copy(update={"prune": True, "deploy": False}))
    (request,) = of(StackDeployRequested, story.say(DeployRequested(app="shop", image=B)))
    assert len(request.config) == 100
    assert {f"V{hundred}_{n}" for hundred in range(7, 12) for n in range(100)} == {*request.config_unset}


def test_a_deployment_whose_image_was_found_earlier_leaves_a_newer_one_alone() -> None:
    story = live_shop("eu-1", "us-1")
    first = one(ImageResolveRequested, story.say(DeployRequested(app="shop", image=TAG)))
    newer = one(ImageResolveRequested, story.say(DeployRequested(app="shop", image=TAG, stacks=("eu-1",)), id="t2"))
    assert not of(DeploySuperseded, story.say(resolved(first, B)))
    assert one(DeployOpened, story.say(resolved(newer, C))).rollout == "t2"


def test_how_release_tasks_run_is_fixed_at_the_start_although_the_image_is_tagged_first() -> None:
    story = shop("eu-1", "us-1")
    looked = story.say(PromotionRequested(app="shop-staging", release=1))
    job = one(ImageRetagRequested, looked)
    story.say(AppSettingsChanged(app="shop", release_task="first-stack"))
    asked = of(StackDeployRequested, story.say(ImageRetagged(job=job.job, app="shop", image=job.image)))
    assert [(request.stack, request.release_task) for request in asked] == [("eu-1", True), ("us-1", True)]


def test_a_change_during_the_first_deployment_follows_it() -> None:
    story = Story()
    story.app("shop", "eu-1")
    (first,) = of(StackDeployRequested, story.say(DeployRequested(app="shop", image=A), id="d1"))
    assert one(DeployOpened, story.say(setting(story, "A"), id="s1")).config_change
    (request,) = (r for r in of(StackDeployRequested, story.finish(story.succeed(first))) if r.rollout == "s1")
    assert [entry.name for entry in request.config] == ["A"]


def test_a_change_back_while_the_change_is_being_released_is_released_too() -> None:
    story = live_shop("eu-1")
    (there,) = of(StackDeployRequested, story.say(setting(story, "A")))
    assert one(DeployOpened, story.say(setting(story, unset=("A",)), id="s2")).rollout == "s2"
    story.finish(story.succeed(there))
    assert story.team.apps["shop"].live["eu-1"].config_fingerprint == "none"


class Cut(Owned):
    """A partition of which the last decision is lost in part, and can't be made again."""

    def shop(self, *stacks: str) -> None:
        """An app on stacks."""
        self.say(TeamCreated())
        for stack in stacks:
            self.say(StackAdded(stack=stack, driver="noop"))
        self.say(AppCreated(app="shop", stacks=stacks))

    async def lose(self, kept: int, decided: list[Message]) -> list[Message]:
        """Only the first `kept` facts of the latest decision were written. Returns what follows."""
        history = self.lists.topics[HISTORY.name]
        del history[len(history) - len(decided) + kept :]
        topic, _, offset = str(self.history()[-1].envelope.input).rsplit("/", 2)
        gone = self.lists.topics[topic][int(offset)]
        self.lists.topics[topic][int(offset)] = type(gone)(topic, 0, gone.offset, gone.timestamp, gone.key, b"{}")
        follows = facts_of((await self.restart()).outgoing)
        assert isinstance(follows[0], DecisionCut)
        assert all(is_intact(record.value) for record in history)
        return follows


async def test_an_image_that_was_awaited_when_a_removal_was_cut_goes_to_no_later_app_of_that_name() -> None:
    cut = Cut()
    cut.shop("eu-1")
    job = one(ImageResolveRequested, cut.say(DeployRequested(app="shop", image=TAG), id="t1"))
    follows = await cut.lose(1, cut.say(AppDestroyed(app="shop")))
    assert one(DeployFailed, follows).rollout == "t1"
    cut.say(AppCreated(app="shop", stacks=("eu-1",)))
    assert cut.say(resolved(job)) == []
    assert DEAD_LETTERS.name not in cut.lists.topics


async def test_no_stack_skips_its_release_task_because_the_others_were_cut_off_after_the_image_was_tagged() -> None:
    cut = Cut()
    cut.shop("eu-1", "us-1")
    cut.say(AppCreated(app="staging", stacks=("eu-1",)))
    cut.say(PipelineCreated(production="shop"))
    cut.say(StagingAdded(production="shop", staging="staging"))
    request = one(StackDeployRequested, cut.say(DeployRequested(app="staging", image=A), id="d1"))
    cut.say(claimed(request, "r1"))
    job = one(ImageRetagRequested, cut.say(PromotionRequested(app="staging", release=1), id="p1"))
    decided = cut.say(ImageRetagged(job=job.job, app="shop", image=job.image))
    assert names(decided) == ["ImageRetagged", "StackDeployRequested", "StackDeployRequested"]
    assert [r.outcome for r in one(PromotionEnd, await cut.lose(2, decided)).results] == ["cancelled", "skipped"]
