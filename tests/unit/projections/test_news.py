"""What an app says of itself at a glance: which deployment looks for its image, and what failed last."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from tests.bench.histories import Chronicle
from tests.unit.projections.asking import ONE, TWO, about, app_of, fails_on, rollout_of
from tests.unit.projections.house import House
from tests.unit.projections.remembering import looked
from tests.unit.projections.test_images import TAG, resolving

from ownstack_contracts.apps import AppCreated, AppDestroyed
from ownstack_contracts.images import ImageAwaited, ImageNotResolved, ImageResolved
from ownstack_contracts.jobs import PostdeployRequested, StackDeployRequested
from ownstack_contracts.message import Message
from ownstack_contracts.pipelines import PipelineRemoved
from ownstack_contracts.promotions import PromotionCancelRequested, PromotionRequested
from ownstack_contracts.reports import PostdeployFailed, PostdeployStarted
from ownstack_contracts.rollouts import DeployRequested, StackRetryRequested
from ownstack_readmodel.views import AppView, LastFailureView, ResolvingView

DEPLOY = DeployRequested(app="shop", image=TAG)


async def shown(house: House, chronicle: Chronicle) -> AppView:
    """The app, which a list shows the same."""
    await house.take(chronicle.records)
    app = await app_of(house)
    assert app in (await house.readmodel.apps("acme")).items
    return app


def failure(app: AppView) -> str | None:
    return app.last_failure.rollout if app.last_failure else None


def script_fails(chronicle: Chronicle, facts: Sequence[Message]) -> None:
    """All goes well, but the post-deploy script."""
    todo = deque(facts)
    while todo:
        fact = todo.popleft()
        if isinstance(fact, PostdeployRequested):
            of_run = about(fact, chronicle.claim(fact))
            chronicle.say(PostdeployStarted(**of_run))
            chronicle.say(PostdeployFailed(**of_run, code="exit-1", message="It exited with 1."))
        elif isinstance(fact, StackDeployRequested):
            todo.extend(chronicle.work(fact))


async def test_a_deployment_that_looks_for_its_image_is_told_until_that_is_known(
    house: House, chronicle: Chronicle
) -> None:
    assert (await shown(house, chronicle)).resolving is None
    job = resolving(chronicle.say(DEPLOY, id="d"))
    since = chronicle.now
    app = await shown(house, chronicle)
    assert app.resolving == ResolvingView(rollout="d", reference=TAG, since=since, waiting_for_image=None)
    assert (await app_of(house, "shop-staging")).resolving is None
    chronicle.say(ImageAwaited(**job, message="There is no such image yet.", until=chronicle.now + 60_000))
    waits = (await shown(house, chronicle)).resolving
    assert waits is not None
    assert (waits.rollout, waits.since, waits.waiting_for_image) == ("d", since, "There is no such image yet.")
    chronicle.say(ImageResolved(**job, image=ONE))
    assert (await shown(house, chronicle)).resolving is None


async def test_of_two_that_look_for_their_images_the_newer_one_is_told(house: House, chronicle: Chronicle) -> None:
    chronicle.say(DEPLOY, id="d")
    chronicle.say(DEPLOY.model_copy(update={"stacks": ("eu-1",)}), id="a")
    looks = (await shown(house, chronicle)).resolving
    assert looks is not None
    assert looks.rollout == "a"


async def test_a_failure_is_told_until_a_newer_one_is_under_way(house: House, chronicle: Chronicle) -> None:
    assert (await shown(house, chronicle)).last_failure is None
    chronicle.say(ImageNotResolved(**resolving(chronicle.say(DEPLOY, id="d")), code="image-missing", message="None."))
    ended = await shown(house, chronicle)
    rollout = await rollout_of(house, "d")
    assert (rollout.status, rollout.code) == ("failed", "image-missing")
    assert ended.last_failure == LastFailureView(
        rollout="d", code="image-missing", message=rollout.message, at=rollout.ended_at
    )
    assert (await app_of(house, "shop-staging")).last_failure is None
    facts = chronicle.say(DeployRequested(app="shop", image=ONE), id="e")
    assert failure(await shown(house, chronicle)) is None
    fails_on(chronicle, "eu-2", facts)
    partly = (await shown(house, chronicle)).last_failure
    assert partly is not None
    assert (partly.rollout, partly.code) == ("e", "stacks-failed")
    chronicle.play(chronicle.say(DeployRequested(app="shop", image=TWO), id="f"))
    assert failure(await shown(house, chronicle)) is None


async def test_a_failure_is_told_until_what_failed_is_retried(house: House, chronicle: Chronicle) -> None:
    retry = StackRetryRequested(app="shop", stack="eu-2")
    fails_on(chronicle, "eu-2", chronicle.say(DeployRequested(app="shop", image=ONE), id="d"))
    assert failure(await shown(house, chronicle)) == "d"
    retried = chronicle.say(retry)
    assert failure(await shown(house, chronicle)) is None, "it may come right now"
    fails_on(chronicle, "eu-2", retried)
    assert failure(await shown(house, chronicle)) == "d"
    chronicle.play(chronicle.say(retry))
    assert failure(await shown(house, chronicle)) is None
    assert (await rollout_of(house, "d")).status == "partially-succeeded"


async def test_a_script_that_failed_is_told_until_it_is_retried(house: House, chronicle: Chronicle) -> None:
    """The stacks have the release all the while."""
    chronicle.play(chronicle.say(DeployRequested(app="shop-staging", image=ONE)))
    script_fails(chronicle, looked(chronicle, chronicle.say(PromotionRequested(app="shop-staging"), id="p")))
    failed = (await shown(house, chronicle)).last_failure
    assert failed is not None
    assert (failed.rollout, failed.code) == ("p", "postdeploy-failed")
    retried = chronicle.say(StackRetryRequested(app="shop", postdeploy=True))
    assert failure(await shown(house, chronicle)) is None
    script_fails(chronicle, retried)
    assert failure(await shown(house, chronicle)) == "p"
    chronicle.play(chronicle.say(StackRetryRequested(app="shop", postdeploy=True)))
    assert failure(await shown(house, chronicle)) is None


async def test_what_is_cancelled_does_not_count(house: House, chronicle: Chronicle) -> None:
    fails_on(chronicle, "eu-2", chronicle.say(DeployRequested(app="shop", image=ONE), id="d"))
    chronicle.play(chronicle.say(DeployRequested(app="shop-staging", image=TWO)))
    chronicle.say(PromotionRequested(app="shop-staging"), id="p")
    assert failure(await shown(house, chronicle)) is None, "it looks at its source"
    chronicle.say(PromotionCancelRequested(promotion="p"))
    assert failure(await shown(house, chronicle)) == "d"


async def test_a_promotion_that_failed_is_told_as_well(house: House, chronicle: Chronicle) -> None:
    chronicle.play(chronicle.say(DeployRequested(app="shop-staging", image=ONE)))
    fails_on(chronicle, "eu-2", looked(chronicle, chronicle.say(PromotionRequested(app="shop-staging"), id="p")))
    assert failure(await shown(house, chronicle)) == "p"
    assert (await app_of(house, "shop-staging")).last_failure is None


async def test_an_app_that_is_made_anew_has_nothing_of_the_one_before(house: House, chronicle: Chronicle) -> None:
    chronicle.say(ImageNotResolved(**resolving(chronicle.say(DEPLOY, id="d")), code="image-missing", message="None."))
    chronicle.say(PipelineRemoved(production="shop"))
    chronicle.play(chronicle.say(AppDestroyed(app="shop")))
    chronicle.say(AppCreated(app="shop", stacks=("eu-1",)))
    assert failure(await shown(house, chronicle)) is None
