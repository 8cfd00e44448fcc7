"""How long partitions stand still when a promoter is killed: `python -m tests.bench.takeover REPEATS`.

Two promoters share the partitions. One is killed as `kill -9` does; at once, a command is published to every partition.
Prints one JSON object: per repeat the seconds from the kill until the read model holds the outcome of the last of them.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

from tests.bench.distributed import Fleet, open_fleet
from tests.bench.house import House

from ownstack_bus.partitioning import partition_of
from ownstack_bus.port import Outgoing
from ownstack_contracts.envelope import encode
from ownstack_contracts.message import Command
from ownstack_contracts.stacks import StackAdded
from ownstack_contracts.teams import TeamCreated
from ownstack_contracts.topics import COMMANDS

PATIENCE = 60.0
"""Seconds after which a measurement is given up."""


def one_team_each(partitions: int) -> list[str]:
    """The name of a team for every partition."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < partitions:
        found.setdefault(partition_of(f"team-{number}", partitions), f"team-{number}")
        number += 1
    return list(found.values())


async def heard(house: House, teams: list[str], command: Command) -> None:
    """Let every team say it, and wait until the read model holds all outcomes."""
    ids = {team: uuid4().hex for team in teams}
    records = [
        Outgoing(COMMANDS.name, team, encode(command, source="/bench", team=team, id=name))
        for team, name in ids.items()
    ]
    await house.bus.publish(records)
    for team, name in ids.items():
        if await house.readmodel.wait_for_command(team, name, PATIENCE) is None:
            raise RuntimeError(f"{team} was not answered")


async def measure(house: House, fleet: Fleet, repeats: int) -> list[float]:
    """Kill the older promoter again and again; another takes its place when the partitions have gone on."""
    teams = one_team_each(await house.bus.partitions(COMMANDS.name))
    await heard(house, teams, TeamCreated())
    seconds = []
    for number in range(repeats):
        fleet.start("promoter", f"promoter-{number}")
        await both_decide(house, teams, number)
        name = next(name for name in fleet.processes if name.startswith("promoter"))
        start = time.perf_counter()
        fleet.kill(name)
        await heard(house, teams, StackAdded(stack=f"after-{number}", driver="noop"))
        seconds.append(time.perf_counter() - start)
    return seconds


async def both_decide(house: House, teams: list[str], number: int) -> None:
    """Wait until the newcomer has its share: the partitions were exchanged, and all of them answer."""
    await asyncio.sleep(5)  # what a newcomer takes to start and to join
    await heard(house, teams, StackAdded(stack=f"before-{number}", driver="noop"))


async def main(repeats: int) -> None:
    """Set up, measure, print."""
    with tempfile.TemporaryDirectory(prefix="ownstack-bench-") as folder:
        async with open_fleet(Path(folder)) as (house, fleet):
            print(json.dumps({"seconds": await measure(house, fleet, repeats)}))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
