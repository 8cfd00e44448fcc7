"""One deployment of an app: the commands that bring it about, one after another, until what runs is this deployment."""

from __future__ import annotations

import asyncio
from collections import deque
from types import MappingProxyType

from ownstack_contracts.jobs import Live, StackDeployRequested
from ownstack_contracts.names import digest_of, parse_image
from ownstack_deployer.drivers.dokku import markers
from ownstack_deployer.drivers.dokku.configuring import Configuring
from ownstack_deployer.drivers.dokku.inspecting import Sight, inspect
from ownstack_deployer.drivers.dokku.progress import Progress
from ownstack_deployer.drivers.dokku.remote import Remote, Running
from ownstack_deployer.drivers.output import Cutter
from ownstack_deployer.drivers.port import Job, Log, PhaseFailed
from ownstack_deployer.live import is_live, live_of, refuse_if_not_ours

_SENTENCES = MappingProxyType(
    {
        "image-not-pullable": "{stack} could not pull {image}: see that it is there, and that Dokku may pull it "
        "(dokku registry:login)",
        "release-task-failed": "The release task failed on {stack}, and what served goes on serving",
        "health-check-failed": "The new version did not pass its health checks on {stack}, and what served goes on "
        "serving",
        "start-failed": "The new version did not start on {stack}, and what served goes on serving",
    }
)


class Deployment:
    """Of one attempt. Whoever hears that it is Lost, or cancels it, closes the connection and looks what came of it."""

    def __init__(self, remote: Remote, job: Job, before: Sight, pause: float) -> None:
        """before: what was seen before it. pause: seconds between two tries while another deployment is under way."""
        assert isinstance(job.request, StackDeployRequested)
        self.request = job.request
        self.image = f"{parse_image(job.request.image).repository}@{digest_of(job.request.image)}"
        self.started = False
        """Whether a command that deploys was begun."""
        self.open = False
        """Whether one may be under way."""
        self.waiting = False
        """Whether another deployment is in the way."""
        self.live = False
        self.unknown = False
        """Whether it could not be found out what serves."""
        self.config = Configuring(remote, job)
        self.task_began = False
        self.postdeploy_began = False
        self._remote = remote
        self._job = job
        self.before = before
        self._pause = pause
        self._prepared = False
        self._judged = False
        self._unchanged = False
        self._running: Running | None = None
        self._progress = Progress()
        self._cutter = Cutter(job.mask)
        self._left: deque[str] = deque()

    @property
    def may_have_begun(self) -> bool:
        """Whether the release task may have begun."""
        return self.task_began or self.open

    @property
    def in_doubt(self) -> bool:
        """Whether it is not known what serves."""
        return self.started and not self._judged

    async def advance(self, log: Log, *, to_end: bool) -> None:
        """Go on until the release part has ended, or until this deployment is live. Raises Lost, PhaseFailed."""
        while not self.live:
            if self._running is None:
                self._running = await self._begin(log)
            if await self._is_released(log, to_end=to_end):
                return
            await self._conclude(log, await self._running.exit_code())

    async def _begin(self, log: Log) -> Running:
        if not self._prepared:
            await self._prepare(log)
        app = self.request.app
        words = ("ps:rebuild", app) if self._unchanged else ("git:from-image", app, self.image)
        self._progress, self._cutter = Progress(), Cutter(self._job.mask)
        before, self.started, self.open = self.started, True, True
        try:
            return await self._remote.start(*words)
        except PhaseFailed:  # it is sure that it has not begun
            self.started, self.open = before, False
            raise

    async def _prepare(self, log: Log) -> None:
        """The app is there, is no other team's, and what is started from now on has its config, and says by whom."""
        app = self.request.app
        if not self.before.exists:
            await self._create(app)
        there = await markers.marks_there(self._remote, app)
        if self.before.live is None:
            markers.refuse_another_teams(there, self._job)
        await self.config.apply(log)
        await markers.mark(self._remote, app, live_of(self._job), there)
        self._prepared = True

    async def _create(self, app: str) -> None:
        answer = await self._remote.ask("apps:create", app)
        if answer.exit_code != 0 and "already taken" not in answer.errors:
            raise PhaseFailed(
                "app-create-failed",
                f"`apps:create {app}` on {self.request.stack} ended with exit code {answer.exit_code}{answer.said}",
            )

    async def _is_released(self, log: Log, *, to_end: bool) -> bool:
        """Log what is said until the release part has ended, or (False) the command has."""
        assert self._running is not None
        while to_end or not self._progress.released:
            if not self._left:
                data = await self._running.read()
                self._left.extend(self._cutter.cut(data) if data else self._cutter.rest())
                if not data and not self._left:
                    return False
            await log.write(self._seen(to_end=to_end))
        return True

    def _seen(self, *, to_end: bool) -> list[str]:
        seen = []
        while self._left and (to_end or not self._progress.released):
            line = self._left.popleft()
            self._progress.see(line)
            seen.append(line)
        self.waiting &= not self._progress.building
        self.task_began |= self._progress.task_began
        self.postdeploy_began |= self._progress.postdeploy_began
        return seen

    async def _conclude(self, log: Log, exit_code: int) -> None:
        """The command has ended. What runs decides; if it is not this deployment, there is more to do, or it failed."""
        self._running, self.open = None, False
        seen = self._progress
        self._unchanged = seen.unchanged
        if seen.unchanged and not self.waiting:
            return
        live = (await inspect(self._remote, self.request.app)).live
        self.live = is_live(self.request, live)
        if self.live:
            if exit_code != 0:
                await log.write([f"[ownstack: Dokku ended with exit code {exit_code}, and the new version is live]"])
            return
        if not seen.locked and not seen.unchanged:
            self._judged = True
            raise self._failure(exit_code, live)
        refuse_if_not_ours(self._job.team, self.request, live)
        if seen.locked:
            await self._wait_for_the_other(log)

    async def _wait_for_the_other(self, log: Log) -> None:
        """Then all is tried again: what the app's repository holds may have changed once more."""
        if not self.waiting:
            await log.write(["[ownstack: another deployment of this app is under way; this one waits for its end]"])
        self.waiting = True
        await asyncio.sleep(self._pause)

    def _failure(self, exit_code: int, live: Live | None) -> PhaseFailed:
        seen, request = self._progress, self.request
        code = seen.code
        sentence = _SENTENCES.get(
            code, "Deploying {image} on {stack} ended with exit code {exit_code}, and it is not live"
        )
        said = sentence.format(image=self.image, stack=request.stack, exit_code=exit_code)
        return PhaseFailed(code, f"{said}{seen.last}", in_doubt=exit_code == 0 or live != self.before.live)
