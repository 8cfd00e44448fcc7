"""The other jobs of the dokku driver: looks, post-deploy scripts, removals, commands; and the words of commands."""

from __future__ import annotations

import asyncio
import os
import random
import shlex
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from tests.integration.dokku.driving import APP, Stand, until
from tests.real.dokku.host import words as standin
from tests.real.dokku.proxy import Proxy

from ownstack_contracts.jobs import Live
from ownstack_deployer.clock import now
from ownstack_deployer.drivers.dokku.commands import line_of
from ownstack_deployer.drivers.port import PhaseFailed, Place


@asynccontextmanager
async def broken(stand: Stand) -> AsyncIterator[Proxy]:
    """A network that is about to fail."""
    async with Proxy(stand.server.host, stand.server.port) as proxy:
        stand.port = proxy.port
        yield proxy


# looks


async def test_an_app_that_is_not_there_has_nothing(stand: Stand) -> None:
    async with stand.place(stand.looking()) as place:
        assert await place.look(stand.log, now() + 10) is None
        assert await place.config_keys(now() + 10) == ()


@pytest.mark.parametrize(
    ("tags", "reference"),
    [(None, "dokku/shop:latest"), (("",), "dokku/shop:latest"), (("demo/web:v1",), "demo/web:v1")],
)
async def test_an_app_that_was_pushed_with_git_is_told_by_what_dokku_calls_it(
    stand: Stand, tags: Sequence[str] | None, reference: str
) -> None:
    stand.server.push_by_hand(APP, tags)
    live = await stand.looks()
    assert live is not None
    assert live.image is None
    if tags:
        assert live == Live(reference=reference)
    assert (await stand.attempts(stand.deploy("v1"))).code == "live"


async def test_the_names_of_config_variables_are_told_without_those_of_dokku(stand: Stand) -> None:
    config = {"DATABASE_URL": "secret", "DOKKU_APP_RESTORE": "1", "GIT_REV": "abc", "A": "1", "GIT_REVISION": "2"}
    stand.server.deploy_by_hand(APP, "v1", config)
    async with stand.place(stand.looking(config=True)) as place:
        assert await place.config_keys(now() + 10) == ["A", "DATABASE_URL", "GIT_REVISION"]
    assert stand.log.lines == []


async def test_many_processes_of_an_app_are_seen(stand: Stand) -> None:
    with stand.server.edit(APP) as app:
        app["processes"] = [f"web.{number}" for number in range(1, 21)] + ["worker.1"]
    assert (await stand.attempts(stand.deploy("v1"))).code == "live"


# post-deploy scripts


async def post_deploy(stand: Stand, image: str) -> None:
    async with stand.place(stand.postdeploy(image)) as place:
        await place.post_deploy(stand.log)


async def test_the_script_of_the_image_is_run(stand: Stand) -> None:
    stand.server.add_image("seeded", files={"app.json": '{"scripts": {"postdeploy": "echo a && echo \'b  c\'"}}'})
    await stand.attempts(stand.deploy("seeded"))
    stand.log.lines.clear()
    await post_deploy(stand, "seeded")
    assert stand.log.lines == ["a", "b  c"]


@pytest.mark.parametrize(
    "files", [{}, {"app.json": "{}"}, {"app.json": '{"scripts": {}}'}, {"app.json": '{"scripts": {"postdeploy": " "}}'}]
)
async def test_an_image_without_a_script_is_content(stand: Stand, files: dict[str, str]) -> None:
    stand.server.add_image("plain", files=files)
    await stand.attempts(stand.deploy("plain"))
    before = len(stand.server.tasks(APP, "run", "start"))
    stand.log.lines.clear()
    await post_deploy(stand, "plain")
    assert stand.log.lines == ["[ownstack: the app.json of this image has no scripts.postdeploy: nothing is run]"]
    assert len(stand.server.tasks(APP, "run", "start")) == before + 1  # that has read it


