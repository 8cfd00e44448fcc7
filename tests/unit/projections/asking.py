"""What tests ask of a chronicle and of the read model."""

from __future__ import annotations

import hashlib

from tests.bench.histories import Chronicle, image
from tests.unit.projections.house import House

from ownstack_contracts.config import ConfigSet, ConfigValue
from ownstack_contracts.jobs import StackDeployRequested, StackJob
from ownstack_contracts.message import Message
from ownstack_contracts.names import digest_of
from ownstack_contracts.reports import ReleaseTaskStarted, StackDeployFailed
from ownstack_readmodel.views import AppStackView, AppView, CommandView, ConfigView, DeploymentView, RolloutView

ONE, TWO = image(1), image(2)
SHORT = digest_of(ONE).partition(":")[2][:7]


def sealed(value: str, *, secret: bool = True) -> ConfigValue:
    """A value as if it were sealed: equal ones have equal fingerprints."""
    digest = hashlib.sha256(value.encode()).hexdigest()
    return ConfigValue(sealed=f"v1.{digest}", fingerprint=digest[:32], secret=secret)


def config_set(chronicle: Chronicle, app: str, /, **values: str) -> ConfigSet:
    """Variables of an app in its present creation, for all its stacks; without a release."""
    app_id = chronicle.team.apps[app].id
    return ConfigSet(app=app, app_id=app_id, values={k: sealed(v) for k, v in values.items()}, deploy=False)


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


async def stack_of(house: House, stack: str, name: str = "shop") -> AppStackView:
    return next(view for view in (await app_of(house, name)).stacks if view.stack == stack)


async def config_of(house: House, name: str = "shop") -> ConfigView:
    view = await house.readmodel.config("acme", name)
    assert view is not None
    return view


async def variables_of(house: House, app: str = "shop") -> list[tuple[str, str | None, bool, str]]:
    """name, stack, review, fingerprint of each variable."""
    return [(v.name, v.stack, v.review, v.fingerprint) for v in (await config_of(house, app)).variables]


async def outdated(house: House, app: str = "shop") -> list[str]:
    """The stacks on which another config is in effect than the app has by now."""
    return [stack.stack for stack in (await app_of(house, app)).stacks if stack.config_outdated]


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
