"""After a cut: brings a team of which only the first facts of a decision were written to where it can go on."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ownstack_contracts.apps import AppCreated, AppDestroyed, AppStackAdded, AppStackRemoved, StackAppLeftBehind
from ownstack_contracts.config import ConfigErased
from ownstack_contracts.images import ImageRetagged, ImageRetagSkipped
from ownstack_contracts.jobs import StackAppRemovalRequested
from ownstack_contracts.leases import JobClosed, LeaseLapsed
from ownstack_contracts.message import Message
from ownstack_contracts.outcomes import StackDeployCancelled
from ownstack_contracts.promotions import PromotionOpened
from ownstack_contracts.rejections import DecisionCut
from ownstack_contracts.reviews import AppCloned, ReviewAppExpired, ReviewAppOpened, ReviewAppUpdated, review_app
from ownstack_contracts.rollouts import DeployOpened, RolloutStarted
from ownstack_contracts.stacks import StackChanged
from ownstack_promoter.change import Change
from ownstack_promoter.deployments import skip_those_that_waited
from ownstack_promoter.deploys import unresolved
from ownstack_promoter.dispatch import Moment, evolve
from ownstack_promoter.endings import failed_before_start
from ownstack_promoter.imports import import_failed
from ownstack_promoter.looks import look
from ownstack_promoter.postdeploys import lost
from ownstack_promoter.reviews import update
from ownstack_promoter.rollouts import conclude, start_next
from ownstack_promoter.sources import failed
from ownstack_promoter.team import Team
from ownstack_promoter.underway import Rollout

CODE = "decision-cut"


class Before(NamedTuple):
    """An app as it was before the decision."""

    app_id: str
    stacks: Sequence[str]


Apps = Mapping[str, Before]
"""By their names."""


def after_cut(team: Team, cut: DecisionCut, written: Sequence[Message], before: Apps, moment: Moment) -> list[Message]:
    """What follows `cut`; `written`: the facts of the decision that `team` holds already. The team is left as it is."""
    trial = copy.deepcopy(team)
    evolve(trial, cut)
    facts: list[Message] = []

    def happen(step: Iterator[Message]) -> None:
        for fact in list(step):
            evolve(trial, fact)
            facts.append(fact)

    happen(_what_no_look_will_tell(trial))
    happen(_left_behind(written, before))
    happen(_looks(trial, written, moment))
    happen(_lost_scripts(trial, written))
    happen(_review_apps(trial, written, moment))
    for name in _opened(trial, written):
        if (rollout := trial.rollouts.get(name)) is not None:
            happen(_fail(trial, rollout))
    for app in trial.apps.values():
        if app.active is not None:
            happen(_skip_what_nobody_asks_for(trial, trial.rollouts[app.active]))
        if app.active is not None:
            happen(conclude(trial, trial.rollouts[app.active], Change(), moment))
        if app.active is None:
            happen(start_next(trial, app, Change(), moment))
    return facts


def _what_no_look_will_tell(team: Team) -> Iterator[Message]:
    """Promotions, imports and deployments that wait for what was never asked for, or has ended without them."""
    for looking in team.lookings.values():
        if not looking.looks or not looking.looks <= team.jobs.keys():
            yield failed(looking, CODE, "It was cut before its source was looked at.")
    for waiting in team.imports.values():
        if waiting.job not in team.jobs:
            yield import_failed(waiting, CODE, "It was cut before the stack was looked at.")
    for resolving in team.resolvings.values():
        if resolving.job not in team.image_jobs or not resolving.stacks:
            yield unresolved(resolving, CODE, "It was cut before a registry was asked.")
        elif resolving.app not in team.apps:
            yield unresolved(resolving, CODE, f"{resolving.app} is gone.")


_UNKNOWN = Before("unknown", ())


def _left_behind(written: Sequence[Message], before: Apps) -> Iterator[Message]:
    asked = {fact.stack for fact in written if isinstance(fact, StackAppRemovalRequested)}
    erased = {fact.app_id for fact in written if isinstance(fact, ConfigErased)}
    for fact in written:
        if not isinstance(fact, AppDestroyed | AppStackRemoved):
            continue
        app = before.get(fact.app, _UNKNOWN)
        if isinstance(fact, AppDestroyed) and app.app_id not in erased:
            yield ConfigErased(app=fact.app, app_id=app.app_id)
        for stack in app.stacks if isinstance(fact, AppDestroyed) else (fact.stack,):
            if stack not in asked:
                yield StackAppLeftBehind(
                    app=fact.app, app_id=app.app_id, stack=stack, code=CODE, message="It was never asked to remove it."
                )


def _looks(team: Team, written: Sequence[Message], moment: Moment) -> Iterator[Message]:
    for fact in written:
        if isinstance(fact, StackChanged):
            yield from _looks_at_where_it_is(team, fact.stack, moment)
        if not isinstance(fact, AppCreated | AppCloned | AppStackAdded) or (app := team.apps.get(fact.app)) is None:
            continue
        asked = {job.request.stack for job in team.jobs.values() if job.kind == "look" and job.request.app == app.name}
        for stack in app.stacks:
            if stack not in asked and stack not in app.live and f"look:{app.name}@{stack}" not in team.timers.due:
                yield look(team, app.name, app.id, stack, moment)


def _looks_at_where_it_is(team: Team, stack: str, moment: Moment) -> Iterator[Message]:
    """A stack may have moved: looks at where it was are over, and it is looked at where nothing is known of it."""
    for app in team.apps.values():
        if stack not in app.stacks or stack in app.live:
            continue
        looks = [j.request for j in team.jobs.values() if j.kind == "look" and j.place == (app.name, stack)]
        for request in looks:
            if request.address != team.stacks[stack].address:
                yield JobClosed(job=request.job, app=app.name, stack=stack, reason="cancelled")
        if not any(request.address == team.stacks[stack].address for request in looks):
            yield look(team, app.name, app.id, stack, moment)


def _lost_scripts(team: Team, written: Sequence[Message]) -> Iterator[Message]:
    for fact in written:
        job = team.jobs.get(fact.job) if isinstance(fact, LeaseLapsed) else None
        if job is not None and job.kind == "postdeploy":
            yield lost(job)
            yield JobClosed(job=job.request.job, app=job.request.app, stack=job.request.stack, reason="ended")


def _review_apps(team: Team, written: Sequence[Message], moment: Moment) -> Iterator[Message]:
    """Of a review app that was not made nothing is left; one that was must not live for ever."""
    if any(isinstance(fact, ReviewAppUpdated) for fact in written):
        return
    for fact in written:
        if not isinstance(fact, ReviewAppOpened):
            continue
        name = review_app(fact.production, fact.number)
        pipeline = team.pipelines[fact.production]
        app = team.apps.get(name)
        if (app is None or app.id != fact.app_id) and not any(isinstance(other, ConfigErased) for other in written):
            yield ConfigErased(app=name, app_id=fact.app_id)
        if app is None:
            yield ReviewAppExpired(production=fact.production, app=name, number=fact.number)
        elif pipeline.reviews is not None:
            yield update(fact, app, pipeline.reviews, moment)


def _opened(team: Team, written: Sequence[Message]) -> dict[str, None]:
    """The rollouts that the decision opened or started, or of which it asked the stacks once their image was tagged."""
    opened: dict[str, None] = {}
    for fact in written:
        if isinstance(fact, PromotionOpened):
            opened[fact.promotion] = None
        elif isinstance(fact, DeployOpened | RolloutStarted):
            opened[fact.rollout] = None
        elif isinstance(fact, ImageRetagged | ImageRetagSkipped):
            opened.update({name: None for name, rollout in team.rollouts.items() if rollout.image_job == fact.job})
    return opened


def _fail(team: Team, rollout: Rollout) -> Iterator[Message]:
    app = team.apps[rollout.app]
    if rollout.state == "queued" and rollout.id not in app.queue:
        yield failed_before_start(rollout, CODE, "It was cut before it had started.")
    elif rollout.state == "active":
        for stack in rollout.stacks:
            deployment = rollout.deployments[stack]
            if deployment.state == "asked" and deployment.job is not None:
                yield StackDeployCancelled(job=deployment.job, deployment=deployment.id, app=rollout.app, stack=stack)
                yield JobClosed(job=deployment.job, app=rollout.app, stack=stack, reason="cancelled")
        yield from skip_those_that_waited(rollout, Change(), CODE)


def _skip_what_nobody_asks_for(team: Team, rollout: Rollout) -> Iterator[Message]:
    if (
        rollout.unasked
        and rollout.image_job not in team.image_jobs
        and not any(job.rollout == rollout.id for job in team.jobs.values())
    ):
        yield from skip_those_that_waited(rollout, Change(), CODE)
