"""All rows that facts change, with the look-ups that handlers share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from sqlalchemy import Connection

from ownstack_projections.rows import (
    AppRow,
    AppStackRow,
    AttemptRow,
    CommandRow,
    ConfigRow,
    DeploymentRow,
    ImageJobRow,
    PipelineRow,
    PostdeployRow,
    ProgressRow,
    ReleaseRow,
    RemovalRow,
    RolloutRow,
    RunRow,
    StackRow,
    TeamRow,
)
from ownstack_projections.sql import Statements, Values
from ownstack_projections.store import Store
from ownstack_readmodel.model import ReadModel
from ownstack_readmodel.tables import (
    APP_STACKS,
    APPS,
    ATTEMPTS,
    COMMANDS,
    CONFIGS,
    DEPLOYMENTS,
    HISTORY,
    IMAGE_JOBS,
    PIPELINES,
    POSTDEPLOYS,
    PROGRESS,
    RELEASES,
    REMOVALS,
    ROLLOUTS,
    RUNS,
    STACKS,
    TEAMS,
)

CONFIGS_KEPT = 100
"""Scopes of variables that stay in memory from one batch to the next: one may have some 200 KiB."""


class _Reader:
    """A connection that is opened when the first row of a batch is looked for, and closed with the batch."""

    def __init__(self, readmodel: ReadModel) -> None:
        self._readmodel = readmodel
        self._batch: ExitStack | None = None
        self._connection: Connection | None = None

    def __call__(self) -> Connection:
        if self._batch is None:
            raise RuntimeError("rows are looked up while a batch is folded")
        if self._connection is None:
            self._connection = self._batch.enter_context(self._readmodel.reading())
        return self._connection

    @contextmanager
    def batch(self) -> Iterator[None]:
        """What ends the batch ends the connection too: on one that was lost nothing can be committed."""
        with ExitStack() as batch:
            self._batch = batch
            try:
                yield
            finally:
                self._batch = self._connection = None


class Rows:
    """The tables of the read model. `suffix`: of their names, while they are built anew beside the live ones."""

    def __init__(self, readmodel: ReadModel, suffix: str = "") -> None:
        load = self._reader = _Reader(readmodel)
        self.teams = Store(TEAMS, TeamRow, suffix, load)
        self.stacks = Store(STACKS, StackRow, suffix, load)
        self.apps = Store(APPS, AppRow, suffix, load)
        self.configs = Store(CONFIGS, ConfigRow, suffix, load, kept=CONFIGS_KEPT)
        self.app_stacks = Store(APP_STACKS, AppStackRow, suffix, load)
        self.pipelines = Store(PIPELINES, PipelineRow, suffix, load)
        self.releases = Store(RELEASES, ReleaseRow, suffix, load)
        self.rollouts = Store(ROLLOUTS, RolloutRow, suffix, load, lambda row: row.ended_at is not None)
        self.image_jobs = Store(IMAGE_JOBS, ImageJobRow, suffix, load)
        self.progress = Store(PROGRESS, ProgressRow, suffix, load)
        self.deployments = Store(DEPLOYMENTS, DeploymentRow, suffix, load, lambda row: row.state != "pending")
        self.attempts = Store(ATTEMPTS, AttemptRow, suffix, load, lambda row: row.ended_at is not None)
        self.postdeploys = Store(POSTDEPLOYS, PostdeployRow, suffix, load, lambda row: row.ended_at is not None)
        self.removals = Store(REMOVALS, RemovalRow, suffix, load)
        self.runs = Store(RUNS, RunRow, suffix, load, lambda row: row.ended_at is not None)
        self.commands = Store(COMMANDS, CommandRow, suffix, load, lambda _: True)
        self.history: list[Values] = []
        self._history = Statements(HISTORY, HISTORY.name + suffix)
        self._stores: list[Store[Any]] = [store for store in vars(self).values() if isinstance(store, Store)]

    def reading(self) -> AbstractContextManager[None]:
        """Meanwhile a batch is folded, and its rows are looked up, all on one connection."""
        return self._reader.batch()

    def flush(self, connection: Connection) -> None:
        """Write all that has changed."""
        self._history.insert(connection, self.history)
        for store in self._stores:
            store.flush(connection)

    def settle(self) -> None:
        """It is committed."""
        self.history.clear()
        for store in self._stores:
            store.settle()

    def forget(self) -> None:
        """It was not committed, or others may have written: look everything up again."""
        self.history.clear()
        for store in self._stores:
            store.forget()

    def __len__(self) -> int:
        """How many rows are kept in memory."""
        return sum(len(store) for store in self._stores)
