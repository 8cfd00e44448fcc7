"""The config of an app on a Dokku server: it is set before anything runs, and only where it differs."""

from __future__ import annotations

import pytest
from tests.integration.dokku.configured import NEW, OLD, about_config, deploy, gets, has_v1, shows
from tests.integration.dokku.driving import APP, Stand

from ownstack_contracts.config import ConfigEntry


@pytest.fixture
def with_v1(stand: Stand) -> Stand:
    return has_v1(stand)


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


async def test_the_config_of_another_teams_app_is_neither_read_nor_set(stand: Stand) -> None:
    with stand.server.edit(APP) as app:
        app["options"]["deploy"] = ["--label=ownstack.team=other"]
        app["config"] = dict(OLD)
    assert (await gets(stand, NEW)).code == "foreign-app"
    assert about_config(stand) == []


async def test_an_export_that_says_first_what_dokku_has_mended_is_read(with_v1: Stand) -> None:
    stand = with_v1
    said = 'case "$SSH_ORIGINAL_COMMAND" in config:export*) echo "-----> Deleting invalid key";; esac; '
    stand.server.sshd.command = ["bash", "-c", f'{said} exec "$@"', "x", *stand.server.sshd.command]
    stand.server.restart()
    assert (await gets(stand, NEW)).code == "live"


async def test_a_command_runs_with_the_config_of_the_server_and_sets_none(with_v1: Stand) -> None:
    stand = with_v1
    request = stand.command("printenv", "TOKEN").model_copy(
        update={"config": (ConfigEntry(name="TOKEN", sealed="v1." + "A" * 40),)}
    )
    async with stand.place(request, config=NEW) as place:
        assert await place.run(request.command, stand.log) == 0
    assert stand.log.lines == [f"TOKEN={OLD['TOKEN']}"]
    assert about_config(stand) == []
