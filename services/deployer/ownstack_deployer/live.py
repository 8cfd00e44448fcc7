"""What is live on a stack: what a deployment leaves there, and what may be done about what is there."""

from __future__ import annotations

from ownstack_contracts.jobs import Live, StackDeployRequested, StackJob
from ownstack_contracts.names import digest_of
from ownstack_deployer.drivers.port import Job, PhaseFailed


def live_of(job: Job) -> Live:
    """What the stack holds once this deployment has gone live. Raises ValueError if the job deploys nothing."""
    request = job.request
    if not isinstance(request, StackDeployRequested):
        raise ValueError(f"{request.type_name()} deploys nothing")
    return Live(
        image=request.image,
        generation=request.generation,
        deployment=request.deployment,
        release=request.release,
        team=job.team,
        app_id=request.app_id,
    )


def foreign_app(request: StackJob, owner: str | None) -> PhaseFailed:
    """The app of this name is that of another team: `owner`."""
    return PhaseFailed(
        "foreign-app",
        f"{request.stack} has an app {request.app} of team {owner}: it is left alone. "
        "Give the app another name, or have that team take its app from the stack.",
        began=False,
    )


def refuse_if_foreign(team: str, request: StackJob, live: Live | None) -> None:
    """Nothing is done to another team's app. Raises PhaseFailed `foreign-app`."""
    if live is not None and live.is_foreign(team):
        raise foreign_app(request, live.team)


def refuse_if_not_ours(team: str, request: StackJob, live: Live | None) -> None:
    """Nothing newer is overwritten, and nothing of another team. Raises PhaseFailed `stale` or `foreign-app`."""
    refuse_if_foreign(team, request, live)
    if live is not None and live.generation > request.generation:
        raise PhaseFailed(
            "stale",
            f"{request.stack} holds generation {live.generation} of {request.app}, newer than this one "
            f"({request.generation}): it is left as it is. Deploy again to replace it.",
        )


def outcome_lost(request: StackJob) -> PhaseFailed:
    """It is not known how far an earlier run of this deployment has come; it is not live."""
    return PhaseFailed(
        "outcome-lost",
        "An earlier run of this deployment was lost after its release task had begun, and it is not live. The task is "
        f"not run a second time by itself. Retry it: ownstack retry {request.app} --stack {request.stack}",
    )


def is_live(request: StackDeployRequested, live: Live | None) -> bool:
    """Whether this very attempt is what the stack holds."""
    return (
        live is not None
        and (live.deployment, live.generation) == (request.deployment, request.generation)
        and live.image is not None
        and digest_of(live.image) == digest_of(request.image)
    )


def holds_image(request: StackDeployRequested, live: Live | None) -> bool:
    """Whether the stack holds the image of the request, whoever has left it there."""
    return live is not None and live.image is not None and digest_of(live.image) == digest_of(request.image)
