"""What is shown of deployments that look for their image, and of images that are tagged when they are promoted."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from tests.bench.histories import Chronicle, pinned
from tests.unit.projections.asking import ONE, TWO, app_of, command_of, deployment_of, rollout_of
from tests.unit.projections.house import House
from tests.unit.projections.remembering import Remembering

from ownstack_contracts.apps import AppDestroyed, AppSettingsChanged
from ownstack_contracts.images import (
    ImageAwaited,
    ImageNotResolved,
    ImageResolved,
    ImageResolveRequested,
    ImageRetagged,
    ImageRetagRequested,
    ImageRetagSkipped,
)
from ownstack_contracts.jobs import StackLookRequested
from ownstack_contracts.message import Message
from ownstack_contracts.names import digest_of
from ownstack_contracts.pipelines import PipelineRemoved
from ownstack_contracts.promotions import PromotionRequested
from ownstack_contracts.rollouts import DeployRequested

TAG = "registry.example/shop:main"
DEPLOY = DeployRequested(app="shop", image=TAG)


def resolving(facts: Iterable[Message]) -> dict[str, str]:
    """How an answer names what it answers."""
    request = next(fact for fact in facts if isinstance(fact, ImageResolveRequested))
    return {"job": request.job, "app": request.app}


def open_jobs(house: House) -> int:
    with house.readmodel.reading() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM rm_image_jobs").scalar_one())


async def test_a_deployment_of_a_tag_looks_for_its_image_first_and_goes_on_as_the_same_rollout(
    house: House, chronicle: Chronicle
) -> None:
    facts = chronicle.say(DEPLOY, id="d", actor="token:ci")
    begun = chronicle.now
    await house.take(chronicle.records)
    looks = await rollout_of(house, "d")
    assert (looks.kind, looks.status, looks.reference, looks.requester) == ("deploy", "resolving", TAG, "token:ci")
    assert (looks.image, looks.digest, looks.release, looks.waiting_for_image) == (None, None, None, None)
    assert {(stack.stack, stack.state) for stack in looks.stacks} == {(f"eu-{n}", "pending") for n in (1, 2, 3)}
    assert (await command_of(house, "d")).rollout == "d"
    assert [view.id for view in (await house.readmodel.rollouts("acme", status="resolving")).items] == ["d"]
    app = await app_of(house)
    assert (app.rollout, app.queue) == (None, [])
    chronicle.play(facts)
    await house.take(chronicle.records)
    found = await rollout_of(house, "d")
    assert (found.status, found.image, found.digest) == ("succeeded", pinned(TAG), digest_of(pinned(TAG)))
    assert (found.reference, found.requested_at, found.release) == (TAG, begun, 1)
    assert open_jobs(house) == 0


async def test_an_image_that_is_not_there_yet_is_waited_for(house: House, chronicle: Chronicle) -> None:
    about = resolving(chronicle.say(DEPLOY, id="d"))
    chronicle.say(ImageAwaited(**about, message="There is no such image yet.", until=chronicle.now + 60_000))
    await house.take(chronicle.records)
    waits = await rollout_of(house, "d")
    assert (waits.status, waits.waiting_for_image) == ("resolving", "There is no such image yet.")
    chronicle.say(ImageResolved(**about, image=ONE))
    await house.take(chronicle.records)
    found = await rollout_of(house, "d")
    assert (found.status, found.waiting_for_image, found.image) == ("running", None, ONE)


async def test_a_deployment_whose_image_is_found_while_another_is_under_way_waits_for_its_turn(
    house: House, chronicle: Chronicle
) -> None:
    chronicle.say(DeployRequested(app="shop", image=TWO), id="first")
    chronicle.say(ImageResolved(**resolving(chronicle.say(DEPLOY, id="d")), image=ONE))
    await house.take(chronicle.records)
    waits = await rollout_of(house, "d")
    assert (waits.status, waits.behind, waits.image) == ("queued", "first", ONE)
    assert (await app_of(house)).queue == ["d"]


async def test_a_deployment_whose_image_is_not_found_fails_and_says_why(house: House, chronicle: Chronicle) -> None:
    about = resolving(chronicle.say(DEPLOY, id="d"))
    chronicle.say(ImageAwaited(**about, message="There is no such image yet.", until=chronicle.now + 60_000))
    chronicle.say(ImageNotResolved(**about, code="image-missing", message="There is no such image."))
    await house.take(chronicle.records)
    failed = await rollout_of(house, "d")
    assert (failed.status, failed.code, failed.message) == ("failed", "image-missing", "There is no such image.")
    assert (failed.image, failed.waiting_for_image, failed.ended_at) == (None, None, chronicle.now)
    assert {stack.state for stack in failed.stacks} == {"skipped"}
    assert open_jobs(house) == 0


async def test_a_deployment_that_looks_for_its_image_gives_way_to_a_newer_one(
    house: House, chronicle: Chronicle
) -> None:
    chronicle.say(DEPLOY, id="old")
    chronicle.say(DEPLOY, id="new")
    await house.take(chronicle.records)
    old = await rollout_of(house, "old")
    assert (old.status, old.superseded_by) == ("superseded", "new")
    assert (await rollout_of(house, "new")).status == "resolving"
    assert open_jobs(house) == 1


async def test_a_deployment_that_looks_for_its_image_is_cancelled_with_its_app(
    house: House, chronicle: Chronicle
) -> None:
    chronicle.say(PipelineRemoved(production="shop"))
    chronicle.say(DEPLOY, id="d")
    chronicle.say(AppDestroyed(app="shop"))
    await house.take(chronicle.records)
    rollout = await rollout_of(house, "d")
    assert (rollout.status, {stack.state for stack in rollout.stacks}) == ("cancelled", {"cancelled"})
    assert open_jobs(house) == 0


def tagging(chronicle: Remembering) -> ImageRetagRequested:
    """shop-staging is promoted, and its image is to be tagged."""
    chronicle.play(chronicle.say(DeployRequested(app="shop-staging", image=ONE)))
    facts = chronicle.say(PromotionRequested(app="shop-staging"), id="p")
    for look in [fact for fact in facts if isinstance(fact, StackLookRequested)]:
        facts += chronicle.work(look)
    return next(fact for fact in facts if isinstance(fact, ImageRetagRequested))


async def test_a_promoted_image_is_called_as_it_is_tagged(house: House, chronicle: Remembering) -> None:
    chronicle.say(AppSettingsChanged(app="shop", retag_to="registry.example/released"))
    request = tagging(chronicle)
    await house.take(chronicle.records)
    rollout = await rollout_of(house, "p")
    assert (rollout.status, rollout.image, rollout.retag and rollout.retag.model_dump()) == (
        "running",
        ONE,
        {"tag": request.tag, "image": None, "code": None, "message": None},
    )
    tagged = f"registry.example/released@{digest_of(ONE)}"
    chronicle.play(chronicle.say(ImageRetagged(job=request.job, app="shop", image=tagged)))
    await house.take(chronicle.records)
    rollout = await rollout_of(house, "p")
    assert (rollout.status, rollout.image, rollout.digest) == ("succeeded", tagged, digest_of(ONE))
    assert rollout.retag is not None
    assert (rollout.retag.image, rollout.retag.code) == (tagged, None)
    release = await house.readmodel.release("acme", "shop", 1)
    assert release is not None
    assert (release.image, release.digest, release.live_on) == (tagged, digest_of(ONE), ["eu-1", "eu-2", "eu-3"])
    assert (await deployment_of(house, "p.eu-1")).image == tagged
    assert open_jobs(house) == 0
    staging = await house.readmodel.release("acme", "shop-staging", 1)
    assert staging is not None
    assert staging.image == ONE


async def test_an_image_that_can_not_be_tagged_is_released_all_the_same(house: House, chronicle: Remembering) -> None:
    request = tagging(chronicle)
    skipped = ImageRetagSkipped(job=request.job, app="shop", code="no-credentials", message="There are none.")
    chronicle.play(chronicle.say(skipped))
    await house.take(chronicle.records)
    rollout = await rollout_of(house, "p")
    assert (rollout.status, rollout.image) == ("succeeded", ONE)
    assert rollout.retag is not None
    assert (rollout.retag.image, rollout.retag.code, rollout.retag.message) == (
        None,
        "no-credentials",
        "There are none.",
    )
    assert open_jobs(house) == 0


@pytest.mark.parametrize("kind", [ImageRetagged, ImageRetagSkipped])
async def test_only_the_first_answer_counts(
    house: House, chronicle: Remembering, kind: type[ImageRetagged] | type[ImageRetagSkipped]
) -> None:
    """Should the history ever have another one."""
    request = tagging(chronicle)
    chronicle.play(chronicle.say(ImageRetagged(job=request.job, app="shop", image=ONE)))
    answer: Message = (
        ImageRetagged(job=request.job, app="shop", image=TWO)
        if kind is ImageRetagged
        else ImageRetagSkipped(job=request.job, app="shop", code="late", message="Too late.")
    )
    await house.take(chronicle.records)
    before = await rollout_of(house, "p")
    chronicle.tell(answer)
    await house.take(chronicle.records)
    assert await rollout_of(house, "p") == before


async def test_a_promotion_that_tags_nothing_shows_no_tag(house: House, chronicle: Chronicle) -> None:
    chronicle.say(AppSettingsChanged(app="shop", retag=False))
    chronicle.play(chronicle.say(DeployRequested(app="shop-staging", image=ONE)))
    chronicle.play(chronicle.say(PromotionRequested(app="shop-staging"), id="p"))
    await house.take(chronicle.records)
    assert (await rollout_of(house, "p")).retag is None
