"""Dokku servers, as a team meets the product: its apps run there already. Real sshd, real CLI, real `ownstack up`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.e2e.house import Ended, House
from tests.real.dokku.server import DokkuServer, new_server

SETTLE = 1.0
"""Seconds after which the stand-in's work of a dead client has surely ended: it lingers for 0.4 s at most."""


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[dict[str, DokkuServer]]:
    """One server for staging, and three for production."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(new_server(tmp_path / name)) for name in ("staging-1", "eu-1", "us-1", "ap-1")}


@pytest.fixture
def team(own_house: House) -> House:
    """A house whose deployer does not wait for longer than the stand-in lingers."""
    own_house.extra = {"OWNSTACK_DEPLOYER_DOKKU_SETTLE": str(SETTLE)}
    own_house.start()
    return own_house


def key_of_the_deployer(house: House, stack: str) -> str:
    """As the latest check of a stack shows it."""
    key: str = house.right("stack", "info", stack, "--json").json["check"]["public_key"]
    return key


def add(house: House, name: str, server: DokkuServer, *, port: int | None = None) -> Ended:
    """Add a server as a stack, and let the deployer's key in, as the command says."""
    at = ("--host", "127.0.0.1", "--port", str(port or server.port), "--user", server.user)
    added = house.right("stack", "add", name, "--driver", "dokku", *at, "--host-key", server.sshd.fingerprint)
    server.sshd.authorize(key_of_the_deployer(house, name))
    house.right("stack", "check", name)
    return added


def pipeline(house: House, servers: dict[str, DokkuServer], *production: str) -> None:
    """What runs by hand is taken over, and put into one pipeline."""
    for name in ("staging-1", *production):
        add(house, name, servers[name])
    servers["staging-1"].deploy_by_hand("shop-staging", "v1", config={"DATABASE_URL": "postgres://secret"})
    for name in production:
        servers[name].deploy_by_hand("shop", "v4")
    house.right("app", "import", "shop-staging", "--stack", "staging-1", "--config")
    house.right("app", "import", "shop", "--stack", production[0])
    for name in production[1:]:
        house.right("app", "add-stack", "shop", name)
    house.right("app", "pipeline", "create", "shop")
    house.right("app", "pipeline", "add-staging", "shop", "shop-staging")
    # The registry of these images is nowhere: each promotion would wait for it, to tag there what it promotes.
    house.right("app", "settings", "shop", "--no-retag")


def test_a_stack_is_added_by_the_fingerprint_of_its_host_and_says_what_is_missing(
    team: House, servers: dict[str, DokkuServer]
) -> None:
    server = servers["eu-1"]
    at = ("--driver", "dokku", "--host", "127.0.0.1", "--port", str(server.port), "--user", server.user)
    unconfirmed = team.ownstack("stack", "add", "eu-1", *at)
    assert unconfirmed.code == 1
    assert server.sshd.fingerprint in unconfirmed.err
    assert server.commands() == []
    refused = team.ownstack("stack", "check", "eu-1", "--host-key", server.sshd.fingerprint)
    assert refused.code == 1
    assert "ssh-keys:add" in refused.err
    server.sshd.authorize(key_of_the_deployer(team, "eu-1"))
    assert "eu-1 can be used." in team.right("stack", "check", "eu-1").out
    server.sshd.restart(new_host_key=True)
    changed = team.ownstack("stack", "check", "eu-1")
    assert changed.code == 1
    assert "another key" in changed.err
    server.stop()
    away = team.ownstack("stack", "check", "eu-1")
    assert (away.code, "127.0.0.1" in away.err) == (1, True)


def test_a_team_takes_over_what_runs_and_promotes_breaks_mends_and_rolls_back(
    team: House, servers: dict[str, DokkuServer]
) -> None:
    staging, production = servers["staging-1"], servers["eu-1"]
    pipeline(team, servers, "eu-1")
    info = team.right("app", "info", "shop-staging", "--json").json
    assert info["stacks"][0]["live"]["image"] == staging.image("v1")
    assert info["stacks"][0]["config_keys"] == ["DATABASE_URL"]
    assert "secret" not in team.right("history", "--json").out

    promoted = team.right("app", "pipeline", "promote", "shop-staging")
    assert production.live("shop") == staging.image("v1")
    assert "succeeded" in promoted.out

    staging.set_behaviour("v2", "good")
    production.set_behaviour("v2", "relfail")
    staging.deploy_by_hand("shop-staging", "v2")
    drifted = team.ownstack("app", "pipeline", "promote", "shop-staging")
    assert drifted.code == 1
    assert "past us" in drifted.out + drifted.err
    assert production.live("shop") == staging.image("v1")
    shown = team.right("app", "info", "shop-staging", "--json").json["stacks"][0]
    assert shown["drift"]

    broken = team.ownstack("app", "pipeline", "promote", "shop-staging")
    assert broken.code == 1
    assert production.live("shop") == staging.image("v1")
    production.set_behaviour("v2", "good")
    team.right("retry", "shop", "--stack", "eu-1")
    assert production.live("shop") == staging.image("v2")
    assert "release task" in team.right("logs", "shop").out

    unacknowledged = team.ownstack("rollback", "shop")
    assert unacknowledged.code == 3
    assert "--acknowledge-migrations" in unacknowledged.err
    team.right("rollback", "shop", "--acknowledge-migrations")
    assert production.live("shop") == staging.image("v1")
    newest = team.right("release", "list", "shop", "--json").json[0]
    assert (newest["origin"], newest["live_on"]) == ("rollback", ["eu-1"])
    assert team.right("release", "info", "shop", f"v{newest['number']}").out

    assert team.right("run", "shop", "--stack", "eu-1", "--", "echo", "hi there").out == "hi there\n"
    assert team.ownstack("run", "shop", "--stack", "eu-1", "--", "sh", "-c", "exit 3").code == 3


