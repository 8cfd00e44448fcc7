"""Image jobs: answered without a claim; an image that is missing is waited for without taking a place."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.deployer.fakes import FakeInbox, idle, until
from tests.unit.deployer.requests import IMAGE, resolving, retagging
from tests.unit.deployer.scene import Scene

from ownstack_contracts.envelope import encode
from ownstack_contracts.images import (
    ImageAwaited,
    ImageJobClosed,
    ImageNotResolved,
    ImageResolved,
    ImageRetagged,
    ImageRetagSkipped,
)
from ownstack_deployer.registry.trouble import Trouble

FOUND = "registry.example/shop:1.0@sha256:" + "c" * 64


async def test_a_tag_is_resolved_without_a_claim(scene: Scene) -> None:
    scene.registries.outcomes = [FOUND]
    scene.comes(resolving())
    assert await scene.hears(ImageResolved) == ImageResolved(job="r1#image", app="shop", image=FOUND)
    await scene.is_over()
    assert scene.said == ["ImageResolved"]
    assert scene.registries.asked == [("resolve", "registry.example/shop:1.0")]


async def test_it_is_acknowledged_only_when_its_answer_is_durable(scene: Scene) -> None:
    scene.registries.outcomes = [FOUND]
    scene.bus.flowing.clear()
    scene.comes(resolving())
    await idle()
    assert scene.inbox.acknowledged == []
    scene.bus.flowing.set()
    await scene.is_over()
    assert scene.inbox.acknowledged == [1]


async def test_an_image_that_is_missing_and_not_waited_for_is_told(scene: Scene) -> None:
    scene.comes(resolving(missing_for=0))
    answer = await scene.hears(ImageNotResolved)
    assert (answer.code, answer.message) == (
        "image-missing",
        "registry.example has no shop:1.0. Push it, and deploy it again.",
    )
    assert scene.said == ["ImageNotResolved"]


async def test_a_missing_image_is_looked_for_with_growing_pauses_and_found(scene: Scene) -> None:
    scene.registries.outcomes = [None, None, None, FOUND]
    scene.comes(resolving(missing_for=1_800))
    awaited = await scene.hears(ImageAwaited)
    assert awaited == ImageAwaited(
        job="r1#image", app="shop", message="registry.example has no shop:1.0 yet.", until=2_800_000
    )
    for pause, looks in ((2, 2), (3, 3), (4.5, 4)):
        await scene.clock.pass_by(pause - 0.1)
        assert len(scene.registries.asked) == looks - 1
        await scene.clock.pass_by(0.1)
        assert len(scene.registries.asked) == looks
    assert (await scene.hears(ImageResolved)).image == FOUND
    await scene.is_over()
    assert scene.said == ["ImageAwaited", "ImageResolved"]
    assert scene.inbox.acknowledged == [1]


async def test_a_missing_image_is_given_up_in_time_and_how_long_it_was_waited_for_is_said(scene: Scene) -> None:
    scene.comes(resolving(missing_for=1_800))
    await scene.hears(ImageAwaited)
    while "ImageNotResolved" not in scene.said:
        await scene.clock.pass_by(1)
        assert scene.clock.now <= 2_801
    answer = await scene.hears(ImageNotResolved)
    assert answer.code == "image-missing"
    assert "registry.example has no shop:1.0, and had none for 30 minutes" in answer.message
    assert scene.clock.now >= 2_800
    assert 90 <= len(scene.registries.asked) <= 110
    assert scene.said == ["ImageAwaited", "ImageNotResolved"]


async def test_a_job_that_comes_again_says_how_long_was_waited_in_all(scene: Scene) -> None:
    value = encode(resolving(missing_for=600), source="/p", team="acme", id="fact/1")
    scene.inbox.put(value)
    await scene.clock.pass_by(700)
    scene.starts()
    assert "for 12 minutes" in (await scene.hears(ImageNotResolved)).message


@pytest.mark.parametrize("code", ["registry-unauthorized", "digest-mismatch", "credentials-unusable"])
async def test_what_does_not_pass_by_itself_is_told_at_once(scene: Scene, code: str) -> None:
    scene.registries.outcomes = [Trouble(code, "No.")]
    scene.comes(resolving(missing_for=1_800))
    answer = await scene.hears(ImageNotResolved)
    assert (answer.code, answer.message) == (code, "No.")


@pytest.mark.parametrize("code", ["registry-unavailable", "registry-unreachable", "registry-slow"])
async def test_what_passes_by_itself_is_waited_for_like_the_image(scene: Scene, code: str) -> None:
    scene.registries.outcomes = [Trouble(code, "Not now."), FOUND]
    scene.comes(resolving(missing_for=1_800))
    await idle()
    assert scene.said == []
    await scene.clock.pass_by(2)
    await scene.hears(ImageResolved)
    scene.registries.outcomes = [Trouble(code, "Not now.")]
    scene.comes(resolving(missing_for=0))
    assert (await scene.hears(ImageNotResolved)).code == code


async def test_a_failure_of_ours_is_told_without_what_it_says(scene: Scene) -> None:
    scene.registries.outcomes = [RuntimeError("s3cret")]
    scene.comes(resolving(missing_for=1_800))
    answer = await scene.hears(ImageNotResolved)
    assert answer.code == "deployer-error"
    assert "s3cret" not in answer.message
    scene.comes(retagging())
    skipped = await scene.hears(ImageRetagSkipped)
    assert (skipped.code, "s3cret" in skipped.message) == ("deployer-error", False)


async def test_a_waiting_job_is_left_to_the_next_deployer_when_the_key_goes(scene: Scene) -> None:
    scene.comes(resolving(missing_for=1_800))
    await scene.hears(ImageAwaited)
    scene.inbox.revoked = True
    scene.inbox.wake()
    await scene.is_over()
    assert scene.said == ["ImageAwaited"]
    assert scene.inbox.acknowledged == []


async def test_a_repeated_request_is_not_done_twice(scene: Scene) -> None:
    scene.registries.outcomes = [None, FOUND]
    scene.comes(resolving(missing_for=1_800))
    await scene.hears(ImageAwaited)
    scene.comes(resolving(missing_for=1_800))
    await scene.clock.pass_by(2)
    await scene.is_over()
    assert scene.said == ["ImageAwaited", "ImageResolved"]
    assert sorted(scene.inbox.acknowledged) == [1, 2]


async def test_what_nobody_waits_for_any_more_is_acknowledged_and_not_done(scene: Scene) -> None:
    scene.clock.now = 10_000
    for job in (resolving(), retagging()):
        scene.comes(job)
        await scene.is_over()
    assert (scene.said, scene.registries.asked, scene.inbox.acknowledged) == ([], [], [1, 2])


async def test_who_waits_past_its_time_ends_without_a_word(scene: Scene) -> None:
    scene.comes(resolving(missing_for=1_800, waiting_until=1_010_000))
    await scene.hears(ImageAwaited)
    for _ in range(20):
        await scene.clock.pass_by(1)
    await scene.is_over()
    assert scene.said == ["ImageAwaited"]
    assert scene.inbox.acknowledged == [1]


async def test_an_image_gets_its_tag(scene: Scene) -> None:
    tagged = "registry.example/live:shop-v7@sha256:" + "a" * 64
    scene.registries.outcomes = [tagged]
    scene.comes(retagging(repository="registry.example/live"))
    assert await scene.hears(ImageRetagged) == ImageRetagged(job="r1#image", app="shop", image=tagged)
    assert scene.registries.asked == [("retag", IMAGE, "shop-v7", "registry.example/live")]


async def test_why_an_image_got_no_tag_is_told(scene: Scene) -> None:
    scene.registries.outcomes = [Trouble("no-credentials", "d1 has none.")]
    scene.comes(retagging())
    answer = await scene.hears(ImageRetagSkipped)
    assert (answer.code, answer.message) == ("no-credentials", "d1 has none.")


async def test_four_are_done_at_once_at_a_registry_and_those_that_wait_hold_no_place(scene: Scene) -> None:
    waiting = [begins(scene, number, missing_for=1_800) for number in range(20)]
    await until(lambda: scene.said.count("ImageAwaited") == 20)
    asked = len(scene.registries.asked)

    scene.registries.gate, scene.registries.outcomes = asyncio.Event(), [FOUND]
    looking = [begins(scene, number) for number in range(20, 32)]
    await until(lambda: len(scene.registries.asked) == asked + 4)
    await idle()
    assert len(scene.registries.asked) == asked + 4
    scene.registries.gate.set()
    await asyncio.gather(*looking)
    assert scene.said.count("ImageResolved") == 12
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_job_that_is_cut_off_is_not_acknowledged(scene: Scene) -> None:
    scene.registries.gate = asyncio.Event()
    scene.comes(retagging())
    await until(lambda: scene.registries.asked)
    assert scene.actor is not None
    scene.actor.cancel()
    await asyncio.gather(scene.actor, return_exceptions=True)
    assert (scene.registries.cancelled, scene.said, scene.inbox.acknowledged) == (1, [], [])


def begins(scene: Scene, number: int, missing_for: float = 0.0, **changes: str) -> asyncio.Task[None]:
    inbox = FakeInbox(scene.clock)
    inbox.put(encode(resolving(number, missing_for, **changes), source="/p", team="acme", id=f"fact/{number}"))
    return asyncio.create_task(scene.worker.act(inbox))


async def test_an_image_that_nobody_waits_for_any_more_is_looked_for_no_longer(scene: Scene) -> None:
    scene.comes(resolving(missing_for=1_800))
    await scene.hears(ImageAwaited)
    scene.comes(ImageJobClosed(job="r9#image", app="shop"))
    await idle()
    assert scene.inbox.acknowledged == []
    scene.comes(ImageJobClosed(job="r1#image", app="shop"))
    await scene.is_over()
    assert scene.said == ["ImageAwaited"]
    assert len(scene.registries.asked) == 1


async def test_a_registry_that_does_not_answer_holds_up_nobody_who_asks_another(scene: Scene) -> None:
    scene.registries.gate = asyncio.Event()
    stuck = [begins(scene, number) for number in range(10)]
    await until(lambda: len(scene.registries.asked) == 4)
    other = begins(scene, 10, reference="other.example/shop:1.0")
    await until(lambda: ("resolve", "other.example/shop:1.0") in scene.registries.asked)
    for task in (*stuck, other):
        task.cancel()
    await asyncio.gather(*stuck, other, return_exceptions=True)
