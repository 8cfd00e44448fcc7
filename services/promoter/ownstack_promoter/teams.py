"""Teams: one exists from `TeamCreated` on."""

from __future__ import annotations

from collections.abc import Iterator

from ownstack_contracts.message import Message
from ownstack_contracts.teams import TeamCreated
from ownstack_promoter.dispatch import Moment, decides, evolves
from ownstack_promoter.refused import Refused
from ownstack_promoter.team import Team


@decides(TeamCreated)
def create_team(team: Team, command: TeamCreated, _: Moment) -> Iterator[Message]:
    if team.created:
        raise Refused("team-exists", f"The team {team.name} exists already.")
    yield command


@evolves(TeamCreated)
def team_created(team: Team, _: TeamCreated) -> None:
    team.created = True
