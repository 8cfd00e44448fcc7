"""What a deployer is asked for in tests: jobs of one app on one stack, and what is live there."""

from __future__ import annotations

from typing import Any

from ownstack_contracts.images import ImageResolveRequested, ImageRetagRequested
from ownstack_contracts.jobs import (
    Live,
    PostdeployRequested,
    StackAppRemovalRequested,
    StackCheckRequested,
    StackDeployRequested,
    StackJob,
    StackLookRequested,
    StackRunRequested,
)
from ownstack_deployer.drivers.port import PhaseFailed

TEAM = "acme"
KEY = f"{TEAM}/shop@eu-1"
IMAGE = "registry.example/shop@sha256:" + "a" * 64
OLDER = "registry.example/shop@sha256:" + "b" * 64


def deploy(attempt: int = 1, generation: int = 1, **changes: Any) -> StackDeployRequested:
    """A request to deploy IMAGE."""
    return StackDeployRequested(
        **{
            **_common(f"r1.eu-1.{attempt}", generation),
            "deployment": "r1.eu-1",
            "rollout": "r1",
            "attempt": attempt,
            "release": 7,
            "image": IMAGE,
            "config_fingerprint": "none",
            "release_task": True,
            **changes,
        }
    )


def postdeploy() -> PostdeployRequested:
    """A request to run the post-deploy script."""
    return PostdeployRequested(
        **_common("r1.eu-1.postdeploy.1", 1), deployment="r1.eu-1", rollout="r1", attempt=1, release=7, image=IMAGE
    )


def look(*, config: bool = False) -> StackLookRequested:
    """A request to look."""
    return StackLookRequested(**_common("shop.1.eu-1.look.1", 0), config=config)


def command(*words: str) -> StackRunRequested:
    """A request to run a command."""
    return StackRunRequested(**_common("shop.1.eu-1.c1#run", 0), command=words)


def checking(driver: Any = "noop", number: int = 1) -> StackCheckRequested:
    """A request to check the stack."""
    return StackCheckRequested(
        job=f"check.eu-1.{number}", stack="eu-1", driver=driver, address="", settings={}, waiting_until=10_000_000
    )


def resolving(number: int = 1, missing_for: float = 0.0, **changes: Any) -> ImageResolveRequested:
    """A request to find an image, which is looked for until so many seconds after the scene's beginning."""
    return ImageResolveRequested(
        **{
            **_image_job(number),
            "reference": "registry.example/shop:1.0",
            "missing_until": int((1_000 + missing_for) * 1_000),
            **changes,
        }
    )


def retagging(number: int = 1, **changes: Any) -> ImageRetagRequested:
    """A request to give IMAGE a tag."""
    return ImageRetagRequested(**{**_image_job(number), "release": 7, "image": IMAGE, "tag": "shop-v7", **changes})


def _image_job(number: int) -> dict[str, Any]:
    return {
        "job": f"r{number}#image",
        "app": "shop",
        "app_id": "shop.1",
        "rollout": f"r{number}",
        "waiting_until": 10_000_000,
    }


def removal(generation: int = 2) -> StackAppRemovalRequested:
    """A request to remove the app."""
    return StackAppRemovalRequested(**_common("shop.1.eu-1.remove.1", generation))


def _common(job: str, generation: int) -> dict[str, Any]:
    return {
        "job": job,
        "app": "shop",
        "app_id": "shop.1",
        "stack": "eu-1",
        "driver": "noop",
        "address": "",
        "settings": {},
        "generation": generation,
        "waiting_until": 10_000_000,
        "running_deadline": 1_800,
    }


def mine(request: StackJob) -> Live:
    """What is live once this deployment has succeeded."""
    assert isinstance(request, StackDeployRequested)
    return Live(
        image=request.image,
        generation=request.generation,
        deployment=request.deployment,
        release=request.release,
        team=TEAM,
        app_id=request.app_id,
    )


def older(**changes: Any) -> Live:
    """What was live before."""
    return Live(**{"image": OLDER, "generation": 0, "deployment": "r0.eu-1", "release": 6, "team": TEAM, **changes})


def failure(code: str = "exit-3") -> PhaseFailed:
    """A phase that fails."""
    return PhaseFailed(code, "It said: no.")
