"""The circle without its readers: a bus in a file, a promoter, and a deployer, as they run in `ownstack up`.

Run as a program (`python -m tests.integration.deployer.circle FOLDER`) it is what a test can kill.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from tests.integration.deployer.programs import IMAGE, PATIENCE, TEAM, Folder

from ownstack_bus.embedded import EmbeddedBus
from ownstack_bus.partitioning import partition_of
from ownstack_bus.port import At, Outgoing
from ownstack_contracts.apps import AppCreated
from ownstack_contracts.envelope import encode
from ownstack_contracts.message import Message
from ownstack_contracts.rollouts import DeployRequested
from ownstack_contracts.stacks import StackAdded
from ownstack_contracts.teams import TeamCreated
from ownstack_contracts.topics import COMMANDS, HISTORY, LOGS
from ownstack_deployer.main import Deployer
from ownstack_deployer.settings import Settings
from ownstack_promoter.main import Promoter
from ownstack_promoter.main import Settings as PromoterSettings

Facts = list[dict[str, Any]]

PROGRAM = """
echo "$1" >> $HERE/$OWNSTACK_STACK.journal
[ ! -p "$HERE/$OWNSTACK_STACK.$1" ] || read x < "$HERE/$OWNSTACK_STACK.$1"
live="$HERE/$OWNSTACK_STACK.live"
case "$1" in
look) [ ! -f "$live" ] || cat "$live" ;;
restart)
    printf '{"image": "%s", "generation": %s, "deployment": "%s", "release": %s, "team": "%s", "app_id": "%s"}' \\
        "$OWNSTACK_IMAGE" "$OWNSTACK_GENERATION" "$OWNSTACK_DEPLOYMENT" "$OWNSTACK_RELEASE" "$OWNSTACK_TEAM" \\
        "$OWNSTACK_APP_ID" > "$live.new"
    mv "$live.new" "$live" ;;
remove) rm -f "$live" ;;
esac
echo "$1 done" >> $HERE/$OWNSTACK_STACK.journal
"""
"""A driver that journals its phases, waits at a gate `STACK.PHASE` if there is one, and remembers what is live."""


class Circle:
    """A bus with a promoter, and with as many deployers as a test starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = Folder(folder)
        self.bus: EmbeddedBus
        self._tasks: list[asyncio.Task[None]] = []
        self.facts: Facts = []

    async def __aenter__(self) -> Circle:
        self.bus = await EmbeddedBus.open(self.folder.path / "bus.db")
        self._tasks.append(asyncio.create_task(Promoter(self.bus, PromoterSettings(leases_at_start="lapsed")).run()))
        self._tasks.append(asyncio.create_task(self._follow()))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.bus.close()

    def deployer(self, **settings: Any) -> Deployer:
        """Start one more deployer."""
        deployer = Deployer(self.bus, Settings(state=self.folder.path / "state", **settings))
        self._tasks.append(asyncio.create_task(deployer.run()))
        return deployer

    async def _follow(self) -> None:
        partition = partition_of(TEAM, await self.bus.partitions(HISTORY.name))
        async for record in self.bus.tail(HISTORY.name, partition, At(offset=0)):
            self.facts.append(orjson.loads(record.value))

    async def says(self, *commands: Message) -> None:
        """Publish commands."""
        await self.bus.publish([Outgoing(COMMANDS.name, TEAM, encode(c, source="/test", team=TEAM)) for c in commands])

    async def has_app(self, *stacks: str, driver: str = "program", **settings: str) -> None:
        """A team with an app on these stacks."""
        address = str(self.folder.program) if driver == "program" else ""
        await self.says(
            TeamCreated(),
            *(StackAdded(stack=s, driver=driver, address=address, settings=settings) for s in stacks),  # type: ignore[arg-type]
            AppCreated(app="shop", stacks=stacks),
        )
        await self.until(lambda: self.count["StackObserved"] == len(stacks))

    async def deploys(self) -> None:
        """Ask for IMAGE on all stacks."""
        await self.says(DeployRequested(app="shop", image=IMAGE))

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until the history is as wanted."""
        async with asyncio.timeout(PATIENCE * 2):
            while not holds():
                await asyncio.sleep(0.01)

    async def comes(self, *types: str) -> dict[str, Any]:
        """Wait for a fact of one of these types; returns the first."""
        await self.until(lambda: self.of(*types))
        return self.of(*types)[0]

    def of(self, *types: str) -> Facts:
        """The facts of these types."""
        return [fact for fact in self.facts if fact["type"] in types]

    @property
    def count(self) -> Counter[str]:
        """How many facts of each type there are."""
        return Counter(fact["type"] for fact in self.facts)

    def journal(self, stack: str) -> list[str]:
        """What the program did on a stack."""
        return self.folder.text(f"{stack}.journal").split("\n")[:-1]

    async def printed(self) -> list[str]:
        """All lines that were logged."""
        lines = []
        for partition in range(await self.bus.partitions(LOGS.name)):
            async for record in self.bus.read(LOGS.name, partition):
                lines += orjson.loads(record.value)["data"]["lines"]
        return lines


async def main(folder: Path) -> None:
    """Deploy to one stack, or go on where an earlier process was killed."""
    fresh = not (folder / "bus.db").exists()
    async with Circle(folder) as circle:
        circle.deployer()
        if fresh:
            circle.folder.script(PROGRAM)
            await circle.has_app("eu-1")
            await circle.deploys()
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(Path(sys.argv[1])))
