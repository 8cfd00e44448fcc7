"""What is done for each kind of job: its phases in their order, and what is reported at its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Literal

from ownstack_contracts.jobs import (
    Live,
    PostdeployRequested,
    StackAppRemovalRequested,
    StackDeployRequested,
    StackJob,
    StackLookRequested,
    StackRunRequested,
)
from ownstack_contracts.leases import RunReport
from ownstack_contracts.reports import (
    PostdeployFailed,
    PostdeployStarted,
    PostdeploySucceeded,
    ReleaseTaskStarted,
    ReleaseTaskSucceeded,
    RestartStarted,
    StackAppRemovalFailed,
    StackAppRemoved,
    StackDeployFailed,
    StackDeploySucceeded,
    StackLookFailed,
    StackObserved,
    StackRunEnded,
    StackRunFailed,
)
from ownstack_deployer.drivers.port import PhaseFailed, Place
from ownstack_deployer.live import (
    holds_image,
    is_live,
    live_of,
    outcome_lost,
    refuse_if_foreign,
    refuse_if_not_ours,
)
from ownstack_deployer.runs import LeaseOver, Run

DeployPhase = Literal["look", "release-task", "restart"]


async def deploy(run: Run, place: Place) -> RunReport:
    """Look first; then the release task, if this stack runs it and it has not been done; then the restart."""
    request = run.job.request
    assert isinstance(request, StackDeployRequested)
    phase: DeployPhase = "look"
    live: Live | None = None
    try:
        live = await run.look(place)
        if is_live(request, live):  # an earlier run got so far
            return run.report(StackDeploySucceeded, live=live)
        refuse_if_not_ours(run.job.team, request, live)
        if request.unless_live and holds_image(request, live):
            return run.report(StackDeploySucceeded, live=live, unchanged=True)
        if not run.outcomes.ended:
            run.need_config()
        phase = "release-task"
        _refuse_a_second_task(run)
        if request.release_task and not run.grant.release_task_done:
            ran = await run.phase(phase, place.release_task, ReleaseTaskStarted)
            await run.say_durably(run.report(ReleaseTaskSucceeded, ran=ran))
        phase = "restart"
        postdeploy_done = await run.phase(phase, place.restart, RestartStarted)
    except PhaseFailed as failure:
        if phase == "restart" or failure.in_doubt:
            live = await run.look_after_all(place)  # the old version, one hopes
        return _deploy_failed(run, phase, failure, live)
    return run.report(StackDeploySucceeded, live=live_of(run.job), postdeploy_done=postdeploy_done)


def _refuse_a_second_task(run: Run) -> None:
    """A deployment that runs the release task itself is not begun anew once an earlier run has begun the task; unless
    that ended in this process, so that its outcome is told. Raises PhaseFailed `outcome-lost`."""
    grant, known = run.grant, run.outcomes.ended
    if not grant.uncertain or not (grant.release_task_began or grant.release_task_done):
        return
    if "restart" in known or isinstance(known.get("release-task"), PhaseFailed):
        return
    if run.driver.repeats_release_task(run.job.request):
        raise outcome_lost(run.job.request)


def _deploy_failed(run: Run, phase: DeployPhase, failure: PhaseFailed, live: Live | None) -> RunReport:
    # Of an uncertain run an earlier one may have begun it, and from the restart on it is said how it ended.
    surely_not_begun = phase == "release-task" and not failure.began and not run.grant.uncertain
    return run.report(
        StackDeployFailed,
        phase=phase,
        code=failure.code,
        message=run.told(failure),
        live=live,
        release_task_began=not surely_not_begun,
    )


async def postdeploy(run: Run, place: Place) -> RunReport:
    """Run the script. It is granted once ever, so it is not looked first: there is nothing to find out."""
    await run.phase("post-deploy", place.post_deploy, PostdeployStarted)
    return run.report(PostdeploySucceeded)


async def look(run: Run, place: Place) -> RunReport:
    """Look, and tell; also the names of the config variables, if they are asked for and not another team's."""
    request = run.job.request
    assert isinstance(request, StackLookRequested)
    live = await run.look(place)
    ours = live is None or not live.is_foreign(run.job.team)
    keys = await run.config_keys(place) if request.config and ours else None
    return run.report(StackObserved, live=live, config_keys=None if keys is None else tuple(keys))


async def remove(run: Run, place: Place) -> RunReport:
    """Look first: nothing newer is removed, nothing of others, and nothing a second time that does not bear it."""
    request = run.job.request
    live = await run.look(place)
    if live is None and run.grant.uncertain and not run.driver.removes_again(request):
        return run.report(StackAppRemoved)
    refuse_if_not_ours(run.job.team, request, live)
    await run.phase("remove", place.remove, None)
    return run.report(StackAppRemoved)


async def command(run: Run, place: Place) -> RunReport:
    """Run it, in an app that is not another team's. It is granted once ever, as a post-deploy script is."""
    request = run.job.request
    assert isinstance(request, StackRunRequested)
    if "run" not in run.outcomes.ended:
        refuse_if_foreign(run.job.team, request, await run.look(place))
    exit_code = await run.phase("run", partial(place.run, request.command), None)
    return run.report(StackRunEnded, exit_code=exit_code, lines=run.outcomes.lines)


Steps = Callable[[Run, Place], Awaitable[RunReport]]

STEPS: Mapping[type[StackJob], Steps] = MappingProxyType(
    {
        StackDeployRequested: deploy,
        PostdeployRequested: postdeploy,
        StackLookRequested: look,
        StackAppRemovalRequested: remove,
        StackRunRequested: command,
    }
)


def failed(run: Run, failure: PhaseFailed) -> RunReport:
    """How a job of its kind says that it failed before, or outside of, its phases."""
    kind = type(run.job.request)
    if kind is StackDeployRequested:
        return _deploy_failed(run, "look", failure, None)
    return run.report(_FAILURES[kind], code=failure.code, message=run.told(failure))


_FAILURES: Mapping[type[StackJob], type[RunReport]] = MappingProxyType(
    {
        PostdeployRequested: PostdeployFailed,
        StackLookRequested: StackLookFailed,
        StackAppRemovalRequested: StackAppRemovalFailed,
        StackRunRequested: StackRunFailed,
    }
)


async def carry_out(run: Run) -> bool:
    """Carry out a grant: lock, phases, last report.

    Returns whether the job is sure to be over; if not (the lease ran out), it is to be claimed anew. Cancelled before
    it has touched the stack, it gives the grant back.
    """
    try:
        final = await _phases(run)
        return await run.end(final)
    except LeaseOver:
        run.give_back()
        return False
    except BaseException:
        run.give_back()
        raise


async def _phases(run: Run) -> RunReport:
    await run.open_config()
    try:
        async with run.driver.hold(run.job) as place:
            return await STEPS[type(run.job.request)](run, place)
    except PhaseFailed as failure:
        return failed(run, failure)