async def test_a_script_that_fails_is_told_with_its_last_lines(stand: Stand) -> None:
    stand.server.add_image("sad", files={"app.json": '{"scripts": {"postdeploy": "echo oh; exit 4"}}'})
    await stand.attempts(stand.deploy("sad"))
    with pytest.raises(PhaseFailed, match="exit code 4") as failed:
        await post_deploy(stand, "sad")
    assert failed.value.code == "post-deploy-failed"
    assert failed.value.message.endswith("oh")


@pytest.mark.parametrize("content", ["{", "[]", '{"scripts": 7}'])
async def test_an_app_json_that_cannot_be_read_is_told(stand: Stand, content: str) -> None:
    stand.server.add_image("odd", files={"app.json": content})
    await stand.attempts(stand.deploy("odd"))
    with pytest.raises(PhaseFailed) as failed:
        await post_deploy(stand, "odd")
    assert failed.value.code == "app-json-unreadable"


async def test_the_script_of_an_app_that_is_not_there_fails(stand: Stand) -> None:
    with pytest.raises(PhaseFailed) as failed:
        await post_deploy(stand, "v1")
    assert failed.value.code == "app-json-unreadable"
    assert "does not exist" in failed.value.message


# removals


async def remove(stand: Stand, seconds: float = 60) -> None:
    async with stand.place(stand.removal(), seconds=seconds) as place:
        await place.remove(stand.log)


async def test_an_app_is_removed_and_that_it_is_gone_is_as_good(stand: Stand) -> None:
    stand.server.deploy_by_hand(APP, "v1")
    await remove(stand)
    assert stand.server.apps() == {}
    assert await stand.looks() is None
    await remove(stand)


async def test_an_app_without_containers_is_removed_though_nothing_is_live(stand: Stand) -> None:
    assert stand.driver.removes_again(stand.removal())
    with stand.server.edit(APP) as app:
        app["options"]["deploy"] = ["--label=ownstack.team=acme"]
    async with stand.place(stand.removal(), uncertain=True) as place:
        assert await place.look(stand.log, now() + 10) is None
        await place.remove(stand.log)
    assert stand.server.apps() == {}


async def test_a_removal_whose_connection_is_lost_looks_what_came_of_it(stand: Stand) -> None:
    stand.server.deploy_by_hand(APP, "v1")
    async with broken(stand) as proxy:
        async with stand.place(stand.removal()) as place:
            await place.look(stand.log, now() + 10)
            proxy.slow(100)
            removing = asyncio.create_task(place.remove(stand.log))
            await until(lambda: not stand.server.apps())
            await proxy.drop()  # with the answer on its way
            proxy.slow(0)
            await removing
        assert await stand.looks() is None


async def test_a_removal_that_did_not_come_about_is_told(stand: Stand) -> None:
    stand.server.deploy_by_hand(APP, "v1")
    async with broken(stand) as proxy, stand.place(stand.removal()) as place:
        await place.look(stand.log, now() + 10)
        proxy.freeze()
        removing = asyncio.create_task(place.remove(stand.log))
        await until(lambda: proxy.taken == 2)
        await proxy.refuse()
        with pytest.raises(PhaseFailed) as failed:
            await removing
        assert failed.value.code == "connection-lost"


# commands


@asynccontextmanager
async def beside(stand: Stand, *words: str, seconds: float = 60) -> AsyncIterator[Place]:
    async with stand.place(stand.command(*words), seconds=seconds) as place:
        yield place


async def run(stand: Stand, *words: str) -> int:
    async with beside(stand, *words) as place:
        return await place.run(words, stand.log)


async def test_a_command_tells_its_exit_code_and_what_it_prints(stand: Stand) -> None:
    stand.server.deploy_by_hand(APP, "v1")
    assert await run(stand, "sh", "-c", "echo out; echo err >&2; exit 3") == 3
    assert sorted(stand.log.lines) == ["err", "out"]
    assert await run(stand, "true") == 0


