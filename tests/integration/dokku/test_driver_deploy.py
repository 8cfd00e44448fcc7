"""Deployments with the dokku driver, on a server that stays reachable: every way that Dokku lets them end."""

from __future__ import annotations

import asyncio
import shlex

import pytest
from tests.integration.dokku.driving import APP, TEAM, Stand, until

from ownstack_contracts.jobs import Live
from ownstack_deployer.clock import now


@pytest.fixture
def with_v1(stand: Stand) -> Stand:
    """v1 is live, by us."""
    stand.has(stand.deploy("v1"))
    return stand


async def test_a_first_deployment_creates_the_app_and_leaves_what_is_live(stand: Stand) -> None:
    outcome = await stand.attempts(stand.deploy("v1"))

    assert (outcome.code, outcome.before, outcome.ran, outcome.postdeploy_done) == ("live", None, True, False)
    assert await stand.looks() == Live(
        image=stand.server.image("v1"), generation=1, deployment="r1.eu-1", release=1, team=TEAM, app_id="shop.1"
    )
    assert stand.server.live(APP) == stand.server.image("v1")
    assert "apps:create shop" in stand.server.commands()
    assert stand.log.says("Application deployed:")


async def test_what_is_deployed_is_the_digest_without_its_tag(stand: Stand) -> None:
    request = stand.deploy("v1")
    assert ":v1@" in request.image
    await stand.attempts(request)
    deploying = [line for line in stand.server.commands() if line.startswith("git:from-image")]
    assert deploying == [f"git:from-image shop {stand.server.image('v1')}"]


async def test_a_second_deployment_replaces_the_first_and_its_markers(with_v1: Stand) -> None:
    stand = with_v1
    outcome = await stand.attempts(stand.deploy("v2", 2))

    assert (outcome.code, outcome.ran) == ("live", True)
    assert outcome.before is not None
    assert outcome.before.deployment == "r1.eu-1"
    assert await stand.looks() == Live(
        image=stand.server.image("v2"), generation=2, deployment="r2.eu-1", release=2, team=TEAM, app_id="shop.1"
    )
    assert sorted(stand.marks()) == [
        "--label=ownstack.app-id=shop.1",
        "--label=ownstack.deployment=r2.eu-1",
        "--label=ownstack.generation=2",
        f"--label=ownstack.image={stand.server.image('v2').partition('@')[2]}",
        "--label=ownstack.release=2",
        "--label=ownstack.team=acme",
    ]


async def test_the_same_image_again_is_built_anew_under_its_new_markers(with_v1: Stand) -> None:
    stand = with_v1
    outcome = await stand.attempts(stand.deploy("v1", 2))
    assert (outcome.code, outcome.ran) == ("live", True)
    assert stand.server.deployment(APP) == "r2.eu-1"
    assert stand.server.commands().count("ps:rebuild shop") == 1
    assert stand.log.says("No changes detected")


async def test_an_attempt_that_is_live_already_is_not_repeated(with_v1: Stand) -> None:
    stand = with_v1
    assert (await stand.attempts(stand.deploy("v1"))).code == "live"
    assert stand.server.commands() == ["ps:inspect shop"]


async def test_the_release_part_ends_before_the_new_version_starts(stand: Stand) -> None:
    async with stand.place(stand.deploy("v1")) as place:
        assert await place.look(stand.log, now() + 10) is None
        with stand.server.held("start"):
            assert await place.release_task(stand.log) is True
            assert not stand.log.says("Deploying web")
            restart = asyncio.create_task(place.restart(stand.log))
            await until(lambda: stand.log.says("Deploying web"))
            assert not restart.done()
        await restart
    assert stand.tasks("v1", "predeploy") == stand.tasks("v1", "release") == 1


async def test_lines_come_while_the_deployment_is_under_way(stand: Stand) -> None:
    with stand.server.held("build"):
        attempt = asyncio.create_task(stand.attempts(stand.deploy("v1")))
        await until(lambda: stand.log.says("Building shop"))
        assert not attempt.done()
    assert (await attempt).code == "live"


async def test_a_restart_alone_does_the_whole_deployment(stand: Stand) -> None:
    outcome = await stand.attempts(stand.deploy("v1", release_task=False))
    assert (outcome.code, outcome.ran, outcome.postdeploy_done) == ("live", None, False)


async def test_an_image_without_tasks_says_so(stand: Stand) -> None:
    stand.server.add_image("plain", scripts={}, output={})
    assert (await stand.attempts(stand.deploy("plain"))).ran is False


@pytest.mark.parametrize(
    ("image", "code", "phase", "began"),
    [
        ("prefail", "release-task-failed", "release-task", True),
        ("relfail", "release-task-failed", "release-task", True),
        ("hcfail", "health-check-failed", "restart", False),
        ("crash", "start-failed", "restart", False),
        ("missing", "image-not-pullable", "release-task", False),
    ],
)
async def test_a_deployment_that_fails_leaves_what_served(
    with_v1: Stand, image: str, code: str, phase: str, began: bool
) -> None:
    stand = with_v1
    outcome = await stand.attempts(stand.deploy(image, 2))

    assert outcome.failure is not None
    assert (outcome.code, outcome.phase, outcome.failure.began) == (code, phase, began)
    assert outcome.failure.in_doubt is False
    assert "eu-1" in outcome.failure.message
    assert (await stand.looks()) == outcome.before
    assert stand.server.deployment(APP) == "r1.eu-1"


