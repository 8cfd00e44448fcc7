"""What holds of a team's state after every decision, whatever was said before."""

from __future__ import annotations

from ownstack_contracts.message import Message
from ownstack_contracts.outcomes import StackDeployUnchanged
from ownstack_contracts.promotions import PromotionEnd
from ownstack_contracts.rollouts import DeployEnd
from ownstack_promoter.configs import Config
from ownstack_promoter.domain import Team
from ownstack_promoter.model import App
from ownstack_promoter.underway import Rollout


def check_before_folding(team: Team, fact: Message) -> None:
    """A fact that says what a stack holds says what is known."""
    if isinstance(fact, StackDeployUnchanged):
        holding = team.apps[fact.app].live.get(fact.stack)
        assert holding is not None, f"{fact}: nothing is known to be live there"
        removals = [j for j in team.jobs.values() if j.kind == "remove" and j.place == (fact.app, fact.stack)]
        assert not removals, f"{fact}: but it is about to be removed there"
        assert holding.content == team.rollouts[fact.rollout].content_on(fact.stack), (
            f"{fact}: something else is live there"
        )


def check_after_folding(team: Team, fact: Message) -> None:
    """An end says of each stack what became of it."""
    if not isinstance(fact, PromotionEnd | DeployEnd):
        return
    name = fact.promotion if isinstance(fact, PromotionEnd) else fact.rollout
    rollout = team.rollouts.get(name)
    if rollout is None:
        return  # it never started
    told = {result.stack: result.outcome for result in fact.results}
    assert told == {d.stack: d.state for d in rollout.deployments.values()}, fact


def check(team: Team) -> None:
    """The parts of the state fit each other."""
    for app in team.apps.values():
        _check_app(team, app)
    for rollout in team.rollouts.values():
        _check_rollout(team, rollout)
    for place, grant in team.grants.items():
        job = team.jobs.get(grant.job)
        assert job is None or job.place == place
    for name, job in team.jobs.items():
        timer = f"{'waiting' if job.running_until is None else 'running'}:{name}"
        assert timer in team.timers.due or (job.kind == "look" and job.running_until is None), (
            f"{name} may wait for ever"
        )
    for timer in team.timers.due:
        _check_timer(team, timer)
    _check_what_waits(team)


def _check_timer(team: Team, timer: str) -> None:
    kind, _, subject = timer.partition(":")
    if kind == "look":
        app_name, _, stack = subject.partition("@")
        assert stack in team.apps[app_name].stacks, timer
    elif kind == "check":
        assert subject in team.checks, f"{timer} of no check"
    elif kind == "image":
        assert subject in team.image_jobs, f"{timer} of no image job"
    elif kind == "expire":
        assert not team.reviews[subject].closing, f"{timer}, but it goes already"
    elif kind == "close":
        assert team.reviews[subject].closing, f"{timer}, but its pull request is open"
        assert team.apps[subject].active is None, f"{timer}, but it does not rest"
    else:
        assert subject in team.jobs, f"{timer} of no job"


def _check_what_waits(team: Team) -> None:
    for looking in team.lookings.values():
        assert looking.looks, f"{looking.id} waits for no look"
        assert looking.looks <= set(team.jobs), f"{looking.id} waits for a look that is over"
        assert {looking.source, looking.target} <= set(team.apps), looking.id
    for waiting in team.imports.values():
        assert waiting.job in team.jobs, f"{waiting.app} waits for a look that is over"
        assert waiting.app not in team.apps
    for check in team.checks:
        assert f"check:{check}" in team.timers.due
    _check_image_jobs(team)
    _check_reviews(team)


def _check_image_jobs(team: Team) -> None:
    for resolving in team.resolvings.values():
        assert resolving.job in team.image_jobs, f"{resolving.id} waits for what was never asked, or is answered"
        app = team.apps[resolving.app]
        assert app.id == resolving.app_id, f"{resolving.id} is of an app that is gone"
        assert set(resolving.stacks) <= set(app.stacks), f"{resolving.id} is for stacks that {app.name} has left"
        assert resolving.id not in team.rollouts
    for name, job in team.image_jobs.items():
        assert team.timers.due[f"image:{name}"] == job.waiting_until, f"{name} may wait for ever"
        assert name == job.job
        waits = team.resolvings.get(job.rollout) or team.rollouts[job.rollout]
        assert name == (waits.image_job if isinstance(waits, Rollout) else waits.job), f"nobody waits for {name}"
        if isinstance(waits, Rollout):
            assert waits.state == "active"
            assert waits.unasked == set(waits.stacks), f"{waits.id} has asked stacks before {name} has ended"


def _check_reviews(team: Team) -> None:
    for name, review in team.reviews.items():
        app = team.apps[name]
        assert team.pipeline_with(name) is None, f"{name} is a review app and a stage"
        assert (review.production, review.number) not in team.closed_reviews, f"{name} is known twice"
        if review.closing:
            assert app.active is not None or f"close:{name}" in team.timers.due, f"{name} stays for ever"


def _check_app(team: Team, app: App) -> None:
    assert set(app.live) <= set(app.stacks), f"{app.name} is known to be live where it is not"
    assert set(app.stacks) <= set(team.stacks)
    assert set(app.config.stacks) <= set(app.stacks), f"{app.name} has variables of stacks that it has left"
    afresh = Config.of(app.config.shared, app.config.stacks)
    assert [app.config.fingerprint, *map(app.config.fingerprint_on, app.stacks)] == [
        afresh.fingerprint,
        *map(afresh.fingerprint_on, app.stacks),
    ]
    if app.active is None:
        assert not app.queue, f"{app.name}: a queue that nothing leads"
        return
    rollout = team.rollouts[app.active]
    assert rollout.app == app.name
    assert rollout.open or rollout.open_postdeploys, f"{app.name} waits for {app.active}, which has nothing to do"
    if rollout.image_job in team.image_jobs:
        return  # its image is being tagged
    of_app = {j.rollout for j in team.jobs.values() if j.request.app == app.name and j.rollout is not None}
    assert of_app == {app.active}, f"{app.name}: jobs of {of_app}, while {app.active} is active"


def _check_rollout(team: Team, rollout: Rollout) -> None:
    deployments = rollout.deployments.values()
    assert rollout.open == {d.stack for d in deployments if d.is_open}, rollout.id
    assert rollout.unasked == {d.stack for d in deployments if d.state == "pending"}, rollout.id
    assert rollout.open_postdeploys == {p.stack for p in rollout.postdeploys.values() if p.outcome is None}
    for deployment in deployments:
        if deployment.is_open and deployment.state != "pending":
            assert deployment.job in team.jobs, f"{deployment.id} waits for a job that is over"
    app = team.apps[rollout.app]
    assert rollout.id in (app.active, app.last) or rollout.id in app.queue, f"{rollout.id} is nobody's"
    if rollout.state == "active":
        assert app.active == rollout.id