@pytest.mark.parametrize("words", [("-n", "x"), ("-n",), ("a", "-n"), ("-e", "-E"), ("it's", "-nE", '"')])
async def test_words_that_dokku_would_swallow_arrive(stand: Stand, words: Sequence[str]) -> None:
    stand.server.deploy_by_hand(APP, "v1")
    assert await run(stand, "echo", *words) == 0
    assert stand.log.lines == [" ".join(words)]


async def test_a_command_runs_beside_a_deployment(stand: Stand) -> None:
    stand.server.deploy_by_hand(APP, "v1")
    with stand.server.held("checks"):
        attempt = asyncio.create_task(stand.attempts(stand.deploy("v2")))
        await until(lambda: any(entry["step"] == "checks" for entry in stand.server.steps()))
        assert await run(stand, "true") == 0
        assert not attempt.done()
    assert (await attempt).code == "live"


async def test_lines_of_a_command_come_as_they_are_printed(stand: Stand) -> None:
    stand.server.deploy_by_hand(APP, "v1")
    async with beside(stand, "x") as place:
        running = asyncio.create_task(place.run(["count", "1000", "0.02"], stand.log))
        await until(lambda: stand.log.says("3"))
        assert not running.done()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_a_command_is_ended_at_its_deadline_and_may_have_run(stand: Stand) -> None:
    stand.server.deploy_by_hand(APP, "v1")
    async with beside(stand, "x", seconds=1) as place:
        with pytest.raises(PhaseFailed, match="may have run") as failed:
            await place.run(["sleep", "60"], stand.log)
    assert failed.value.code == "running-deadline"
    await until(lambda: not stand.server.workers())


async def test_a_command_whose_connection_is_lost_may_have_run(stand: Stand) -> None:
    stand.server.deploy_by_hand(APP, "v1")
    async with broken(stand) as proxy, beside(stand, "x") as place:
        running = asyncio.create_task(place.run(["sleep", "60"], stand.log))
        await until(lambda: stand.server.tasks(APP, "run", "start"))
        await proxy.drop()
        with pytest.raises(PhaseFailed, match="may have run") as failed:
            await running
    assert failed.value.code == "connection-lost"


async def test_a_command_of_an_app_that_is_not_there_is_told(stand: Stand) -> None:
    with pytest.raises(PhaseFailed) as failed:
        await run(stand, "true")
    assert failed.value.code == "app-unknown"


async def test_a_word_with_a_newline_is_refused_and_nothing_is_sent(stand: Stand) -> None:
    with pytest.raises(PhaseFailed) as failed:
        await run(stand, "echo", "a\nb")
    assert failed.value.code == "argument-refused"
    assert stand.server.commands() == ["ps:inspect shop"]


# apps of another team that run nothing


@pytest.fixture
def foreign(stand: Stand) -> Stand:
    """Another team has an app that runs nothing: its first deployment failed."""
    with stand.server.edit(APP) as app:
        app["options"]["deploy"] = ["--label=ownstack.app-id=shop.7", "--label=ownstack.team=other"]
        app["config"] = {"SECRET": "1"}
    return stand


def is_untouched(stand: Stand) -> bool:
    """Nothing was done on the server but looking."""
    assert stand.server.options(APP) == ["--label=ownstack.app-id=shop.7", "--label=ownstack.team=other"]
    return {line.partition(" ")[0] for line in stand.server.commands()} == {"ps:inspect", "docker-options:report"}


async def test_another_teams_app_that_runs_nothing_is_not_deployed_to(foreign: Stand) -> None:
    outcome = await foreign.attempts(foreign.deploy("v1"))
    assert outcome.failure is not None
    assert (outcome.code, outcome.failure.began, outcome.failure.in_doubt) == ("foreign-app", False, False)
    assert "of team other" in outcome.failure.message
    assert is_untouched(foreign)


