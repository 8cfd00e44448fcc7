"""`ownstack rollback` and `ownstack release info`: an older release once more, and what became of each."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake import Fake, accepted, admitted, fact, ok, page, problem, stream
from tests.unit.cli.test_commands import RELEASE, deployed, rollout


def rolled_back(fake: Fake, status: str) -> None:
    about: dict[str, Any] = {"kind": "deploy", "source": None, "source_release": None, "rolled_back_to": 2}
    states = {"eu-1": "succeeded" if status == "succeeded" else "failed"}
    fake.on("POST", "/apps/shop/rollbacks", admitted("RollbackRequested", 10, "c1"))
    fake.on("GET", "/rollouts/c1", ok(rollout(**about)), ok(rollout(status, states=states, **about)))
    end = "DeploySucceeded" if status == "succeeded" else "DeployFailed"
    fake.on("GET", "/events", stream(*deployed("eu-1", 11), fact(17, end, rollout="c1")))


def test_it_is_followed_like_a_deployment(fake: Fake, ownstack: Run) -> None:
    rolled_back(fake, "succeeded")
    ended = ownstack("rollback", "shop")
    assert (ended.code, fake.asked[0].body) == (0, {"acknowledge_migrations": False})
    assert ended.out.startswith("shop v3 aaaaaaa, rolled back to v2\n")
    assert "✓ eu-1  succeeded\n" in ended.out
    assert "succeeded in 2.5s" in ended.out
    assert ended.out.endswith("The config of shop stays as it is now: a roll back takes back the image alone.\n")


@pytest.mark.parametrize(("origin", "said"), [("config", True), ("deploy", False)])
def test_whoever_may_have_meant_the_config_is_told_how_that_is_taken_back(
    fake: Fake, ownstack: Run, origin: str, *, said: bool
) -> None:
    refused = problem(409, "nothing-to-roll-back-to", "No other release.", "ownstack release list shop")
    fake.on("POST", "/apps/shop/rollbacks", refused)
    fake.on("GET", "/apps/shop/releases", page({**RELEASE, "origin": origin}))
    ended = ownstack("rollback", "shop")
    assert (ended.code, "hint: ownstack release list shop" in ended.err) == (3, True)
    assert ("A change of config is taken back by another one: ownstack config:set shop" in ended.err) is said


def test_one_that_fails_fails(fake: Fake, ownstack: Run) -> None:
    rolled_back(fake, "failed")
    ended = ownstack("rollback", "shop", "--json")
    assert (ended.code, ended.json["status"]) == (1, "failed")


@pytest.mark.parametrize("release", ["v2", "2"])
def test_what_is_chosen_is_sent(fake: Fake, ownstack: Run, release: str) -> None:
    fake.on("POST", "/apps/shop/rollbacks", accepted("RollbackRequested"))
    options = ("--to", release, "--stack", "a", "--stack", "b", "--acknowledge-migrations", "--no-wait")
    ended = ownstack("rollback", "shop", *options)
    assert (ended.code, ended.out) == (0, "Sent: RollbackRequested c1\n")
    assert fake.asked[0].body == {"acknowledge_migrations": True, "release": 2, "stacks": ["a", "b"]}


def test_release_tasks_that_nobody_has_acknowledged_are_a_rejection(fake: Fake, ownstack: Run) -> None:
    hint = "ownstack rollback shop --to v2 --acknowledge-migrations"
    fake.on("POST", "/apps/shop/rollbacks", problem(409, "migrations-not-acknowledged", "They have run.", hint))
    ended = ownstack("rollback", "shop")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err == f"error: They have run.\nhint: {hint}\n"


@pytest.mark.parametrize("arguments", [("rollback", "shop", "--to", "last"), ("release", "info", "shop", "latest")])
def test_what_is_no_release_is_not_sent(fake: Fake, ownstack: Run, arguments: tuple[str, ...]) -> None:
    ended = ownstack(*arguments)
    assert (ended.code, fake.asked, "is no release" in ended.err) == (2, [], True)


DEPLOYMENT = {
    "stack": "us-1",
    "deployment": "c1.us-1",
    "state": "failed",
    "attempt": 2,
    "code": "exit-1",
    "message": "No space.",
    "started_at": 1_000,
    "ended_at": 3_500,
}
WHOLE = {
    **RELEASE,
    "app": "shop",
    "config_fingerprint": "abcdef0123456789",
    "rollout": "c1",
    "deployments": [DEPLOYMENT],
    "rolled_back_to": 2,
}


@pytest.mark.parametrize("release", ["v3", "3"])
def test_a_release_is_shown_with_what_became_of_it(fake: Fake, ownstack: Run, release: str) -> None:
    fake.on("GET", "/apps/shop/releases/3", ok(WHOLE))
    plain, json = ownstack("release", "info", "shop", release), ownstack("release", "info", "shop", release, "--json")
    assert (plain.code, plain.err, json.json) == (0, "", WHOLE)
    shown = plain.out.splitlines()
    assert ["rolled", "back", "to", "v2"] in [line.split() for line in shown]
    assert ["config", "abcdef01"] in [line.split() for line in shown]
    assert ["from", "shop-staging", "v5"] in [line.split() for line in shown]
    assert shown[-1].split() == ["us-1", "failed", "2", "2.5s", "No", "space.", "c1.us-1"]


def test_a_release_that_was_found_has_no_deployments(fake: Fake, ownstack: Run) -> None:
    found = {**WHOLE, "origin": "found", "source_app": None, "rollout": None, "rolled_back_to": None, "deployments": []}
    fake.on("GET", "/apps/shop/releases/1", ok(found))
    ended = ownstack("release", "info", "shop", "v1")
    assert (ended.code, ["from", "found"] in [line.split() for line in ended.out.splitlines()]) == (0, True)


def test_a_release_that_is_not_there_is_said_to_be(fake: Fake, ownstack: Run) -> None:
    fake.on("GET", "/apps/shop/releases/9", problem(404, "release-unknown", "shop has no release v9."))
    assert ownstack("release", "info", "shop", "v9").code == 3


def test_of_a_release_with_a_new_config_it_is_said_which_variables_changed(fake: Fake, ownstack: Run) -> None:
    config = {**RELEASE, "origin": "config", "source_app": None, "source_release": None}
    releases = [{**config, "number": 5, "rollout": "c5"}, {**config, "number": 4, "rollout": "c4"}, RELEASE]
    fake.on("GET", "/apps/shop/releases", page(*releases))
    change = {**fact(9, "ConfigSet", app="shop", values={"B": {}}, unset=["A"]), "causationid": "c5"}
    fake.on("GET", "/history", page({"sequence": 9, "event": change}))
    plain, json = ownstack("release", "list", "shop"), ownstack("release", "list", "shop", "--json")
    assert "config: A and B" in plain.out.splitlines()[1]
    assert "config " in plain.out.splitlines()[2]
    assert json.json == releases
