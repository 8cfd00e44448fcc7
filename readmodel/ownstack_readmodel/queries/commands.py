"""Commands, with their outcome."""

from __future__ import annotations

from sqlalchemy import Connection, select

from ownstack_readmodel.tables import COMMANDS
from ownstack_readmodel.views import CommandView


def command(connection: Connection, team: str, command_id: str) -> CommandView | None:
    """A command that was admitted or rejected; None if the read model holds no outcome of it."""
    query = select(COMMANDS).where(COMMANDS.c.team == team, COMMANDS.c.command == command_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return CommandView(
        id=row.command,
        type=row.type,
        actor=row.actor,
        at=row.at,
        status=row.status,
        sequence=row.sequence,
        rollout=row.rollout,
        code=row.code,
        message=row.message,
        hint=row.hint,
    )
