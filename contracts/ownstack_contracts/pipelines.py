"""Pipelines: ordered stages, each an existing app, the production app last."""

from __future__ import annotations

from ownstack_contracts.message import Command
from ownstack_contracts.names import AppName


class PipelineCreated(Command):
    """`production` has a pipeline, of which it is the last stage and gives the name."""

    production: AppName


class PipelineRemoved(Command):
    """The pipeline of `production` is gone; its apps are free."""

    production: AppName


class StagingAdded(Command):
    """Put `staging` into the pipeline of `production`: just before it, or before the stage `before`."""

    production: AppName
    staging: AppName
    before: AppName | None = None


class StageRemoved(Command):
    """Take `stage` out of the pipeline of `production`."""

    production: AppName
    stage: AppName
