"""The config of an app on a Dokku server: it arrives as it is, is shown to nobody, and is put back after a failure."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from tests.integration.dokku.driving import APP, Outcome, Stand, until
from tests.real.dokku.proxy import Proxy

from ownstack_contracts.config import ConfigEntry
from ownstack_contracts.jobs import StackDeployRequested
from ownstack_deployer.clock import now
from ownstack_deployer.drivers.port import PhaseFailed

OLD = {"TOKEN": "the-old-token", "GONE": "soon-to-be-gone", "MINE": "set by hand on the server"}
NEW = {"TOKEN": "the-new-token", "FRESH": "was not there before"}


def deploy(stand: Stand, image: str, generation: int = 2, unset: tuple[str, ...] = ("GONE",)) -> StackDeployRequested:
    """A deployment with config: what is sealed in it is decrypted elsewhere."""
    entries = tuple(ConfigEntry(name=name, sealed="v1." + "A" * 40) for name in NEW)
    return stand.deploy(image, generation, config=entries, config_unset=unset)


@pytest.fixture
def with_v1(stand: Stand) -> Stand:
    """v1 is live, by us, with OLD."""
    stand.has(stand.deploy("v1"))
    with stand.server.edit(APP) as app:
        app["config"] |= OLD
        app["containers"][0]["config"] = dict(OLD)
    return stand


async def gets(stand: Stand, config: Mapping[str, str], image: str = "v2", generation: int = 2, **more: Any) -> Outcome:
    """One attempt with this config."""
    return await stand.attempts(deploy(stand, image, generation), config=config, **more)


def about_config(stand: Stand) -> list[str]:
    """The commands about config that came, without what they were given."""
    return [line.partition(" ")[0] for line in stand.server.commands() if line.startswith("config:")]


def shows(stand: Stand, outcome: Outcome | None = None) -> str:
    """All that is told."""
    return "\n".join([*stand.log.lines, outcome.failure.whole if outcome and outcome.failure else ""])


# what arrives


async def test_the_app_has_its_config_before_its_release_task_begins_and_runs_with_it(with_v1: Stand) -> None:
    stand = with_v1
    assert (await gets(stand, NEW)).code == "live"

    wanted = {**NEW, "MINE": OLD["MINE"]}
    assert stand.server.config(APP) == stand.server.runs_with(APP) == wanted
    (task,) = stand.server.tasks(APP, "release", "start")
    assert {name: task["config"][name] for name in wanted} == wanted
    assert "[ownstack: config on eu-1: set FRESH, TOKEN; unset GONE]" in stand.log.lines
    assert not any(value in shows(stand) for value in (*NEW.values(), *OLD.values()))


async def test_a_first_deployment_has_its_config(stand: Stand) -> None:
    assert (await gets(stand, NEW, "v1", 1)).code == "live"
    assert stand.server.runs_with(APP) == NEW


async def test_only_what_differs_is_set(with_v1: Stand) -> None:
    stand = with_v1
    same = {"TOKEN": OLD["TOKEN"], "FRESH": NEW["FRESH"]}
    assert (await gets(stand, same)).code == "live"
    sent = [line for line in stand.server.commands() if line.startswith(("config:set", "config:unset"))]
    assert [line.split("=")[0] for line in sent] == [
        "config:set --no-restart --encoded shop FRESH",
        "config:unset --no-restart shop GONE",
    ]


async def test_what_is_there_already_is_read_and_nothing_is_set(with_v1: Stand) -> None:
    stand = with_v1
    assert (await stand.attempts(deploy(stand, "v2", unset=("NEVER",)), config={"TOKEN": OLD["TOKEN"]})).code == "live"
    assert about_config(stand) == ["config:export"]


async def test_the_config_of_an_app_without_config_of_ours_is_not_even_read(with_v1: Stand) -> None:
    stand = with_v1
    assert (await stand.attempts(stand.deploy("relfail", 2))).code == "release-task-failed"
    assert (await stand.attempts(stand.deploy("v2", 3))).code == "live"
    assert about_config(stand) == []
    assert stand.server.config(APP) == OLD


async def test_a_deployment_of_the_same_image_restarts_it_with_the_new_config(with_v1: Stand) -> None:
    stand = with_v1
    assert (await gets(stand, NEW, "v1")).code == "live"
    assert stand.server.runs_with(APP)["TOKEN"] == NEW["TOKEN"]
    commands = [line.partition(" ")[0] for line in stand.server.commands()]
    assert "ps:rebuild" in commands
    assert "ps:restart" not in commands


async def test_nothing_is_restarted_by_setting_config(with_v1: Stand) -> None:
    await gets(with_v1, NEW)
    sent = [line for line in with_v1.server.commands() if line.startswith(("config:set", "config:unset"))]
    assert sent
    assert all(" --no-restart " in line for line in sent)


def everything() -> dict[str, str]:
    """Values of all kinds, by name."""
    chance = random.Random(7)
    any_text = "".join(chr(chance.choice([*range(1, 256), 0x20AC, 0x1F600, 0x2028, 0xFEFF])) for _ in range(3_000))
    values = [
        *(
            "",
            " ",
            "\n",
            "\r\n",
            "\t",
            "'",
            '"',
            "\\",
            "$",
            "`",
            "!",
            "#",
            "=",
            "-",
            "--help",
            "-n",
            "-e",
            "~",
            "*",
            "%s",
        ),
        *(
            "two\nlines\n",
            "\n\nempty lines",
            " blanks around ",
            "it's",
            'say "hi"',
            "$(id) `id` ${HOME} $HOME $$",
            "a\\nb",
        ),
        *(
            "--no-restart",
            "K=V",
            "007",
            "true",
            "null",
            "ä",
            "漢字",
            "😀",
            "\u202e",
            "\u2028",
            "\xa0",
            "\x1b[31m",
            "<&>",
        ),
        *("a" * 60 * 1024, any_text, "-----BEGIN KEY-----\nabc+/=\n-----END KEY-----\n"),
    ]
    return {f"V{number}": value for number, value in enumerate(values)}


async def test_values_of_any_kind_arrive_as_they_are(stand: Stand) -> None:
    config = everything()
    assert (await gets(stand, config, "v1", 1)).code == "live"
    assert stand.server.runs_with(APP) == config
    assert all(len(line) <= 100_000 for line in stand.server.commands())

    again = len(stand.server.commands())
    assert (await gets(stand, config, "v2", 2)).code == "live"
    assert not any("config:set" in line for line in stand.server.commands()[again:])  # they are seen to be the same


async def test_hundreds_of_variables_are_set_and_unset_in_lines_that_are_short_enough(stand: Stand) -> None:
    config = {f"{'N' * 230}{number}": f"{number}" * 100 for number in range(500)}
    assert (await gets(stand, config, "v1", 1)).code == "live"
    assert stand.server.runs_with(APP) == config
    without = stand.deploy("v2", 2, config_unset=tuple(config))
    assert (await stand.attempts(without)).code == "live"
    assert stand.server.runs_with(APP) == {}
    lines = stand.server.commands()
    assert max(map(len, lines)) <= 100_000
    assert sum(line.startswith("config:set") for line in lines) >= 2
    assert sum(line.startswith("config:unset") for line in lines) >= 2


@pytest.mark.parametrize("value", ["a" * 65_000, '"' * 33_000, "ä" * 33_000])
async def test_a_value_that_dokku_can_not_keep_is_refused_before_anything_is_done(with_v1: Stand, value: str) -> None:
    stand = with_v1
    outcome = await gets(stand, {"LONG": value, **NEW})
    assert outcome.failure is not None
    assert (outcome.code, outcome.failure.began, outcome.failure.in_doubt) == ("config-too-long", False, False)
    assert "LONG" in outcome.failure.message
    assert about_config(stand) == []


async def test_a_value_that_dokku_changes_is_noticed_and_put_back(with_v1: Stand) -> None:
    stand = with_v1
    stand.server.set(changes=["TOKEN"])
    outcome = await gets(stand, NEW)
    assert outcome.failure is not None
    assert (outcome.code, outcome.failure.began) == ("config-not-kept", False)
    assert "TOKEN" in outcome.failure.message
    assert "FRESH" not in outcome.failure.message
    # the old one is given back: of a server that changes it, it is not asked whether it has kept that
    assert stand.server.config(APP) == {**OLD, "TOKEN": OLD["TOKEN"][:-1]}
    assert not any(line.startswith("git:from-image") for line in stand.server.commands())


async def test_the_config_of_another_teams_app_is_neither_read_nor_set(stand: Stand) -> None:
    with stand.server.edit(APP) as app:
        app["options"]["deploy"] = ["--label=ownstack.team=other"]
        app["config"] = dict(OLD)
    assert (await gets(stand, NEW)).code == "foreign-app"
    assert about_config(stand) == []


# after a failure


@pytest.mark.parametrize("image", ["prefail", "relfail", "hcfail", "crash", "missing"])
async def test_a_deployment_that_fails_puts_the_config_of_before_back(with_v1: Stand, image: str) -> None:
    stand = with_v1
    outcome = await gets(stand, NEW, image)
    assert outcome.failure is not None
    assert stand.server.config(APP) == stand.server.runs_with(APP) == OLD
    assert stand.log.lines[-1] == ("[ownstack: the config of before is put back on eu-1: set GONE, TOKEN; unset FRESH]")
    assert not any(line.startswith(("ps:restart", "ps:rebuild")) for line in stand.server.commands())
    assert all(
        "--no-restart" in line for line in stand.server.commands() if line.startswith(("config:set", "config:un"))
    )
    assert not any(value in shows(stand, outcome) for value in (*NEW.values(), *OLD.values()))


async def test_a_first_deployment_that_fails_leaves_no_config(stand: Stand) -> None:
    assert (await gets(stand, NEW, "relfail", 1)).code == "release-task-failed"
    assert stand.server.config(APP) == {}


async def test_what_somebody_else_has_changed_meanwhile_is_left(with_v1: Stand) -> None:
    stand = with_v1
    with stand.server.held("release"):
        attempt = asyncio.create_task(gets(stand, NEW, "relfail"))
        await until(lambda: stand.server.tasks(APP, "release", "start"))
        with stand.server.edit(APP) as app:
            app["config"]["TOKEN"] = "by hand, in between"
    assert (await attempt).code == "release-task-failed"
    assert stand.server.config(APP) == {**OLD, "TOKEN": "by hand, in between"}


async def test_what_somebody_else_has_started_meanwhile_keeps_the_config_that_it_has(with_v1: Stand) -> None:
    stand = with_v1
    with stand.server.held("rename"):
        attempt = asyncio.create_task(gets(stand, NEW))
        await until(lambda: stand.server.live(APP) == stand.server.image("v2"))
        stand.server.deploy_by_hand(APP, "v3")
    outcome = await attempt
    assert outcome.failure is not None
    assert (outcome.code, outcome.failure.in_doubt) == ("dokku-failed", True)
    assert stand.server.config(APP) == stand.server.runs_with(APP) == {**NEW, "MINE": OLD["MINE"]}
    assert stand.log.says("could not be put back on eu-1 (another version runs there by now)")


async def test_a_failed_post_deploy_task_of_dokkus_own_keeps_the_new_config(with_v1: Stand) -> None:
    stand = with_v1
    assert (await gets(stand, NEW, "postfail")).code == "live"
    assert stand.server.config(APP) == {**NEW, "MINE": OLD["MINE"]}


# connections that are lost


@pytest.fixture
async def proxy(with_v1: Stand) -> AsyncIterator[Proxy]:
    """From now on the driver comes through a proxy."""
    async with Proxy(with_v1.server.host, with_v1.server.port) as proxy:
        with_v1.port = proxy.port
        yield proxy
        proxy.thaw()


async def sets(stand: Stand) -> asyncio.Task[Outcome]:
    """A deployment has come to where its config is set."""
    attempt = asyncio.create_task(gets(stand, NEW))
    await until(lambda: any(line.startswith("config:set") for line in stand.server.commands()))
    return attempt


def reads(stand: Stand) -> int:
    """How often the config was read."""
    return len([entry for entry in stand.server.steps(APP) if entry["step"] == "config-read"])


@pytest.mark.parametrize("step", ["config", "config-done"])
async def test_a_connection_lost_while_config_is_set_fails_and_the_config_of_before_is_back(
    with_v1: Stand, proxy: Proxy, step: str
) -> None:
    stand = with_v1
    with stand.server.held(step):
        attempt = await sets(stand)
        if step == "config-done":
            await until(lambda: stand.server.config(APP)["TOKEN"] == NEW["TOKEN"])
        await proxy.drop()
        await until(lambda: not stand.server.workers())
    outcome = await attempt
    assert outcome.failure is not None
    assert (outcome.code, outcome.failure.began, outcome.failure.in_doubt) == ("connection-lost", False, False)
    assert stand.server.config(APP) == OLD
    assert (await gets(stand, NEW, generation=3)).code == "live"
    assert stand.server.runs_with(APP) == {**NEW, "MINE": OLD["MINE"]}


@pytest.mark.parametrize("step", ["build", "release", "checks"])
async def test_a_connection_lost_before_the_new_version_is_live_puts_the_config_back(
    with_v1: Stand, proxy: Proxy, step: str
) -> None:
    stand = with_v1
    with stand.server.held(step):
        attempt = asyncio.create_task(gets(stand, NEW))
        await until(lambda: any(entry["step"] == step for entry in stand.server.steps()))
        await proxy.drop()
        outcome = await attempt
    assert outcome.code == "connection-lost"
    assert stand.server.config(APP) == stand.server.runs_with(APP) == OLD


async def test_a_connection_lost_after_the_new_version_is_live_keeps_the_new_config(
    with_v1: Stand, proxy: Proxy
) -> None:
    stand = with_v1
    with stand.server.held("rename"):
        attempt = asyncio.create_task(gets(stand, NEW))
        await until(lambda: stand.server.live(APP) == stand.server.image("v2"))
        await proxy.drop()
        outcome = await attempt
    assert outcome.code == "live"
    assert stand.server.config(APP) == stand.server.runs_with(APP) == {**NEW, "MINE": OLD["MINE"]}


@pytest.mark.parametrize("step", ["config-done", "checks"])
async def test_that_the_config_could_not_be_put_back_is_said(with_v1: Stand, proxy: Proxy, step: str) -> None:
    stand = with_v1
    with stand.server.held(step):
        attempt = asyncio.create_task(gets(stand, NEW))
        await until(lambda: stand.server.config(APP)["TOKEN"] == NEW["TOKEN"])
        if step == "checks":
            await until(lambda: any(entry["step"] == step for entry in stand.server.steps()))
        await proxy.refuse()
        outcome = await attempt
    assert outcome.code == "connection-lost"
    assert stand.log.says("the config of before could not be put back on eu-1 (")
    assert stand.log.says("FRESH, GONE, TOKEN]")
    assert stand.server.config(APP)["TOKEN"] == NEW["TOKEN"]


async def test_the_config_is_not_put_back_while_nobody_knows_what_serves(with_v1: Stand, proxy: Proxy) -> None:
    stand = with_v1
    with stand.server.held("checks"):
        attempt = asyncio.create_task(gets(stand, NEW))
        await until(lambda: any(entry["step"] == "checks" for entry in stand.server.steps()))
        await proxy.refuse()
        await asyncio.to_thread(breaks, stand, "ps:inspect")
        await proxy.listen()
        outcome = await attempt
    assert outcome.code == "connection-lost"
    assert stand.log.says("the config of before could not be put back on eu-1 (connection-lost)")
    assert stand.server.config(APP) == {**NEW, "MINE": OLD["MINE"]}


async def test_config_that_is_still_being_set_by_a_client_that_is_gone_is_waited_for(
    with_v1: Stand, proxy: Proxy
) -> None:
    stand = with_v1
    stand.server.set(linger=1_000, seed=1)
    with stand.server.held("config"):
        attempt = await sets(stand)
        await proxy.drop()
        await until(lambda: proxy.taken == 2)
        began = now()
        await until(lambda: reads(stand) == 2 or now() - began > stand.settle / 2)
    assert (await attempt).code == "connection-lost"
    assert stand.server.config(APP) == OLD


async def test_the_deadline_puts_the_config_back(with_v1: Stand, proxy: Proxy) -> None:
    stand = with_v1
    with stand.server.held("release"):
        outcome = await gets(stand, NEW, seconds=4)
    assert outcome.code == "running-deadline"
    assert stand.server.config(APP) == OLD


async def test_a_run_that_is_killed_leaves_the_new_config_and_the_next_one_goes_on_from_there(with_v1: Stand) -> None:
    stand = with_v1
    with stand.server.held("checks"):
        attempt = asyncio.create_task(gets(stand, NEW))
        await until(lambda: any(entry["step"] == "checks" for entry in stand.server.steps()))
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        await until(lambda: not stand.server.workers())
    assert stand.server.config(APP) == {**NEW, "MINE": OLD["MINE"]}
    assert stand.server.runs_with(APP) == OLD
    assert (await gets(stand, NEW, generation=3, uncertain=True)).code == "live"
    assert stand.server.runs_with(APP) == {**NEW, "MINE": OLD["MINE"]}


# what is shown to nobody


def breaks(stand: Stand, command: str, code: int = 1) -> None:
    """From now on this command says a value and fails."""
    tells = f'echo "{OLD["TOKEN"]}"; echo "{NEW["TOKEN"]}" >&2; exit {code}'
    said = f'case "$SSH_ORIGINAL_COMMAND" in "{command} "*) {tells};; esac;'
    stand.server.sshd.command = ["bash", "-c", f'{said} exec "$@"', "x", *stand.server.sshd.command]
    stand.server.restart()


@pytest.mark.parametrize("command", ["config:export", "config:set", "config:unset"])
async def test_what_a_command_about_config_says_is_not_repeated_when_it_fails(with_v1: Stand, command: str) -> None:
    stand = with_v1
    breaks(stand, command)
    outcome = await gets(stand, NEW)
    assert outcome.failure is not None
    assert (outcome.code, outcome.failure.began) == ("dokku-failed", False)
    assert command in outcome.failure.message
    assert not any(value in shows(stand, outcome) for value in (*NEW.values(), *OLD.values()))
    assert not any(line.startswith("git:from-image") for line in stand.server.commands())


async def test_an_export_that_is_no_config_is_told_without_it(with_v1: Stand) -> None:
    stand = with_v1
    breaks(stand, "config:export", 0)
    outcome = await gets(stand, NEW)
    assert outcome.failure is not None
    assert (outcome.code, OLD["TOKEN"] in shows(stand, outcome)) == ("dokku-failed", False)


async def test_an_export_that_says_first_what_dokku_has_mended_is_read(with_v1: Stand) -> None:
    stand = with_v1
    said = 'case "$SSH_ORIGINAL_COMMAND" in config:export*) echo "-----> Deleting invalid key";; esac; '
    stand.server.sshd.command = ["bash", "-c", f'{said} exec "$@"', "x", *stand.server.sshd.command]
    stand.server.restart()
    assert (await gets(stand, NEW)).code == "live"


async def test_lines_that_are_too_long_are_masked_before_they_are_cut(with_v1: Stand) -> None:
    stand = with_v1
    stand.server.add_image("loud", output={"release": "x" * 3_990 + NEW["TOKEN"] + "\n"})
    assert (await gets(stand, NEW, "loud")).code == "live"
    assert stand.log.says("x" * 3_990 + "[TOKEN]"[:10])
    assert not stand.log.says("the-new")


async def test_no_log_of_the_deployer_has_a_value_in_it(with_v1: Stand, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    stand = with_v1
    await gets(stand, NEW, "relfail")
    breaks(stand, "config:set")
    await gets(stand, NEW, generation=3)
    told = caplog.text + json.dumps([record.__dict__ for record in caplog.records], default=repr)
    assert not any(value in told for value in (*NEW.values(), *OLD.values()))


async def test_a_command_runs_with_the_config_of_the_server_and_sets_none(with_v1: Stand) -> None:
    stand = with_v1
    request = stand.command("printenv", "TOKEN").model_copy(
        update={"config": (ConfigEntry(name="TOKEN", sealed="v1." + "A" * 40),)}
    )
    async with stand.place(request, config=NEW) as place:
        assert await place.run(request.command, stand.log) == 0
    assert stand.log.lines == [f"TOKEN={OLD['TOKEN']}"]
    assert about_config(stand) == []


async def test_a_failure_before_the_config_is_touched_puts_nothing_back(with_v1: Stand, proxy: Proxy) -> None:
    async with with_v1.place(deploy(with_v1, "v2"), config=NEW) as place:
        await place.look(with_v1.log, now() + 10)
        await proxy.refuse()
        with pytest.raises(PhaseFailed) as failed:
            await place.release_task(with_v1.log)
    assert failed.value.code == "unreachable"
    assert with_v1.log.lines == []
