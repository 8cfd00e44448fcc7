"""The driver before a stand-in for Dokku: jobs for it, and one attempt at a deployment as the deployer makes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tests.real.dokku.images import REPOSITORY, digest
from tests.real.dokku.server import DokkuServer
from tests.real.sshd import need_sshd

from ownstack_contracts.jobs import (
    Live,
    PostdeployRequested,
    StackAppRemovalRequested,
    StackCheckRequested,
    StackDeployRequested,
    StackJob,
    StackLookRequested,
    StackRunRequested,
)
from ownstack_deployer.clock import now
from ownstack_deployer.drivers.dokku.connecting import Patience
from ownstack_deployer.drivers.dokku.driver import DokkuDriver
from ownstack_deployer.drivers.dokku.keys import OurKey
from ownstack_deployer.drivers.dokku.markers import marks_of
from ownstack_deployer.drivers.dokku.place import Times
from ownstack_deployer.drivers.port import Job, PhaseFailed, Place
from ownstack_deployer.live import is_live, live_of, outcome_lost, refuse_if_not_ours

TEAM = "acme"
APP = "shop"
PATIENCE_S = 20.0
J = TypeVar("J", bound=StackJob)


async def until(holds: Callable[[], object]) -> None:
    """Wait for something that another process brings about."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.005)


def key_of(line: str) -> str:
    """A public key of OpenSSH without its comment."""
    return " ".join(line.split()[:2])


@contextmanager
def up(folder: Path) -> Iterator[Stand]:
    """A server that runs, and a driver that it lets in."""
    need_sshd()
    server = DokkuServer(folder / "server")
    # A shell that sshd starts reads the .bashrc of whoever tests, unless it seems to be within another one.
    server.sshd.settings["SetEnv"] = "SHLVL=2"
    try:
        server.start()
        yield Stand(server, folder)
    finally:
        server.stop()


