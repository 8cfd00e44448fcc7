"""Teams: what each fact does to their rows. Every team that facts are about has one; here it comes to exist."""

from __future__ import annotations

from ownstack_contracts.teams import TeamCreated
from ownstack_projections.dispatch import projects
from ownstack_projections.facts import Stamp
from ownstack_projections.tables import Rows


@projects(TeamCreated)
def team_created(rows: Rows, _: TeamCreated, stamp: Stamp) -> None:
    rows.teams.edit(stamp.team).created_at = stamp.at
