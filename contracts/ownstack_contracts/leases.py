"""Leases: the claims and grants under which a run, and no other, works on a job."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ownstack_contracts.message import Fact, Many, Report
from ownstack_contracts.names import AppName, Identifier, Milliseconds, Seconds, StackName

JobKind = Literal["deploy", "postdeploy", "look", "remove", "run"]
CloseReason = Literal["ended", "expired", "superseded", "cancelled"]


class JobClaimed(Report):
    """A run (of a deployer that received the job) wants to begin. Repeated every 5 s while it waits."""

    job: Identifier
    run: Identifier
    app: AppName
    stack: StackName
    deployer: Annotated[str, Field(max_length=200)] = ""


class JobGranted(Fact):
    """`run`, and no other, may work on `job` for `lease` seconds, longer with each heartbeat and report.

    uncertain: an earlier run's lease lapsed, so its outcome is unknown: wait for the stack-side lock and look first.
    release_task_done: the release task has been reported as succeeded by an earlier run; release_task_began: as begun.
    running_until: past it, nothing starts.
    """

    job: Identifier
    kind: JobKind
    run: Identifier
    app: AppName
    stack: StackName
    lease: Seconds
    uncertain: bool
    release_task_done: bool
    release_task_began: bool = False
    running_until: Milliseconds


class JobClosed(Fact):
    """The job is over: no run will be granted it any more."""

    job: Identifier
    app: AppName
    stack: StackName
    reason: CloseReason


class Heartbeat(Report):
    """These runs go on. Extends their leases; is no fact."""

    runs: Annotated[Many[Identifier], Field(min_length=1, max_length=1_000)]


class RunReport(Report):
    """What a run says of its job."""

    job: Identifier
    run: Identifier
    app: AppName
    stack: StackName


class LeaseReturned(RunReport):
    """The run gives its grant back before it has touched the stack."""


class LeaseLapsed(RunReport):
    """The owner of the partition heard nothing of the run for the length of its lease: the run is over."""


class ClockTicked(Report):
    """Time has passed: timers that are due happen. Of no team; published by the partition's owner to itself."""
