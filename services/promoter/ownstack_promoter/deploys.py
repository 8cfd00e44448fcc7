"""Deploys: what is deployed without a promotion. A tag is resolved to a digest before anything is opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ownstack_contracts.images import ImageNotResolved, ImageResolved, ImageResolveRequested
from ownstack_contracts.message import Message
from ownstack_contracts.names import parse_image
from ownstack_contracts.rollouts import DeployBegun, DeployFailed, DeployOpened, DeployRequested
from ownstack_promoter.change import Change
from ownstack_promoter.dispatch import Moment, decides, evolves
from ownstack_promoter.endings import not_begun
from ownstack_promoter.imagejobs import resolve
from ownstack_promoter.model import App
from ownstack_promoter.rollouts import admit, refuse_taken, stacks_of, supersede_resolving
from ownstack_promoter.team import Team
from ownstack_promoter.underway import Resolving, Rollout


@decides(DeployRequested)
def deploy(team: Team, command: DeployRequested, moment: Moment) -> Iterator[Message]:
    app = team.app(command.app)
    refuse_taken(team, moment.id)
    stacks = stacks_of(team, app, command.stacks)
    yield command
    if parse_image(command.image).digest is None:
        yield from begin(team, app, command.image, stacks, moment, redeploy=command.redeploy)
    else:
        yield from open_deploy(team, opened(app, command.image, stacks, moment, redeploy=command.redeploy), app, moment)


def opened(
    app: App,
    image: str | None,
    stacks: Sequence[str],
    moment: Moment,
    *,
    redeploy: bool = False,
    config_change: bool = False,
) -> DeployOpened:
    """A deployment that the command of this moment opens."""
    return DeployOpened(
        rollout=moment.id,
        app=app.name,
        app_id=app.id,
        image=image,
        stacks=tuple(stacks),
        redeploy=redeploy,
        requester=moment.actor,
        config_change=config_change,
    )


def open_deploy(
    team: Team, fact: DeployOpened, app: App, moment: Moment, change: Change | None = None
) -> Iterator[Message]:
    """What is deployed is recorded for good, and the rollout starts or waits."""
    yield fact
    yield from admit(team, rollout_of_deploy(fact), app, moment, change)


def begin(
    team: Team, app: App, reference: str, stacks: Sequence[str], moment: Moment, *, redeploy: bool, missing: int = 0
) -> Iterator[Message]:
    """Find the digest of a tag first. missing: for how long the image may not be there yet, in ms."""
    yield from supersede_resolving(team, app, moment.id, stacks)
    begun = DeployBegun(
        rollout=moment.id,
        app=app.name,
        app_id=app.id,
        reference=reference,
        stacks=tuple(stacks),
        redeploy=redeploy,
        requester=moment.actor,
    )
    yield begun
    yield resolve(_resolving(begun), moment, missing=missing)


def _resolving(fact: DeployBegun) -> Resolving:
    return Resolving(
        fact.rollout, fact.app, fact.app_id, fact.reference, tuple(fact.stacks), fact.redeploy, fact.requester
    )


@evolves(DeployBegun)
def deploy_begun(team: Team, fact: DeployBegun) -> None:
    team.leave_to(fact.app, fact.rollout, fact.stacks)
    team.resolvings[fact.rollout] = _resolving(fact)


def waits_for(team: Team, job: str) -> Resolving | None:
    """The deployment that waits for this answer."""
    request = team.image_jobs.get(job)
    return team.resolvings[request.rollout] if isinstance(request, ImageResolveRequested) else None


@decides(ImageResolved)
def image_resolved(team: Team, report: ImageResolved, moment: Moment) -> Iterator[Message]:
    if (waiting := waits_for(team, report.job)) is None:
        return
    if parse_image(report.image).repository != parse_image(waiting.reference).repository:
        message = f"{waiting.reference} was said to be {report.image}, which is in another repository."
        yield ImageNotResolved(job=report.job, app=waiting.app, code="registry-invalid", message=message)
        yield unresolved(waiting, "registry-invalid", message)
        return
    yield report
    fact = DeployOpened(
        rollout=waiting.id,
        app=waiting.app,
        app_id=waiting.app_id,
        image=report.image,
        stacks=waiting.stacks,
        redeploy=waiting.redeploy,
        requester=waiting.requester,
    )
    yield from open_deploy(team, fact, team.apps[waiting.app], moment)


@evolves(ImageResolved)
def resolved(team: Team, fact: ImageResolved) -> None:
    team.close_image_job(fact.job)


@decides(ImageNotResolved)
def image_not_resolved(team: Team, report: ImageNotResolved, _: Moment) -> Iterator[Message]:
    if (waiting := waits_for(team, report.job)) is not None:
        yield report
        yield unresolved(waiting, report.code, report.message)


@evolves(ImageNotResolved)
def not_resolved(team: Team, fact: ImageNotResolved) -> None:
    team.close_image_job(fact.job)


def unresolved(waiting: Resolving, code: str, message: str) -> DeployFailed:
    """The end of a deployment whose image is not known."""
    return DeployFailed(
        rollout=waiting.id,
        app=waiting.app,
        results=not_begun(waiting, "skipped", code),
        code=code,
        message=message,
    )


def unanswered_resolve(team: Team, request: ImageResolveRequested) -> Iterator[Message]:
    """What the owner of the partition says when no deployer does."""
    code, message = "no-deployer", f"No deployer has found out in time what {request.reference} is."
    yield ImageNotResolved(job=request.job, app=request.app, code=code, message=message)
    yield unresolved(team.resolvings[request.rollout], code, message)


def rollout_of_deploy(fact: DeployOpened) -> Rollout:
    """The rollout that a deployment request opens."""
    return Rollout(
        fact.rollout,
        "deploy",
        fact.app,
        fact.app_id,
        fact.image,
        tuple(fact.stacks),
        fact.redeploy,
        rolled_back_to=fact.rolled_back_to,
        config_change=fact.config_change,
    )


@evolves(DeployOpened)
def deploy_opened(team: Team, fact: DeployOpened) -> None:
    if not fact.config_change:
        team.leave_to(fact.app, fact.rollout, fact.stacks)
    if (waiting := team.resolvings.pop(fact.rollout, None)) is not None:
        team.close_image_job(waiting.job)
    team.rollouts[fact.rollout] = rollout_of_deploy(fact)
