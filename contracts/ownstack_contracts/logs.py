"""Logs: the output of what runs on stacks. They are not history."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ownstack_contracts.message import Many, Report
from ownstack_contracts.names import AppName, Identifier, Number, StackName

LogText = Annotated[str, Field(max_length=4_000)]


class DeploymentLogged(Report):
    """Lines that a phase of a job printed. `number`: of the first line, counted per run from 0.

    app_id: of which creation of the app. One that was destroyed and made anew begins with an empty log.
    """

    deployment: Identifier
    job: Identifier
    run: Identifier
    app: AppName
    app_id: Identifier
    stack: StackName
    phase: Literal["look", "release-task", "restart", "post-deploy", "remove", "run"]
    number: Number
    lines: Annotated[Many[LogText], Field(min_length=1, max_length=500)]
