"""The config of an app: as it is shown, without values; and with the sealed ones, for who has the keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Connection, select

from ownstack_readmodel.queries.apps import row_of
from ownstack_readmodel.tables import APP_STACKS, CONFIGS, PIPELINES
from ownstack_readmodel.views import ConfigView, VariableView


@dataclass(frozen=True, slots=True)
class SealedVariable:
    """A variable with its sealed value: for all stacks of its app, for `stack` alone, or (`review`) for review apps.
    sequence: of the fact with which it was set."""

    name: str
    stack: str | None
    review: bool
    secret: bool
    sealed: str = field(repr=False)
    fingerprint: str = field(repr=False)
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class SealedConfig:
    """All that an app has of variables. stacks: those of the app, in order. production: it has a pipeline."""

    app_id: str
    stacks: tuple[str, ...]
    production: bool
    variables: tuple[SealedVariable, ...]


@dataclass(frozen=True, slots=True)
class _Variable:
    """`said`: what is known of it."""

    name: str
    stack: str | None
    review: bool
    said: dict[str, Any] = field(repr=False)


def config(connection: Connection, team: str, app: str) -> ConfigView | None:
    """The variables of an app in its present creation, without their values; None if there is no such app."""
    row = row_of(connection, team, app)
    if row is None:
        return None
    variables = [
        VariableView(
            name=variable.name,
            stack=variable.stack,
            review=variable.review,
            secret=variable.said["secret"],
            fingerprint=variable.said["fingerprint"],
            actor=variable.said["actor"],
            at=variable.said["at"],
            sequence=variable.said["sequence"],
        )
        for variable in _variables(connection, team, row.app_id)
    ]
    return ConfigView(app=app, app_id=row.app_id, variables=variables)


def sealed_config(connection: Connection, team: str, app: str) -> SealedConfig | None:
    """The same with the sealed values, which nobody is to show; None if there is no such app."""
    row = row_of(connection, team, app)
    if row is None:
        return None
    on, in_ = APP_STACKS.c, PIPELINES.c
    stacks = connection.scalars(select(on.stack).where(on.team == team, on.app == app).order_by(on.place))
    pipeline = connection.scalar(select(in_.production).where(in_.team == team, in_.production == app))
    variables = (
        SealedVariable(
            name=variable.name,
            stack=variable.stack,
            review=variable.review,
            secret=variable.said["secret"],
            sealed=variable.said["sealed"],
            fingerprint=variable.said["fingerprint"],
            sequence=variable.said["sequence"],
        )
        for variable in _variables(connection, team, row.app_id)
    )
    return SealedConfig(row.app_id, tuple(stacks), pipeline is not None, tuple(variables))


def _variables(connection: Connection, team: str, app_id: str) -> Iterator[_Variable]:
    """Those for all stacks first, then those of each stack, then those for review apps; each by name."""
    scopes = (
        select(CONFIGS)
        .where(CONFIGS.c.team == team, CONFIGS.c.app_id == app_id)
        .order_by(CONFIGS.c.review, CONFIGS.c.stack)
    )
    for scope in connection.execute(scopes):
        for name, said in sorted(orjson.loads(scope.variables).items()):
            yield _Variable(name, scope.stack or None, scope.review, said)
