"""An app on a Dokku server: each operation on it, bounded in time, and looked for when its outcome was lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from ownstack_contracts.jobs import Live
from ownstack_contracts.names import ConfigKey
from ownstack_deployer.clock import Clock
from ownstack_deployer.drivers.dokku import markers
from ownstack_deployer.drivers.dokku.commands import run_of
from ownstack_deployer.drivers.dokku.deploying import Deployment
from ownstack_deployer.drivers.dokku.inspecting import UNKNOWN_APP, Sight, inspect
from ownstack_deployer.drivers.dokku.remote import Lost, Remote
from ownstack_deployer.drivers.dokku.scripts import postdeploy_of
from ownstack_deployer.drivers.output import Lines
from ownstack_deployer.drivers.port import Job, Log, Phase, PhaseFailed
from ownstack_deployer.live import is_live

_CONFIG_KEY: TypeAdapter[str] = TypeAdapter(ConfigKey)
_MOST_KEYS = 1_000
_LOSSES = ("connection-lost", "running-deadline")
"""How an operation fails of whose end we know nothing."""
_MAYBE = {
    "post-deploy": ": the script may have run, in part or to its end",
    "run": ": the command may have run, in part or to its end",
}


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds. settle: after which what a client that is gone has left under way has surely ended. looking: for a look
    at what came of something. pause: between two tries while another deployment is under way."""

    settle: float = 20.0
    looking: float = 30.0
    pause: float = 5.0


