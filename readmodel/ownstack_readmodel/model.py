"""The read model as its users hold it: queries that run in a few threads, changes, and the way in for writers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from ownstack_contracts.topics import HISTORY
from ownstack_readmodel.changes import Channel
from ownstack_readmodel.failures import passes
from ownstack_readmodel.queries import (
    apps,
    commands,
    config,
    deployments,
    history,
    logs,
    pipelines,
    positions,
    releases,
    rollouts,
    runs,
    stacks,
)
from ownstack_readmodel.queries.config import SealedConfig
from ownstack_readmodel.queries.history import FactRecord
from ownstack_readmodel.views import (
    AppView,
    CommandView,
    ConfigView,
    DeploymentView,
    FactView,
    LogLineView,
    Page,
    PipelineView,
    ReleaseDetailView,
    ReleaseView,
    RolloutView,
    RunView,
    StackView,
)

P = ParamSpec("P")
T = TypeVar("T")

READERS = 4
"""So many queries run at once; others wait for their turn."""
WRITES = "ownstack_writes"
"""The execution option of a connection that will write."""
PAGE = 50
"""Items on a page unless said otherwise."""


class ReadModel:
    """Everything is asked for by team, and nothing of another team is found. `limit`: items on a page."""

    def __init__(self, engine: Engine, write_lock: AbstractContextManager[object], changes: Channel) -> None:
        self.engine = engine
        self.changes = changes
        self._write_lock = write_lock
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="readmodel")

    def close(self) -> None:
        """Let the queries under way end, and close all connections."""
        self.changes.close()
        self._readers.shutdown()
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection on which all queries see one state. For threads; the loop uses the queries below."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, in SQLite alone in the file; committed at the end, rolled back on an error. For threads."""
        with self._write_lock, self.engine.connect() as plain:
            connection = plain.execution_options(**{WRITES: True})
            with connection.begin():
                yield connection

    async def query(self, asked: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function of a connection in a thread, in one transaction that only reads.

        It is run once more if it failed for something that passes by itself, such as a server that was restarted.
        Raises sqlalchemy.exc.DBAPIError.
        """

        def run() -> T:
            with self.reading() as connection:
                return asked(connection, *args, **kwargs)

        def run_twice() -> T:
            try:
                return run()
            except DBAPIError as error:
                if not passes(error):
                    raise
                return run()

        return await asyncio.get_running_loop().run_in_executor(self._readers, run_twice)

    async def apps(self, team: str, limit: int = PAGE, cursor: str | None = None) -> Page[AppView]:
        """By name. Raises CursorInvalid."""
        return await self.query(apps.apps, team, limit, cursor)

    async def app(self, team: str, app: str) -> AppView | None:
        """None if there is none of this name."""
        return await self.query(apps.app, team, app)

    async def config(self, team: str, app: str) -> ConfigView | None:
        """The variables of the app in its present creation, without their values; None if there is no such app."""
        return await self.query(config.config, team, app)

    async def sealed_config(self, team: str, app: str) -> SealedConfig | None:
        """The same with their sealed values, for who unseals them, and to be shown to nobody."""
        return await self.query(config.sealed_config, team, app)

    async def stacks(self, team: str, limit: int = PAGE, cursor: str | None = None) -> Page[StackView]:
        """By name. Raises CursorInvalid."""
        return await self.query(stacks.stacks, team, limit, cursor)

    async def stack(self, team: str, stack: str) -> StackView | None:
        """None if there is none of this name."""
        return await self.query(stacks.stack, team, stack)

    async def pipelines(self, team: str, limit: int = PAGE, cursor: str | None = None) -> Page[PipelineView]:
        """By the name of the production app. Raises CursorInvalid."""
        return await self.query(pipelines.pipelines, team, limit, cursor)

    async def pipeline(self, team: str, production: str) -> PipelineView | None:
        """None if the app has no pipeline, or is not the production app of it."""
        return await self.query(pipelines.pipeline, team, production)

    async def promotions(
        self,
        team: str,
        limit: int = PAGE,
        cursor: str | None = None,
        *,
        app: str | None = None,
        status: str | None = None,
    ) -> Page[RolloutView]:
        """The latest first; `app`: the one promoted to. Raises CursorInvalid."""
        return await self.query(rollouts.promotions, team, limit, cursor, app=app, status=status)

    async def rollouts(
        self,
        team: str,
        limit: int = PAGE,
        cursor: str | None = None,
        *,
        kind: str | None = None,
        app: str | None = None,
        status: str | None = None,
    ) -> Page[RolloutView]:
        """The latest first, of deployments and promotions. Raises CursorInvalid."""
        return await self.query(rollouts.rollouts, team, limit, cursor, kind=kind, app=app, status=status)

    async def rollout(self, team: str, rollout: str) -> RolloutView | None:
        """A deployment's or a promotion's, by its id."""
        return await self.query(rollouts.rollout, team, rollout)

    async def deployments(
        self, team: str, app: str, limit: int = PAGE, cursor: str | None = None, *, stack: str | None = None
    ) -> Page[DeploymentView] | None:
        """Of the app in its present creation, the latest first; None if there is no such app. Raises CursorInvalid."""
        return await self.query(deployments.deployments, team, app, limit, cursor, stack=stack)

    async def deployment(self, team: str, deployment: str) -> DeploymentView | None:
        """By its id, `<rollout>.<stack>`; None also while its rollout waits for its turn."""
        return await self.query(deployments.deployment, team, deployment)

    async def releases(
        self, team: str, app: str, limit: int = PAGE, cursor: str | None = None
    ) -> Page[ReleaseView] | None:
        """Of the app in its present creation, the latest first; None if there is no such app. Raises CursorInvalid."""
        return await self.query(releases.releases, team, app, limit, cursor)

    async def release(self, team: str, app: str, number: int) -> ReleaseDetailView | None:
        """Of the app in its present creation; None if there is no such app, or it has no such release."""
        return await self.query(releases.release, team, app, number)

    async def runs(self, team: str, app: str, limit: int = PAGE, cursor: str | None = None) -> Page[RunView] | None:
        """Of the app in its present creation, the latest first; None if there is no such app. Raises CursorInvalid."""
        return await self.query(runs.runs, team, app, limit, cursor)

    async def run(self, team: str, run: str) -> RunView | None:
        """By the id of the command that asked for it, also of an app that is gone."""
        return await self.query(runs.run, team, run)

    async def command(self, team: str, command: str) -> CommandView | None:
        """None while the read model holds no outcome of it."""
        return await self.query(commands.command, team, command)

    async def history(
        self,
        team: str,
        limit: int = PAGE,
        cursor: str | None = None,
        *,
        app: str | None = None,
        after: int | None = None,
        before: int | None = None,
    ) -> Page[FactView]:
        """With `after` (a sequence) the oldest first, else the newest first. Raises CursorInvalid."""
        return await self.query(history.history, team, limit, cursor, app=app, after=after, before=before)

    async def facts_after(
        self, team: str, after: int, limit: int = PAGE, *, app: str | None = None
    ) -> Sequence[FactRecord]:
        """The facts above a sequence, the oldest first, with their records as they are: for streams."""
        return await self.query(history.facts_after, team, after, limit, app=app)

    async def last_sequence(self, team: str) -> int:
        """Of the latest fact of the team that the read model holds; 0 if none."""
        return await self.query(history.last_sequence, team)

    async def logs(
        self,
        team: str,
        app: str,
        limit: int = PAGE,
        cursor: str | None = None,
        *,
        stack: str | None = None,
        deployment: str | None = None,
    ) -> Page[LogLineView]:
        """The oldest first. Raises CursorInvalid."""
        return await self.query(logs.logs, team, app, limit, cursor, stack=stack, deployment=deployment)

    async def lines_after(
        self,
        team: str,
        app: str,
        after: int,
        limit: int = PAGE,
        *,
        stack: str | None = None,
        deployment: str | None = None,
    ) -> list[LogLineView]:
        """The lines above a line's `cursor` (0: from the first on), the oldest first: for streams."""
        return await self.query(logs.lines_after, team, app, after, limit, stack=stack, deployment=deployment)

    async def last_line(self, team: str, app: str) -> int:
        """The cursor of the latest log line of the app; 0 if there is none."""
        return await self.query(logs.last_line, team, app)

    async def positions(self, topic: str = HISTORY.name) -> dict[int, int]:
        """How far the model has come: per partition of the history, or of the logs, the offset that comes next."""
        return await self.query(positions.positions, topic)

    async def wait_for_command(self, team: str, command: str, timeout: float) -> CommandView | None:
        """The outcome of a command as soon as the read model holds it; None if it does not within `timeout` seconds."""
        deadline = asyncio.get_running_loop().time() + timeout
        with self.changes.of_command(team, command) as signal:
            # A signal may also say that something was perhaps missed.
            while (found := await self.command(team, command)) is None:
                if not await signal.wait(deadline - asyncio.get_running_loop().time()):
                    return None
            return found

    async def wait_for_sequence(self, team: str, sequence: int, timeout: float) -> bool:
        """Whether the read model holds the team's facts up to `sequence`, at the latest after `timeout` seconds."""
        deadline = asyncio.get_running_loop().time() + timeout
        with self.changes.of_team(team) as signal:
            while await self.last_sequence(team) < sequence:
                if not await signal.wait(deadline - asyncio.get_running_loop().time()):
                    return False
        return True