async def test_nothing_is_restarted_after_a_failed_release_task(with_v1: Stand) -> None:
    await with_v1.attempts(with_v1.deploy("relfail", 2))
    assert not any(line.startswith(("ps:restart", "config:set")) for line in with_v1.server.commands())


async def test_a_deployment_after_a_failed_one_succeeds(with_v1: Stand) -> None:
    stand = with_v1
    await stand.attempts(stand.deploy("relfail", 2))
    assert (await stand.attempts(stand.deploy("v2", 3))).code == "live"
    assert stand.server.deployment(APP) == "r3.eu-1"


async def test_a_failed_post_deploy_task_of_dokkus_own_leaves_the_new_version_live(with_v1: Stand) -> None:
    stand = with_v1
    outcome = await stand.attempts(stand.deploy("postfail", 2))
    assert outcome.code == "live"
    assert stand.log.lines[-1] == "[ownstack: Dokku ended with exit code 1, and the new version is live]"
    assert stand.server.live(APP) == stand.server.image("postfail")


async def test_a_task_that_says_what_dokku_says_fools_nobody(with_v1: Stand) -> None:
    stand = with_v1
    said = " !     Failed to pull image: x\n !     No changes detected\n=====> Processing deployment checks\n"
    stand.server.add_image("liar", "127.0.0.1:5000/demo/web", behaviour="relfail", output={"release": said})
    outcome = await stand.attempts(stand.deploy("liar", 2))
    assert (outcome.code, outcome.phase) == ("release-task-failed", "release-task")


async def test_the_options_of_docker_that_are_the_users_own_are_kept(stand: Stand) -> None:
    own = ["--restart=on-failure:10", "-v /data:/data", "--label=ownstack.example=mine", "--label=other=1"]
    stand.server.deploy_by_hand(APP, "v1", options=own)
    for generation, image in enumerate(("v2", "v1"), 1):
        assert (await stand.attempts(stand.deploy(image, generation))).code == "live"
    assert set(own) < set(stand.server.options(APP))
    assert len(stand.server.options(APP)) == len(own) + 6


async def test_an_app_that_was_created_and_never_deployed_is_deployed_to(stand: Stand) -> None:
    with stand.server.edit(APP):
        pass
    assert await stand.looks() is None
    assert (await stand.attempts(stand.deploy("v1"))).code == "live"
    assert "apps:create shop" not in stand.server.commands()


async def test_a_newer_generation_is_left_alone(stand: Stand) -> None:
    await stand.attempts(stand.deploy("v2", 5))
    outcome = await stand.attempts(stand.deploy("v1", 4))
    assert outcome.code == "stale"
    assert stand.server.deployment(APP) == "r5.eu-1"


async def test_what_was_deployed_by_hand_is_seen_as_such_and_replaced(with_v1: Stand) -> None:
    stand = with_v1
    stand.server.deploy_by_hand(APP, "v2")  # under our markers, which are in the options of docker

    seen = await stand.looks()
    assert seen == Live(image=stand.server.image("v2"), team=TEAM, app_id="shop.1")
    assert (await stand.attempts(stand.deploy("v1", 2))).code == "live"
    assert stand.server.deployment(APP) == "r2.eu-1"


async def test_by_hand_in_the_midst_of_a_deployment_is_told(with_v1: Stand) -> None:
    """What Dokku says of it, and what runs, differ: what runs counts."""
    stand = with_v1
    with stand.server.held("rename"):
        attempt = asyncio.create_task(stand.attempts(stand.deploy("v2", 2)))
        await until(
            lambda: any(entry["step"] == "live" and "785b4" in entry["image"] for entry in stand.server.steps())
        )
        stand.server.deploy_by_hand(APP, "v3")
    outcome = await attempt
    assert outcome.failure is not None
    assert (outcome.code, outcome.failure.in_doubt) == ("dokku-failed", True)


async def test_that_dokku_has_run_the_post_deploy_script_itself_is_told(stand: Stand) -> None:
    """As it does at the first deployment of an app, which the stand-in does not: its words are changed."""
    changed = "s/No heroku.postdeploy task found, skipping/Executing heroku.postdeploy task from app.json: seed/"
    said = f"set -o pipefail; {shlex.join(stand.server.sshd.command)} | sed -u {shlex.quote(changed)}"
    stand.server.sshd.command = ["bash", "-c", said]
    stand.server.restart()
    first = await stand.attempts(stand.deploy("v1"))
    second = await stand.attempts(stand.deploy("v2", 2))
    assert (first.code, first.postdeploy_done) == ("live", True)
    assert (second.code, second.postdeploy_done) == ("live", False)