@pytest.mark.parametrize("uncertain", [True, False])
async def test_another_teams_app_that_runs_nothing_is_not_removed(foreign: Stand, uncertain: bool) -> None:
    async with foreign.place(foreign.removal(), uncertain=uncertain) as place:
        await place.look(foreign.log, now() + 10)
        with pytest.raises(PhaseFailed) as failed:
            await place.remove(foreign.log)
    assert failed.value.code == "foreign-app"
    assert is_untouched(foreign)


async def test_no_command_is_run_in_another_teams_app_that_runs_nothing(foreign: Stand) -> None:
    with pytest.raises(PhaseFailed) as failed:
        await run(foreign, "true")
    assert failed.value.code == "foreign-app"
    assert is_untouched(foreign)


async def test_the_config_of_another_teams_app_that_runs_nothing_is_not_read(foreign: Stand) -> None:
    async with foreign.place(foreign.looking(config=True)) as place:
        await place.look(foreign.log, now() + 10)
        assert await place.config_keys(now() + 10) is None
    assert is_untouched(foreign)


async def test_an_app_that_another_team_created_in_the_same_moment_is_left_to_it(stand: Stand) -> None:
    async with stand.place(stand.deploy("v1")) as place:
        assert await place.look(stand.log, now() + 10) is None
        with stand.server.edit(APP) as app:
            app["options"]["deploy"] = ["--label=ownstack.team=other"]
        with pytest.raises(PhaseFailed) as failed:
            await place.release_task(stand.log)
    assert (failed.value.code, failed.value.began) == ("foreign-app", False)
    assert stand.server.options(APP) == ["--label=ownstack.team=other"]


# a thousand hostile words

PIECES = [
    *("'", '"', "\\", "`", "$(id)", "${HOME}", "$HOME", ";rm -rf /", "&& id", "| id", "> /tmp/x", "< /dev/null", "#"),
    *("*", "?", "[a-z]", "{a,b}", "~", "!", "!!", "%s", "-n", "-e", "--help", "-", "--", "=", " ", "  ", "a", "b", "0"),
    *(
        "ä",
        "é",
        "漢字",
        "😀",
        "\u202e",
        "\u2028",
        "\xa0",
        "\ufeff",
        "\u0301",
        "\n",
        "\r",
        "\t",
        "\0",
        "\x1b[0m",
        "\x7f",
    ),
    *("'\"'", "\\'", '\\"', "\\\\", "$'\\n'", "\\n", "';id;'", '";id;"', "\\\n", "xargs", "sh -c id"),
]


def hostile(chance: random.Random) -> str:
    return "".join(chance.choices(PIECES, k=chance.randint(0, 6)))


async def test_a_thousand_hostile_words_arrive_as_they_are_or_are_refused(stand: Stand) -> None:
    seed = int(os.environ.get("OWNSTACK_SEED") or random.SystemRandom().randrange(2**32))
    print("OWNSTACK_SEED =", seed)
    chance = random.Random(seed)
    given = [hostile(chance) for _ in range(1_000)]
    readable = [word for word in given if is_readable(word)]
    assert 500 < len(readable) < 1_000
    sent = [["printenv", *readable[at : at + 10]] for at in range(0, len(readable), 10)]
    async with beside(stand, "x") as place:
        for command in sent:
            with pytest.raises(PhaseFailed, match="has no app"):  # so that the stand-in runs none of it
                await place.run(command, stand.log)
    looked, *ran = stand.server.commands()
    assert looked == "ps:inspect shop"
    assert [as_run(line) for line in ran] == sent


def is_readable(word: str) -> bool:
    """What has no control character arrives; what has one is refused."""
    if not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in word):
        return bool(line_of([word]))
    with pytest.raises(PhaseFailed) as failed:
        line_of([word])
    assert failed.value.code == "argument-refused"
    return False


def as_run(line: str) -> list[str]:
    """The program and its arguments that Dokku makes of a line, whether a shell stands between or not."""
    run, app, *words = standin.echoed(standin.split(line)[0])
    assert (run, app) == ("run", APP)
    return shlex.split(words[2]) if words[:2] == ["sh", "-c"] else words
