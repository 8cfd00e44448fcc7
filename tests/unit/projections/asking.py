"""What tests ask of a chronicle and of the read model."""

from __future__ import annotations

from tests.bench.histories import Chronicle, image
from tests.unit.projections.house import House

from ownstack_contracts.jobs import (
    ReleaseTaskStarted,
    StackDeployFailed,
    StackDeployRequested,
    StackJob,
)
from ownstack_contracts.message import Message
from ownstack_contracts.names import digest_of
from ownstack_readmodel.views import AppView, CommandView, DeploymentView, RolloutView

ONE, TWO = image(1), image(2)
SHORT = digest_of(ONE).partition(":")[2][:7]


def about(request: StackJob, run: str) -> dict[str, str]:
    return {"job": request.job, "run": run, "app": request.app, "stack": request.stack}


def asked(facts: list[Message], stack: str) -> StackDeployRequested:
    return next(f for f in facts if isinstance(f, StackDeployRequested) and f.stack == stack)


def fails_on(chronicle: Chronicle, stack: str, facts: list[Message]) -> list[Message]:
    """All stacks that were asked take the release, but one, whose release task fails."""
    request = asked(facts, stack)
    run = chronicle.claim(request)
    chronicle.say(ReleaseTaskStarted(**about(request, run)))
    failed = {"phase": "release-task", "code": "exit-1", "message": "It exited with 1."}
    followed = chronicle.say(StackDeployFailed(**about(request, run), **failed))
    return chronicle.play([f for f in facts if isinstance(f, StackDeployRequested) and f is not request] + followed)


async def app_of(house: House, name: str = "shop") -> AppView:
    view = await house.readmodel.app("acme", name)
    assert view is not None
    return view


async def rollout_of(house: House, name: str) -> RolloutView:
    view = await house.readmodel.rollout("acme", name)
    assert view is not None
    return view


async def deployment_of(house: House, name: str) -> DeploymentView:
    view = await house.readmodel.deployment("acme", name)
    assert view is not None
    return view


async def command_of(house: House, name: str) -> CommandView:
    view = await house.readmodel.command("acme", name)
    assert view is not None
    return view
