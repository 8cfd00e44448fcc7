"""What of a rollout is under way: it holds its app until its end is recorded and nothing of it goes on."""

from __future__ import annotations

from ownstack_projections.rows import ProgressRow
from ownstack_projections.tables import Rows


def started(rows: Rows, team: str, rollout: str, stacks: int) -> None:
    """So many stacks are to be deployed."""
    rows.progress.put(ProgressRow(team, rollout, stacks))


def more(rows: Rows, team: str, rollout: str, app: str, *, stacks: int = 0, postdeploys: int = 0) -> None:
    """A stack is tried again, or a script is asked for: the rollout is under way (again)."""
    rows.apps.edit(team, app).rollout = rollout
    if rows.progress.find(team, rollout) is None:
        rows.progress.put(ProgressRow(team, rollout))
    progress = rows.progress.edit(team, rollout)
    progress.stacks += stacks
    progress.postdeploys += postdeploys


def less(rows: Rows, team: str, rollout: str, *, stacks: int = 0, postdeploys: int = 0) -> None:
    """A stack or a script has ended."""
    progress = rows.progress.edit(team, rollout)
    progress.stacks -= stacks
    progress.postdeploys -= postdeploys
    if progress.stacks <= 0 and progress.postdeploys <= 0:
        rest_if_done(rows, team, rollout)


def rest_if_done(rows: Rows, team: str, name: str) -> None:
    """An ended rollout of which nothing is under way lets its app go."""
    rollout = rows.rollouts.find(team, name)
    progress = rows.progress.find(team, name)
    if rollout is None or rollout.ended_at is None:
        return
    if progress is not None:
        if progress.stacks > 0 or progress.postdeploys > 0:
            return
        rows.progress.delete(team, name)
    app = rows.apps.find(team, rollout.app)
    if app is not None and app.rollout == name:
        rows.apps.edit(team, rollout.app).rollout = None
