"""How rollouts end: what became of each stack, and what that makes of the whole."""

from __future__ import annotations

from typing import Any

from ownstack_contracts.message import Message
from ownstack_contracts.promotions import (
    PromotionCancelled,
    PromotionEnd,
    PromotionFailed,
    PromotionPartiallySucceeded,
    PromotionSucceeded,
    PromotionSuperseded,
)
from ownstack_contracts.rollouts import (
    DeployCancelled,
    DeployEnd,
    DeployFailed,
    DeployPartiallySucceeded,
    DeploySucceeded,
    DeploySuperseded,
    PostdeployOutcome,
    StackOutcome,
    StackResult,
)
from ownstack_promoter.change import Change
from ownstack_promoter.dispatch import evolves
from ownstack_promoter.team import Team, listed
from ownstack_promoter.underway import Resolving, Rollout

_ENDS: dict[str, tuple[type[PromotionEnd], type[DeployEnd]]] = {
    "succeeded": (PromotionSucceeded, DeploySucceeded),
    "partially-succeeded": (PromotionPartiallySucceeded, DeployPartiallySucceeded),
    "failed": (PromotionFailed, DeployFailed),
    "cancelled": (PromotionCancelled, DeployCancelled),
}


def end_of(
    rollout: Rollout, change: Change, release: int | None, *, code: str | None = None, message: str | None = None
) -> Message:
    """The fact that ends a rollout, all of whose stacks have ended."""
    results = results_of(rollout, change)
    postdeploy = postdeploy_of(rollout, change)
    status = _status(results, postdeploy, cancelled=rollout.cancelled or change.cancelled)
    if code is None:
        code, message = _reason(results, postdeploy)
    about: dict[str, Any] = {
        **_names(rollout),
        "release": release,
        "results": results,
        "postdeploy": postdeploy,
        "code": code,
        "message": message,
    }
    return _ENDS[status][rollout.kind == "deploy"](**about)


def _names(rollout: Rollout) -> dict[str, str | None]:
    if rollout.kind == "promotion":
        return {"promotion": rollout.id, "source": rollout.source, "target": rollout.app}
    return {"rollout": rollout.id, "app": rollout.app}


def results_of(rollout: Rollout, change: Change) -> tuple[StackResult, ...]:
    """What became of each stack, in the app's order."""
    return tuple(_result(rollout, change, stack) for stack in rollout.stacks)


def _result(rollout: Rollout, change: Change, stack: str) -> StackResult:
    if (ended := change.ended.get(stack)) is not None:
        return StackResult(stack=stack, outcome=ended.outcome, code=ended.code)
    known = rollout.deployments[stack]
    return StackResult(stack=stack, outcome=known.state, code=known.code)  # type: ignore[arg-type]


def postdeploy_of(rollout: Rollout, change: Change) -> PostdeployOutcome | None:
    """The worst of its post-deploy scripts; None if none ran."""
    outcomes = {change.postdeploys.get(s, p.outcome) for s, p in rollout.postdeploys.items()}
    worst_first: tuple[PostdeployOutcome, ...] = ("unknown", "failed", "succeeded")
    return next((o for o in worst_first if o in outcomes), None)


def _status(results: tuple[StackResult, ...], postdeploy: PostdeployOutcome | None, *, cancelled: bool) -> str:
    holding = sum(r.outcome in ("succeeded", "unchanged") for r in results)
    if cancelled and holding < len(results):
        return "cancelled"
    if holding == 0:
        return "failed"
    if holding == len(results) and postdeploy in (None, "succeeded"):
        return "succeeded"
    return "partially-succeeded"


def _reason(results: tuple[StackResult, ...], postdeploy: PostdeployOutcome | None) -> tuple[str | None, str | None]:
    failed = [r.stack for r in results if r.outcome in ("failed", "expired", "skipped")]
    if failed:
        return "stacks-failed", f"The release did not come to {listed(failed)}."
    if postdeploy in ("failed", "unknown"):
        return f"postdeploy-{postdeploy}", f"The outcome of the post-deploy script is: {postdeploy}."
    return None, None


def superseded(rollout: Rollout, by: str) -> Message:
    """The end of a rollout that waited until a newer one took its place."""
    results = tuple(StackResult(stack=s, outcome="superseded") for s in rollout.stacks)
    kind = PromotionSuperseded if rollout.kind == "promotion" else DeploySuperseded
    return kind(**_names(rollout), results=results, superseded_by=by)  # type: ignore[arg-type]


def cancelled_in_queue(rollout: Rollout) -> Message:
    """The end of a rollout that was cancelled while it waited."""
    results = tuple(StackResult(stack=s, outcome="cancelled") for s in rollout.stacks)
    kind = PromotionCancelled if rollout.kind == "promotion" else DeployCancelled
    return kind(**_names(rollout), results=results)  # type: ignore[arg-type]


def failed_before_start(rollout: Rollout, code: str, message: str) -> Message:
    """The end of a rollout that could not even start."""
    results = tuple(StackResult(stack=s, outcome="skipped", code=code) for s in rollout.stacks)
    kind = PromotionFailed if rollout.kind == "promotion" else DeployFailed
    return kind(**_names(rollout), results=results, code=code, message=message)  # type: ignore[arg-type]


def not_begun(waiting: Resolving, outcome: StackOutcome, code: str | None = None) -> tuple[StackResult, ...]:
    """What becomes of the stacks of a deployment whose image was never known."""
    return tuple(StackResult(stack=stack, outcome=outcome, code=code) for stack in waiting.stacks)


def _ended(team: Team, name: str) -> None:
    if name in team.lookings:
        team.end_looking(name)
        return
    if (waiting := team.resolvings.pop(name, None)) is not None:
        team.close_image_job(waiting.job)
        return
    rollout = team.rollouts[name]
    team.close_image_job(rollout.image_job)
    app = team.apps[rollout.app]
    if rollout.state == "queued":
        if name in app.queue:
            app.queue.remove(name)
        del team.rollouts[name]
        return
    rollout.state = "ended"
    rest_if_done(team, rollout)


def rest_if_done(team: Team, rollout: Rollout) -> None:
    """Fold: an ended rollout of which nothing is under way lets its app go."""
    if rollout.state != "ended" or rollout.open or rollout.open_postdeploys:
        return
    app = team.apps[rollout.app]
    if app.active == rollout.id:
        app.active = None
        review = team.reviews.get(app.name)
        if review is not None and review.closing:
            team.timers.set(f"close:{app.name}", 0)


def _promotion_ended(team: Team, fact: PromotionEnd) -> None:
    _ended(team, fact.promotion)


def _deploy_ended(team: Team, fact: DeployEnd) -> None:
    _ended(team, fact.rollout)


for _of_promotion, _of_deploy in _ENDS.values():
    evolves(_of_promotion)(_promotion_ended)
    evolves(_of_deploy)(_deploy_ended)
evolves(PromotionSuperseded)(_promotion_ended)
evolves(DeploySuperseded)(_deploy_ended)