class Kept:
    """A log that keeps what it is given, and can be waited for."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    async def write(self, lines: Sequence[str]) -> None:
        """As the port says."""
        self.lines += lines

    def says(self, text: str) -> bool:
        """Whether a line has this in it."""
        return any(text in line for line in self.lines)


@dataclass
class Outcome:
    """How an attempt ended. `failure` None: it is live."""

    failure: PhaseFailed | None = None
    phase: str = "look"
    before: Live | None = None
    ran: bool | None = None
    postdeploy_done: bool | None = None

    @property
    def code(self) -> str:
        """`live`, or why it failed."""
        return self.failure.code if self.failure else "live"


@dataclass
class Stand:
    """One server, and one driver that it lets in."""

    server: DokkuServer
    folder: Path
    settle: float = 0.5
    settings: dict[str, str] = field(default_factory=dict)
    port: int | None = None
    log: Kept = field(default_factory=Kept)

    def __post_init__(self) -> None:
        self.driver = self.new_driver()
        self.settings.setdefault("host_key", key_of(self.server.sshd.host_key))
        self.server.sshd.authorize(self.driver.ours.public_line())

    def new_driver(self, **changes: Any) -> DokkuDriver:
        """A driver with the same key: as of another deployer."""
        options: dict[str, Any] = {
            "times": Times(settle=self.settle, looking=3.0, pause=0.05),
            "patience": Patience(connect=5.0, alive=0.2, missed=3),
        }
        return DokkuDriver(OurKey(self.folder / "state" / "ssh_key", "ownstack-d1"), **(options | changes))

    @property
    def address(self) -> str:
        return f"{self.server.user}@{self.server.host}:{self.port or self.server.port}"

    def request(self, kind: type[J], job: str, generation: int = 1, **more: Any) -> J:
        """A request of this kind."""
        common: dict[str, Any] = {
            "job": job,
            "app": APP,
            "app_id": "shop.1",
            "stack": "eu-1",
            "driver": "dokku",
            "address": self.address,
            "settings": self.settings,
            "generation": generation,
            "waiting_until": 0,
            "running_deadline": 60,
        }
        return kind(**(common | more))

    def deploy(self, image: str, generation: int = 1, **more: Any) -> StackDeployRequested:
        """To deploy an image, by its name; each generation is an attempt of its own."""
        fields: dict[str, Any] = {
            "deployment": f"r{generation}.eu-1",
            "rollout": f"r{generation}",
            "attempt": 1,
            "release": generation,
            "image": f"{REPOSITORY}:{image}@{digest(image)}",
            "config_fingerprint": "none",
            "release_task": True,
        }
        return self.request(StackDeployRequested, f"r{generation}.eu-1.1", generation, **(fields | more))

    def has(self, request: StackDeployRequested) -> None:
        """As if this deployment had gone live before."""
        left = live_of(Job(TEAM, request, "run0", 0))
        self.server.deploy_by_hand(
            APP, request.image.replace(f"{REPOSITORY}:", "").partition("@")[0], options=marks_of(left)
        )

    def postdeploy(self, image: str) -> PostdeployRequested:
        """To run the post-deploy script of an image."""
        return self.request(
            PostdeployRequested,
            "r1.eu-1.postdeploy.1",
            deployment="r1.eu-1",
            rollout="r1",
            attempt=1,
            release=1,
            image=f"{REPOSITORY}@{digest(image)}",
        )

    def removal(self) -> StackAppRemovalRequested:
        """To remove the app."""
        return self.request(StackAppRemovalRequested, "shop.1.eu-1.remove.1", 9)

    def looking(self, **more: Any) -> StackLookRequested:
        """To look at the app."""
        return self.request(StackLookRequested, "shop.1.eu-1.look.1", 0, **more)

    def command(self, *words: str) -> StackRunRequested:
        """To run a command."""
        return self.request(StackRunRequested, "shop.1.eu-1.c1#run", 0, command=words)

    def checking(self, **more: Any) -> StackCheckRequested:
        """To check the stack."""
        fields: dict[str, Any] = {
            "job": "check.eu-1.1",
            "stack": "eu-1",
            "driver": "dokku",
            "address": self.address,
            "settings": self.settings,
            "waiting_until": 0,
        }
        return StackCheckRequested(**(fields | more))

    @asynccontextmanager
    async def place(
        self,
        request: StackJob,
        *,
        seconds: float = 60,
        uncertain: bool = False,
        driver: DokkuDriver | None = None,
        config: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Place]:
        """The app, held for one run. config: decrypted, as the deployer hands it over."""
        job = Job(TEAM, request, "run1", now() + seconds, uncertain, config or {})
        async with (driver or self.driver).hold(job) as place:
            yield place

    async def attempts(
        self,
        request: StackDeployRequested,
        *,
        uncertain: bool = False,
        began: bool = False,
        seconds: float = 60,
        driver: DokkuDriver | None = None,
        config: Mapping[str, str] | None = None,
    ) -> Outcome:
        """One attempt, phase after phase, as `kinds.deploy` makes it. began: an earlier run has begun its phases."""
        outcome = Outcome()
        try:
            async with self.place(request, seconds=seconds, uncertain=uncertain, driver=driver, config=config) as place:
                await self._phases(place, request, outcome, seconds, lost=uncertain and began)
        except PhaseFailed as failure:
            outcome.failure = failure
        return outcome

    async def _phases(
        self, place: Place, request: StackDeployRequested, outcome: Outcome, seconds: float, *, lost: bool
    ) -> None:
        outcome.before = await place.look(self.log, now() + seconds)
        if is_live(request, outcome.before):
            return
        refuse_if_not_ours(TEAM, request, outcome.before)
        outcome.phase = "release-task"
        if lost and self.driver.repeats_release_task(request):
            raise outcome_lost(request)
        if request.release_task:
            outcome.ran = await place.release_task(self.log)
        outcome.phase = "restart"
        outcome.postdeploy_done = await place.restart(self.log)

    async def looks(self, **more: Any) -> Live | None:
        """What the driver sees."""
        async with self.place(self.looking(), **more) as place:
            return await place.look(self.log, now() + 10)

    def tasks(self, image: str, task: str) -> int:
        """How often a task of an image was begun."""
        wanted = self.server.image(image)
        return len([t for t in self.server.tasks(APP, task, "start") if t["image"] == wanted])

    def marks(self) -> list[str]:
        """The options of docker that are ours."""
        return [option for option in self.server.options(APP) if option.startswith("--label=ownstack.")]
