"""The first start of a house: its team, a token for whoever starts it, and that in their CLI profile."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from ownstack.profiles import Profile, load, profiles_path, save
from ownstack_bus.port import Bus, Outgoing
from ownstack_contracts.envelope import encode
from ownstack_contracts.teams import TeamCreated
from ownstack_contracts.topics import COMMANDS
from ownstack_vault import Vault, ensure_first_token

SOURCE = "/ownstack/up"
DEFAULT_TEAM = "default"


@dataclass(frozen=True, slots=True)
class Welcome:
    """The profile that speaks to this house, where it is kept, and whether it is used when none is named."""

    profile: Profile
    path: Path
    is_default: bool


def profile_name(team: str) -> str:
    """The profile of the house on this machine; each team has its own."""
    return "local" if team == DEFAULT_TEAM else f"local-{team}"[:63].rstrip("-")


async def prepare(bus: Bus, vault: Vault, team: str, url: str) -> Welcome:
    """Make sure that `team` exists, and that the user's profile speaks for it to `url`.

    A team that nobody has a token for is new; killed between the two steps, the first happens again, under the same
    id. Raises Failure if the profile can't be written, and BusError.
    """
    if not await asyncio.to_thread(vault.tokens.list, team, 1):
        await bus.publish([creation(team, SOURCE)])
    return await asyncio.to_thread(_profile, vault, team, url)


def creation(team: str, source: str) -> Outgoing:
    """The command that makes a team, under an id by which it happens once, however often it is sent."""
    record = encode(TeamCreated(), source=source, team=team, id=f"team-created.{team}"[:64], actor="operator")
    return Outgoing(COMMANDS.name, team, record)


def _profile(vault: Vault, team: str, url: str) -> Welcome:
    path, name = profiles_path(), profile_name(team)
    known = load(path)
    mine = known.by_name.get(name)
    secret = ensure_first_token(vault.tokens, team, time.time_ns() // 1_000_000, mine.token if mine else None)
    wanted = Profile(name, url, secret or (mine.token if mine else None), team)
    if wanted != mine:
        known = save(path, wanted)
    return Welcome(wanted, path, known.default == name)
