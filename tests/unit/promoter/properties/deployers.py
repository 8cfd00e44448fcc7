"""Simulated deployers: they claim, report in and out of order, fall silent, and come back late."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.unit.promoter.properties.registries import answer_all
from tests.unit.promoter.properties.world import NAME, World

from ownstack_contracts.jobs import (
    Live,
    PostdeployRequested,
    StackDeployRequested,
    StackJob,
    StackLookRequested,
    StackRunRequested,
)
from ownstack_contracts.leases import JobClaimed, JobGranted, LeaseLapsed, LeaseReturned, RunReport
from ownstack_contracts.message import Message
from ownstack_contracts.names import digest_of
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
from ownstack_promoter.underway import Place, place_of

Server = tuple[str, str, str]
"""An app on a stack, and where that is: one that moves holds something else."""


@dataclass(frozen=True)
class Run:
    """One run at a job."""

    request: StackJob
    name: str

    @property
    def about(self) -> dict[str, Any]:
        """What each of its reports says."""
        return {"job": self.request.job, "run": self.name, "app": self.request.app, "stack": self.request.stack}


@dataclass
class Deployers:
    """All deployers of the world, and what is really live on its stacks."""

    world: World
    runs: list[Run] = field(default_factory=list)
    live: dict[Server, Live] = field(default_factory=dict)
    done: dict[str, RunReport] = field(default_factory=dict)
    """What each run did and saw while it held its grant, whether it has told so or not."""

    def server(self, app: str, stack: str) -> Server:
        """Where an app is on a stack now."""
        return app, stack, self.world.team.stacks[stack].address

    def open_requests(self) -> list[StackJob]:
        """The requests whose jobs are open, in order."""
        return [job.request for job in self.world.team.jobs.values()]

    def claim(self, request: StackJob, run: Run | None = None) -> Run | None:
        """A run claims a job; None: it is not granted it."""
        run = run or Run(request, f"r{len(self.runs)}")
        if run not in self.runs:
            self.runs.append(run)
        claimed = JobClaimed(**run.about, deployer="d1")
        granted = [f for f in self.world.report(claimed) if isinstance(f, JobGranted)]
        return run if granted and granted[0].run == run.name else None

    def work(self, request: StackJob, ending: str) -> bool:
        """A run claims a job and, if it is granted it, does all of it; `ending`: good, bad or silent."""
        run = self.claim(request)
        if run is None:
            return False
        outcome = self.end(run, good=ending != "bad")
        for phase in _phases(request, outcome):
            self.world.report(phase(**run.about))
        if ending != "silent":
            self.world.report(outcome)
        return True

    def end(self, run: Run, *, good: bool) -> RunReport:
        """What a run tells last: of what it did while it held its grant; without one it does nothing."""
        if run.name in self.done:
            return self.done[run.name]
        grant = self.world.team.grants.get(place_of(run.request))
        if grant is None or (grant.run, grant.job) != (run.name, run.request.job):
            return LeaseReturned(**run.about)
        self.done[run.name] = self._do(run, good=good)
        return self.done[run.name]

    def _do(self, run: Run, *, good: bool) -> RunReport:
        request, there = run.request, self.live.get(_server(run.request))
        if isinstance(request, StackDeployRequested):
            return self._deploy(run, request, there, good=good)
        if isinstance(request, PostdeployRequested):
            failed = PostdeployFailed(**run.about, code="exit-1", message="It failed.")
            return PostdeploySucceeded(**run.about) if good else failed
        if isinstance(request, StackRunRequested):
            failed_run = StackRunFailed(**run.about, code="unreachable", message="It does not answer.")
            return StackRunEnded(**run.about, exit_code=3, lines=1) if good else failed_run
        if isinstance(request, StackLookRequested):
            return StackObserved(**run.about, live=there) if good else _look_failed(run)
        return self._remove(run, there, good=good)

    def _deploy(self, run: Run, request: StackDeployRequested, there: Live | None, *, good: bool) -> RunReport:
        """A driver refuses what is older than what it finds."""
        stale = there is not None and there.generation > request.generation
        if request.unless_live and there is not None and not stale and _holds_image(request, there):
            return StackDeploySucceeded(**run.about, live=there, unchanged=True)
        if stale or not good:
            code = "stale" if stale else "exit-1"
            return StackDeployFailed(**run.about, phase="release-task", code=code, message="It failed.", live=there)
        live = self.live[_server(request)] = _released(request)
        return StackDeploySucceeded(**run.about, live=live)

    def _remove(self, run: Run, there: Live | None, *, good: bool) -> RunReport:
        stale = there is not None and there.generation > run.request.generation
        if stale or not good:
            code = "stale" if stale else "exit-1"
            return StackAppRemovalFailed(**run.about, code=code, message="It failed.")
        self.live.pop(_server(run.request), None)
        return StackAppRemoved(**run.about)

    def tell_again(self) -> None:
        """All that was ever done is told again, the latest first: late, doubled, and out of order."""
        for report in reversed(list(self.done.values())):
            self.world.report(report)

    def check_what_is_known(self) -> None:
        """Once all was told, the team knows of each of its stacks what it really holds."""
        for app in self.world.team.apps.values():
            for stack in app.stacks:
                known, there = app.live.get(stack), self.live.get(self.server(app.name, stack))
                told = known and (known.image, known.generation)
                assert told == (there and (there.image, there.generation)), f"{app.name} on {stack}"

    def anything(self, run: Run, number: int, image: str) -> list[Message]:
        """A report that may have nothing to do with where the run is: early, late, of another kind, or untrue."""
        sights = (
            None,
            self.live.get(_server(run.request)),
            Live(image=image),
            Live(reference="dokku/shop:latest"),
            Live(image=image, generation=run.request.generation, team=NAME, app_id=run.request.app_id, release=1),
            Live(image=image, generation=run.request.generation + 2, team="other", app_id="other.1"),
        )
        live = sights[number % len(sights)] or Live(image=image, generation=run.request.generation, team=NAME)
        reports: tuple[RunReport, ...] = (
            ReleaseTaskStarted(**run.about),
            ReleaseTaskSucceeded(**run.about),
            RestartStarted(**run.about),
            StackDeploySucceeded(**run.about, live=live),
            StackDeploySucceeded(**run.about, live=live, unchanged=True),
            StackDeployFailed(**run.about, phase="look", code="odd", message="Odd.", live=sights[number % len(sights)]),
            PostdeployStarted(**run.about),
            PostdeploySucceeded(**run.about),
            PostdeployFailed(**run.about, code="odd", message="Odd."),
            StackObserved(**run.about, live=sights[number % len(sights)]),
            _look_failed(run),
            StackRunEnded(**run.about, exit_code=0, lines=0),
            StackRunFailed(**run.about, code="odd", message="Odd."),
            StackAppRemoved(**run.about),
            StackAppRemovalFailed(**run.about, code="odd", message="Odd."),
            LeaseReturned(**run.about),
            LeaseLapsed(**run.about),
        )
        return self.world.report(reports[number // len(sights) % len(reports)])

    def lapse(self, place: Place) -> None:
        """Nothing was heard of the run that holds the place."""
        grant = self.world.team.grants[place]
        stack = place[1].partition("#")[0]
        self.world.report(LeaseLapsed(job=grant.job, run=grant.run, app=place[0], stack=stack))

    def finish(self, image: str) -> None:
        """The deployers do all that there is to do, once those that fell silent have lapsed. image: that tags mean."""
        for _ in range(200):
            for place in list(self.world.team.grants):
                self.lapse(place)
            answer_all(self.world, image)
            requests = self.open_requests()
            if not requests and not self.world.team.timers.due:
                return
            if not requests or not self.work(requests[0], "good"):  # what is granted no more ends by its deadline
                self.world.now = max(self.world.now, min(self.world.team.timers.due.values()))
                self.world.tick()
        raise AssertionError(f"there is always more to do: {self.open_requests()[:3]}")

    def give_up(self) -> None:
        """No deployer does anything any more, and time passes."""
        for _ in range(200):
            for place in list(self.world.team.grants):
                self.lapse(place)
            due = [at for timer, at in self.world.team.timers.due.items() if not timer.startswith("look:")]
            if not due:
                return
            self.world.now = max(self.world.now, *due)
            self.world.tick()
        raise AssertionError(f"timers for ever: {self.world.team.timers.due}")


def _server(request: StackJob) -> Server:
    return request.app, request.stack, request.address


def _holds_image(request: StackDeployRequested, there: Live) -> bool:
    return there.image is not None and digest_of(there.image) == digest_of(request.image)


def _phases(request: StackJob, outcome: RunReport) -> tuple[type[RunReport], ...]:
    """Of a stack that holds the image already, nothing begins."""
    if isinstance(outcome, StackDeploySucceeded) and outcome.unchanged:
        return ()
    if isinstance(request, StackDeployRequested):
        task = (ReleaseTaskStarted, ReleaseTaskSucceeded) if request.release_task else ()
        return (*task, RestartStarted)
    return (PostdeployStarted,) if isinstance(request, PostdeployRequested) else ()


def _released(request: StackDeployRequested) -> Live:
    return Live(
        image=request.image,
        generation=request.generation,
        deployment=request.deployment,
        release=request.release,
        team=NAME,
        app_id=request.app_id,
    )


def _look_failed(run: Run) -> StackLookFailed:
    return StackLookFailed(**run.about, code="unreachable", message="It does not answer.")
