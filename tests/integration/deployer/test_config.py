"""Config with the program driver: what a real program is told in its environment, and that nobody else is."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.integration.deployer.programs import PATIENCE, TEAM, Folder, Stage, job

from ownstack_bus.embedded import EmbeddedBus
from ownstack_bus.port import Outgoing
from ownstack_contracts.config import ConfigEntry
from ownstack_contracts.envelope import decode, encode
from ownstack_contracts.jobs import StackDeployRequested, StackRunRequested
from ownstack_contracts.leases import JobGranted
from ownstack_contracts.topics import DEPLOYS, LOGS, REPORTS
from ownstack_deployer.clock import now
from ownstack_deployer.drivers.port import Job, PhaseFailed
from ownstack_deployer.main import Deployer
from ownstack_deployer.settings import Settings

SECRET = "s3cr3t-of-the-shop"
EVERYTHING = {
    f"V{number}": value
    for number, value in enumerate(
        ["", " ", "\n", "a\nb\n", "'", '"', "\\", "$HOME `id` $(id)", "-n", "ä漢字😀", "\x01\x1b", "=", "x" * 60 * 1024]
    )
}


def told(lines: Sequence[str]) -> dict[str, str]:
    """The environment that a program has printed, of this config only."""
    environment: dict[str, str] = json.loads("".join(lines))
    return {name: value for name, value in environment.items() if name.startswith("OWNSTACK_CONFIG")}


async def test_each_variable_is_told_with_a_prefix_and_all_names_in_one(stage: Stage) -> None:
    stage.folder.script(
        f"import json, os\njson.dump(dict(os.environ), open('{stage.folder.path}/told', 'w'))", sys.executable
    )
    await stage.restart(plain=EVERYTHING)
    environment = told([stage.folder.text("told")])
    assert environment.pop("OWNSTACK_CONFIG") == " ".join(sorted(EVERYTHING))
    assert environment == {f"OWNSTACK_CONFIG_{name}": value for name, value in EVERYTHING.items()}


async def test_a_variable_that_would_rule_the_program_only_has_its_prefixed_name(stage: Stage) -> None:
    stage.folder.script('echo "$PATH|$LD_PRELOAD|$OWNSTACK_APP|$OWNSTACK_CONFIG_PATH|$OWNSTACK_CONFIG_KEYS"')
    config = {"PATH": "/evil", "LD_PRELOAD": "/evil.so", "OWNSTACK_APP": "other", "KEYS": "mine"}
    granted = job(stage.folder.program, plain=config)
    async with stage.driver.hold(Job(granted.team, granted.request, "r", granted.until, config=config)) as place:
        await place.restart(stage.log)
    assert stage.log.lines == [f"{os.environ['PATH']}||shop|/evil|mine"]


async def test_phases_that_start_nothing_of_the_app_are_told_none(stage: Stage) -> None:
    stage.folder.script('echo "$1 $OWNSTACK_CONFIG $OWNSTACK_CONFIG_A" >&2')
    async with stage.driver.hold(job(stage.folder.program, plain={"A": "1"})) as place:
        await place.look(stage.log, now() + 60)
        await place.release_task(stage.log)
        await place.restart(stage.log)
        await place.post_deploy(stage.log)
        await place.run(["x"], stage.log)
        await place.remove(stage.log)
    phases = ("look  ", "release-task A 1", "restart A 1", "post-deploy A 1", "run A 1", "remove  ")
    assert stage.log.lines == list(phases)


@pytest.mark.skipif(sys.platform != "linux", reason="the bound of one value is Linux's")
@pytest.mark.parametrize("config", [{"A": "x" * 131_072}, {f"V{n}": "x" * 100_000 for n in range(80)}])
async def test_an_environment_that_is_too_long_is_told(stage: Stage, config: dict[str, str]) -> None:
    stage.folder.script("true")
    with pytest.raises(PhaseFailed, match="longer than this machine passes") as failed:
        await stage.restart(plain=config)
    assert failed.value.code == "environment-too-long"


async def test_a_failure_of_a_look_is_told_without_a_part_of_a_value(stage: Stage) -> None:
    stage.folder.script(f"printf '%s{SECRET}' {'x' * 190}")
    async with stage.driver.hold(job(stage.folder.program, plain={"TOKEN": SECRET})) as place:
        with pytest.raises(PhaseFailed) as failed:
            await place.look(stage.log, now() + 60)
    assert failed.value.code == "look-unreadable"
    assert SECRET[:4] not in failed.value.whole


# through a whole deployer


class Secrets:
    """Decrypts to what the test says."""

    def unseal(self, team: str, app_id: str, entries: Sequence[ConfigEntry]) -> dict[str, str]:
        """As the port says."""
        assert (team, app_id) == (TEAM, "shop.1")
        return {entry.name: SECRET for entry in entries}


class House:
    """A bus with a deployer, where the test grants what is claimed."""

    def __init__(self, folder: Path, bus: EmbeddedBus, secrets: Secrets | None) -> None:
        self.folder, self.bus = Folder(folder), bus
        self.deployer = Deployer(bus, Settings(state=folder / "state", name="d1"), secrets=secrets)

    async def does(self, request: StackDeployRequested | StackRunRequested) -> dict[str, Any]:
        """Ask for a job, grant it, and wait for its end."""
        await self._says(request, request.app)
        claim = await self._hears("JobClaimed")
        kind = "run" if isinstance(request, StackRunRequested) else "deploy"
        same = {"job": request.job, "app": request.app, "stack": request.stack, "run": claim["run"], "kind": kind}
        granted = {"lease": 60, "uncertain": False, "release_task_done": False, "running_until": 10**14}
        await self._says(JobGranted(**same, **granted), request.app)
        return await self._hears("StackDeploySucceeded", "StackDeployFailed", "StackRunEnded", "StackRunFailed")

    async def _says(self, message: Any, app: str) -> None:
        key = f"{TEAM}/{app}@eu-1"
        await self.bus.publish([Outgoing(DEPLOYS.name, key, encode(message, source="/t", team=TEAM, id="fact/1"))])

    async def _hears(self, *kinds: str) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            while True:
                for event in await self.records(REPORTS.name):
                    if event.type_name() in kinds:
                        return {"type": event.type_name(), **event.model_dump()}
                await asyncio.sleep(0.01)

    async def lines(self, count: int) -> list[str]:
        """All that was logged, once there are so many: logs and reports are published side by side."""
        async with asyncio.timeout(PATIENCE):
            while True:
                lines = [line for logged in await self.records(LOGS.name) for line in logged.lines]
                if len(lines) >= count:
                    return lines
                await asyncio.sleep(0.01)

    async def records(self, topic: str) -> list[Any]:
        found = []
        for partition in range(await self.bus.partitions(topic)):
            found += [decode(topic, record.value).message async for record in self.bus.read(topic, partition)]
        return found


@pytest.fixture
async def house(tmp_path: Path) -> Any:
    bus = await EmbeddedBus.open(tmp_path / "bus.db")
    house = House(tmp_path, bus, Secrets())
    running = asyncio.create_task(house.deployer.run())
    yield house
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await bus.close()


CONFIG = (ConfigEntry(name="TOKEN", sealed="v1." + "A" * 40),)


async def test_a_deployer_hands_the_config_to_the_program_and_shows_no_value_anywhere(house: House) -> None:
    house.folder.script(
        'echo "$1: $OWNSTACK_CONFIG_TOKEN" >&2; printf "s3cr3t-of" >&2; printf "%s\\n" -the-shop >&2\n'
        'printf "%s" "$OWNSTACK_CONFIG_TOKEN" > $HERE/got.$1; [ "$1" != restart ] || exit 3'
    )
    request = job(house.folder.program, config=CONFIG).request
    assert isinstance(request, StackDeployRequested)
    end = await house.does(request)
    assert (end["type"], end["phase"], end["code"]) == ("StackDeployFailed", "restart", "exit-3")
    assert house.folder.text("got.release-task") == house.folder.text("got.restart") == SECRET
    assert "It said last:\nrestart: [TOKEN]\n[TOKEN]" in end["message"]
    lines = await house.lines(4)
    assert lines[:4] == ["look: ", "[TOKEN]", "release-task: [TOKEN]", "[TOKEN]"]
    for file in house.folder.path.glob("bus.db*"):
        assert SECRET.encode() not in file.read_bytes()


async def test_a_command_has_the_config_and_its_output_shows_no_value(house: House) -> None:
    house.folder.script('[ "$1" = look ] || { echo "$OWNSTACK_CONFIG_TOKEN"; shift; exec "$@"; }')
    fields = job(house.folder.program).request.model_dump()
    common = {name: fields[name] for name in StackRunRequested.model_fields if name in fields}
    request = StackRunRequested(
        **{**common, "job": "c1#run", "config": CONFIG, "command": ("printenv", "OWNSTACK_CONFIG_TOKEN")}
    )
    end = await house.does(request)
    assert (end["type"], end["exit_code"], end["lines"]) == ("StackRunEnded", 0, 2)
    assert await house.lines(end["lines"]) == ["[TOKEN]", "[TOKEN]"]