class DokkuPlace:
    """See Place. There is no lock on the server that we could hold: an uncertain run waits instead."""

    def __init__(self, remote: Remote, job: Job, times: Times, clock: Clock) -> None:
        self._remote = remote
        self._job = job
        self._app = job.request.app
        self._times = times
        self._clock = clock
        self._unsettled = job.uncertain
        self._sight: Sight | None = None
        self._deployment: Deployment | None = None

    async def look(self, log: Log, until: float) -> Live | None:
        """Ask Dokku what runs."""
        del log
        async with self._bounded("look", until):
            if self._unsettled:
                await self._settled()
                self._unsettled = False
            self._sight = await inspect(self._remote, self._app)
        return self._sight.live

    async def config_keys(self, until: float) -> Sequence[str] | None:
        """Ask Dokku for the names of the variables that it does not set itself."""
        try:
            await self._refuse_another_teams(until)
        except PhaseFailed as failure:
            if failure.code == "foreign-app":
                return None
            raise
        async with self._bounded("look", until):
            answer = await self._remote.ask("config:keys", self._app)
        if answer.exit_code == UNKNOWN_APP:
            return ()
        if answer.exit_code != 0:
            raise PhaseFailed(
                "dokku-failed", f"`config:keys {self._app}` ended with exit code {answer.exit_code}{answer.said}"
            )
        return list(islice((key for key in answer.out.split() if _is_the_apps(key)), _MOST_KEYS))

    async def release_task(self, log: Log) -> bool:
        """Begin the whole deployment, up to the end of its release tasks; it goes on while `restart` is awaited."""
        return (await self._deploy(log, to_end=False)).task_began

    async def restart(self, log: Log) -> bool:
        """Follow the deployment to its end; begin it, if `release_task` has not."""
        return (await self._deploy(log, to_end=True)).postdeploy_began

    async def post_deploy(self, log: Log) -> None:
        """Run the script of the app.json in the image, if there is one."""
        async with self._bounded("post-deploy", self._job.until):
            script = await postdeploy_of(self._remote, self._app)
        if script is None:
            await log.write(["[ownstack: the app.json of this image has no scripts.postdeploy: nothing is run]"])
            return
        exit_code, lines = await self._run(["sh", "-c", script], log, "post-deploy")
        if exit_code != 0:
            raise PhaseFailed(
                "post-deploy-failed",
                f"The post-deploy script of {self._app} ended with exit code {exit_code}{lines.last}",
            )

    async def remove(self, log: Log) -> None:
        """Have Dokku destroy the app. That it is gone already is as good."""
        await self._refuse_another_teams(self._job.until)
        lines = Lines(log, self._job.mask)
        try:
            async with self._bounded("remove", self._job.until):
                running = await self._remote.start("apps:destroy", "--force", self._app)
                exit_code = await running.pass_on(lines)
        except PhaseFailed as failure:
            if failure.code in _LOSSES and await self._is_gone_after_all():
                return
            raise
        if exit_code not in (0, UNKNOWN_APP):
            raise PhaseFailed(
                "dokku-failed", f"`apps:destroy --force {self._app}` ended with exit code {exit_code}{lines.last}"
            )

    async def run(self, command: Sequence[str], log: Log) -> int:
        """Run it in a container of its own."""
        await self._refuse_another_teams(self._job.until)
        exit_code, lines = await self._run(command, log, "run")
        if exit_code == UNKNOWN_APP and f"App {self._app} does not exist" in str(lines.last):
            raise PhaseFailed(
                "app-unknown", f"{self._job.request.stack} has no app {self._app}. Deploy it there first."
            )
        return exit_code if exit_code >= 0 else 128 - exit_code

    async def _run(self, command: Sequence[str], log: Log, what: Phase) -> tuple[int, Lines]:
        lines = Lines(log, self._job.mask)
        async with self._bounded(what, self._job.until):
            running = await self._remote.start(*run_of(self._app, command))
            return await running.pass_on(lines), lines

    async def _deploy(self, log: Log, *, to_end: bool) -> Deployment:
        if self._deployment is None:
            self._deployment = await self._new_deployment()
        deployment = self._deployment
        try:
            async with self._bounded("deploy", self._job.until):
                await deployment.advance(log, to_end=to_end)
        except PhaseFailed as failure:
            failure.began = deployment.may_have_begun
            failure.in_doubt |= deployment.in_doubt
            if await self._is_live_after_all(deployment, failure, log):
                return deployment
            if failure.code == "running-deadline" and deployment.waiting:
                raise self._locked_until_the_deadline(deployment) from failure
            raise
        return deployment

    async def _refuse_another_teams(self, until: float) -> None:
        """Whose a version is that is live, whoever looked has seen; where none is, the app's options say it."""
        sight = await self._seen(until)
        if sight.exists and sight.live is None:
            async with self._bounded("look", until):
                there = await markers.marks_there(self._remote, self._app)
            markers.refuse_another_teams(there, self._job)

    async def _seen(self, until: float) -> Sight:
        if self._sight is None:
            async with self._bounded("look", until):
                self._sight = await inspect(self._remote, self._app)
        return self._sight

    async def _new_deployment(self) -> Deployment:
        try:
            sight = await self._seen(self._job.until)
        except PhaseFailed as failure:
            failure.began = False
            raise
        return Deployment(self._remote, self._job, sight, self._times.pause)

    async def _is_live_after_all(self, deployment: Deployment, failure: PhaseFailed, log: Log) -> bool:
        """Nothing is repeated by itself: either this very deployment is live, or it has failed, and the config of
        before is put back."""
        until = self._until_known()
        if failure.code in _LOSSES and deployment.in_doubt:
            sight = await self._after_all(until, settle=deployment.open)
            deployment.unknown = sight is None
            deployment.live = sight is not None and is_live(deployment.request, sight.live)
        if deployment.config.is_changed and not deployment.live:
            await self._put_back(deployment, failure, log, until)
        return deployment.live

    async def _put_back(self, deployment: Deployment, failure: PhaseFailed, log: Log, until: float) -> None:
        """Not unless what serves is what served before: whatever else may have been started with the new config."""
        why = failure.code if deployment.unknown else ""
        try:
            if not why:
                async with self._bounded("look", until):
                    why = await self._tidied(deployment, log)
        except PhaseFailed as failed:
            why = failed.code
        if why:
            await log.write([deployment.config.not_put_back(why)])

    async def _tidied(self, deployment: Deployment, log: Log) -> str:
        """Put the config back. Returns why it is not to be; empty: it was."""
        await self._reached()
        if deployment.config.under_way:
            await self._settled()
        if (await inspect(self._remote, self._app)).live != deployment.before.live:
            return "another version runs there by now"
        await deployment.config.put_back(log)
        return ""

    async def _is_gone_after_all(self) -> bool:
        sight = await self._after_all(self._until_known(), settle=True)
        return sight is not None and not sight.exists

    def _until_known(self) -> float:
        """Until when it is found out, and tidied up, what came of something whose outcome is lost."""
        return self._clock() + self._times.looking + self._times.settle

    async def _after_all(self, until: float, *, settle: bool) -> Sight | None:
        """What came of something whose outcome is lost; None: that can't be told. settle: it may still be under way."""
        try:
            async with self._bounded("look", until):
                await self._reached()
                if settle:
                    await self._settled()
                return await inspect(self._remote, self._app)
        except PhaseFailed:
            return None

    async def _settled(self) -> None:
        """What was left under way there has ended. That takes its time from when the server can be reached on: before,
        it may not have noticed that its client is gone."""
        await self._remote.connect()
        await asyncio.sleep(self._times.settle)

    async def _reached(self) -> None:
        """Connect, again and again: a server that restarts, or a network that breaks off, may be back soon."""
        while True:
            try:
                await self._remote.connect()
            except PhaseFailed as failure:
                if failure.code not in ("unreachable", "ssh-failed"):
                    raise
            else:
                return
            await asyncio.sleep(self._times.pause)

    def _locked_until_the_deadline(self, deployment: Deployment) -> PhaseFailed:
        return PhaseFailed(
            "deploy-locked",
            f"Another deployment of {self._app} on {self._job.request.stack} was under way until the running deadline. "
            f"The app's repository there was left on {deployment.image}: `ps:rebuild` would deploy that. "
            "See what runs there, then try again.",
            began=deployment.task_began,
            in_doubt=True,
        )

    @asynccontextmanager
    async def _bounded(self, what: Phase | Literal["deploy"], until: float) -> AsyncIterator[None]:
        """Raises PhaseFailed `connection-lost`; `running-deadline` when `until` has come. The connection is closed
        then, so that the server ends what is under way."""
        try:
            async with asyncio.timeout(max(until - self._clock(), 0)):
                yield
        except Lost as error:
            await self._remote.close()
            raise PhaseFailed(
                "connection-lost",
                f"The connection to {self._remote.server} was lost in {what} of {self._app}{_MAYBE.get(what, '')}. "
                "See that the server is up and reachable, then try again.",
            ) from error
        except TimeoutError as error:
            await self._remote.close()
            raise PhaseFailed(
                "running-deadline",
                f"{what} of {self._app} on {self._job.request.stack} had not ended by the running deadline, and was "
                f"cut off{_MAYBE.get(what, '')}. See its log; give the app a longer running deadline if it needs one.",
            ) from error


def _is_the_apps(key: str) -> bool:
    """Not one that Dokku sets itself, and one that can be the name of a variable."""
    if key.startswith("DOKKU_") or key == "GIT_REV":
        return False
    try:
        _CONFIG_KEY.validate_python(key)
    except ValidationError:
        return False
    return True
