"""The same inputs come to the same bytes in another process, whatever the seed of its hashes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

from tests.unit.promoter.properties.deployers import Deployers
from tests.unit.promoter.properties.registries import ANSWERS, answer
from tests.unit.promoter.properties.world import World
from tests.unit.promoter.story import sealed

from ownstack_contracts.apps import AppCreated, AppDestroyed, AppSettingsChanged, AppStackAdded, AppStackRemoved
from ownstack_contracts.config import ConfigSet
from ownstack_contracts.message import Command
from ownstack_contracts.pipelines import PipelineCreated, StagingAdded
from ownstack_contracts.promotions import PromotionCancelRequested, PromotionRequested
from ownstack_contracts.reviews import ReviewAppClosed, ReviewAppOpened, ReviewAppsEnabled, clone_id
from ownstack_contracts.rollouts import DeployRequested, StackRetryRequested
from ownstack_contracts.stacks import StackAdded
from ownstack_contracts.teams import TeamCreated

ROOT = Path(__file__).parents[4]
STACKS = ("eu-1", "us-1", "ap-1", "sa-1", "af-1")
IMAGES = tuple(f"registry.example/shop@sha256:{digit * 64}" for digit in "abc")
WALKS, STEPS = 10, 60


def walk(seed: int) -> World:
    """A life of a team that depends on `seed` alone."""
    luck = random.Random(seed)
    world = World()
    deployers = Deployers(world)
    for command in _beginnings():
        world.command(command)
    for _ in range(STEPS):
        if luck.random() < 0.4:
            world.command(_said(luck, world))
        elif jobs := list(world.team.image_jobs.values()):
            world.report(answer(luck.choice(jobs), luck.choice(ANSWERS), luck.choice(IMAGES)))
        elif requests := deployers.open_requests():
            deployers.work(luck.choice(requests), luck.choice(("good", "good", "bad", "silent")))
        if luck.random() < 0.2:
            world.now += luck.choice((1, 30, 1_000, 2_000)) * 1_000
            world.tick()
        for place in [place for place in sorted(world.team.grants) if luck.random() < 0.3]:
            deployers.lapse(place)
    return world


def _beginnings() -> tuple[Command, ...]:
    return (
        TeamCreated(),
        *(StackAdded(stack=stack, driver="noop") for stack in STACKS),
        AppCreated(app="staging", stacks=("eu-1",)),
        AppCreated(app="shop", stacks=STACKS),
        PipelineCreated(production="shop"),
        StagingAdded(production="shop", staging="staging"),
        ReviewAppsEnabled(production="shop", stack="eu-1", image="registry.example/shop:pr-{number}", expires=1_000),
        DeployRequested(app="staging", image=IMAGES[0]),
    )


def _said(luck: random.Random, world: World) -> Command:
    some = tuple(luck.sample(STACKS, luck.randint(1, len(STACKS))))
    said: tuple[Command, ...] = (
        DeployRequested(app="shop", image=luck.choice(IMAGES), stacks=some, redeploy=luck.random() < 0.3),
        DeployRequested(app="staging", image=luck.choice(IMAGES)),
        PromotionRequested(app="staging"),
        PromotionRequested(app="staging", release=1, stacks=some),
        PromotionCancelRequested(promotion=f"c{luck.randint(10, 60)}"),
        StackRetryRequested(app="shop", stack=luck.choice(STACKS)),
        StackRetryRequested(app="shop", postdeploy=True),
        AppStackRemoved(app="shop", stack=luck.choice(STACKS)),
        AppStackAdded(app="shop", stack=luck.choice(STACKS)),
        AppSettingsChanged(app="shop", release_task=luck.choice(("each-stack", "first-stack"))),
        AppSettingsChanged(app="shop", postdeploy=luck.choice(("once-per-promotion", "each-stack"))),
        AppCreated(app="blog", stacks=some),
        AppDestroyed(app="blog"),
    )
    return luck.choice((*said, *_said_of_config_and_reviews(luck, world)))


def _said_of_config_and_reviews(luck: random.Random, world: World) -> tuple[Command, ...]:
    values = {name: sealed(luck.choice("12")) for name in luck.sample("ABCDEFG", 3)}
    shop, review, at = world.team.apps["shop"].id, clone_id("shop-pr-1", world.next_name), world.now
    return (
        ConfigSet(app="shop", app_id=shop, values=values, prune=luck.random() < 0.3),
        ConfigSet(app="shop", app_id=shop, values=values, stack=luck.choice(STACKS), deploy=luck.random() < 0.5),
        DeployRequested(app="shop", image="registry.example/shop:latest"),
        ReviewAppOpened(production="shop", number=1, sha=luck.choice("abc") * 40, at=at, app_id=review, values=values),
        ReviewAppClosed(production="shop", number=1, at=at),
    )


def test_another_process_decides_the_same_byte_for_byte() -> None:
    here = [walk(seed) for seed in range(WALKS)]
    program = f"from {__name__} import walk\nfor seed in range({WALKS}): print(walk(seed).log.hash)"
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
        there = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment, cwd=ROOT
        )
        assert there.stdout.split() == [world.log.hash for world in here]
    assert sum(len(world.history) for world in here) > 100 * WALKS, "hardly anything has happened"


def test_a_walk_can_be_replayed_from_its_history() -> None:
    for seed in range(WALKS):
        walk(seed).check_history()