def test_what_somebody_has_deployed_past_us_in_production_is_not_taken_for_unchanged(
    team: House, servers: dict[str, DokkuServer]
) -> None:
    production = servers["eu-1"]
    pipeline(team, servers, "eu-1")
    team.right("app", "pipeline", "promote", "shop-staging")
    again = team.right("app", "pipeline", "promote", "shop-staging", "--json").json
    assert [stack["state"] for stack in again["stacks"]] == ["unchanged"]
    assert len(production.tasks("shop", "release", "start")) == 1

    production.deploy_by_hand("shop", "v3")
    put_right = team.right("app", "pipeline", "promote", "shop-staging", "--json").json
    assert [stack["state"] for stack in put_right["stacks"]] == ["succeeded"]
    assert production.live("shop") == production.image("v1")


def test_an_image_that_was_built_on_the_staging_server_is_not_promoted(
    team: House, servers: dict[str, DokkuServer]
) -> None:
    pipeline(team, servers, "eu-1")
    servers["staging-1"].push_by_hand("shop-staging")
    ended = team.ownstack("app", "pipeline", "promote", "shop-staging")
    assert ended.code == 1
    assert "docker push" in ended.out + ended.err
    assert servers["eu-1"].live("shop") == servers["eu-1"].image("v4")


def test_one_fails_one_is_cut_off_one_succeeds_and_a_retry_mends_it(
    team: House, servers: dict[str, DokkuServer]
) -> None:
    pipeline(team, servers, "eu-1", "us-1", "ap-1")
    eu, us, ap = (servers[name] for name in ("eu-1", "us-1", "ap-1"))
    us.set_behaviour("v1", "relfail")
    with team.running("app", "pipeline", "promote", "shop-staging", "--json") as promote, ap.held("release"):
        ap.await_step("shop", "release")
        ap.kill()
        ap.start()
        out, err = promote.communicate(timeout=60)
    assert promote.returncode == 1, err
    told = {stack["stack"]: (stack["state"], stack["code"]) for stack in Ended(1, out, err).json["stacks"]}
    assert told == {
        "eu-1": ("succeeded", None),
        "us-1": ("failed", "release-task-failed"),
        "ap-1": ("failed", "connection-lost"),
    }
    assert [server.live("shop") for server in (eu, us, ap)] == [eu.image("v1"), us.image("v4"), ap.image("v4")]

    us.set_behaviour("v1", "good")
    for stack in ("us-1", "ap-1"):
        team.right("retry", "shop", "--stack", stack)
    assert {server.live("shop") for server in (eu, us, ap)} == {eu.image("v1")}
    info = team.right("app", "info", "shop", "--json").json
    assert info["current_release"] is not None
    assert [stack["drift"] for stack in info["stacks"]] == [False] * 3


def test_who_watches_later_sees_the_same_lines(team: House, servers: dict[str, DokkuServer]) -> None:
    pipeline(team, servers, "eu-1")
    production = servers["eu-1"]
    with production.held("release"), team.running("app", "pipeline", "promote", "shop-staging") as promote:
        production.await_step("shop", "release")
        with team.running("logs", "shop", "--follow") as first, team.running("logs", "shop", "--follow") as second:
            assert first.stdout is not None
            assert second.stdout is not None
            seen = [next(line for line in stream if "release task" in line) for stream in (first.stdout, second.stdout)]
            assert seen[0] == seen[1]
            (production.state / "hold" / "release").unlink()
            assert next(line for line in second.stdout if "Application deployed" in line)
            (production.state / "hold" / "release").touch()
        assert promote.wait(60) == 0
    assert "Application deployed" in team.right("logs", "shop").out
