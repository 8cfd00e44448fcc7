"""Stacks: how they are reached, changed, and checked."""

from __future__ import annotations

import pytest
from tests.unit.promoter.story import A, B, Story, names, one

from ownstack_contracts.apps import AppCreated, AppSettingsChanged, AppStackAdded, LookRequested
from ownstack_contracts.jobs import StackCheckRequested, StackDeployRequested, StackLookRequested
from ownstack_contracts.reports import StackChecked
from ownstack_contracts.rollouts import DeployRequested
from ownstack_contracts.stacks import CheckRequested, StackAdded, StackChanged

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN6gQxBsl0T9Tz8pXh6oOq1hNf2nq7l0vVwJt3mYcK5d"
PRINT = "SHA256:jvzm9gWcKVGGbN1Y2bHdJjv5vzk0gPc0Vt7yJ0m1WjE"


def dokku(address: str = "dokku@203.0.113.7:22", **settings: str) -> StackAdded:
    """A Dokku server."""
    return StackAdded(stack="eu-1", driver="dokku", address=address, settings=settings)


@pytest.mark.parametrize(
    "address",
    [
        "dokku@203.0.113.7:22",
        "dokku@eu-1.example.com:2222",
        "root@[2001:db8::7]:22",
    ],
)
def test_a_dokku_stack_is_reached_over_ssh(address: str) -> None:
    assert names(Story().say(dokku(address))) == ["StackAdded"]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "203.0.113.7",
        "dokku@host",
        "dokku@host:0",
        "dokku@host:65536",
        "@host:22",
        "dokku@:22",
        "dokku@a b:22",
        "dokku@host;rm -rf /:22",
        "-oProxyCommand=x@host:22",
        "dokku@-oProxyCommand=x:22",
        "dokku@$(id):22",
        "dokku@1.2.3:22",
        "dokku@999.1.1.1:22",
        "dokku@[::1:22",
        "dokku@host:22\n",
        "dokku@héé:22",
    ],
)
def test_what_is_no_address_over_ssh_is_refused(address: str) -> None:
    assert Story().refused(dokku(address)) == "address-invalid"


@pytest.mark.parametrize("key", [KEY, PRINT])
def test_a_host_key_is_a_public_key_or_its_fingerprint(key: str) -> None:
    assert names(Story().say(dokku(host_key=key))) == ["StackAdded"]


@pytest.mark.parametrize("key", ["x", "SHA256:short", KEY + "\n" + KEY, KEY + " comment", "MD5:00:11", "ssh-dss AAAA"])
def test_what_is_no_host_key_is_refused(key: str) -> None:
    story = Story()
    assert story.refused(dokku(host_key=key)) == "host-key-invalid"
    story.say(dokku())
    assert story.refused(StackChanged(stack="eu-1", settings={"host_key": key})) == "host-key-invalid"


def test_what_is_given_of_a_stack_changes_and_what_is_empty_goes() -> None:
    story = Story()
    story.say(StackAdded(stack="us-1", driver="program", address="/srv/x", settings={"home": "/a", "note": "x"}))
    story.say(StackChanged(stack="us-1", settings={"home": "/b", "note": ""}))
    assert story.team.stacks["us-1"].settings == {"home": "/b"}
    story.say(dokku(host_key=PRINT))
    story.say(StackChanged(stack="eu-1", settings={"host_key": KEY}))
    story.say(StackChanged(stack="eu-1", address="dokku@eu-1.example.com:22"))
    assert story.team.stacks["eu-1"].address == "dokku@eu-1.example.com:22"
    assert story.team.stacks["eu-1"].settings == {"host_key": KEY}


def test_a_change_that_changes_nothing_or_is_wrong_is_refused() -> None:
    story = Story()
    story.say(dokku())
    assert story.refused(StackChanged(stack="eu-1")) == "nothing-to-change"
    assert story.refused(StackChanged(stack="us-1", address="dokku@h:22")) == "stack-unknown"
    assert story.refused(StackChanged(stack="eu-1", address="nowhere")) == "address-invalid"


def test_a_check_is_asked_for_and_its_first_answer_counts() -> None:
    story = Story()
    story.say(dokku(host_key=KEY))
    request = one(StackCheckRequested, story.say(CheckRequested(stack="eu-1"), id="k1"))
    assert (request.job, request.driver, request.settings) == ("k1#check", "dokku", {"host_key": KEY})
    answer = StackChecked(job="k1#check", stack="eu-1", deployer="d1", code="key-refused", message="No.")
    assert names(story.say(answer)) == ["StackChecked"]
    assert story.say(answer) == []
    assert story.team.timers.due == {}


def test_a_check_that_nobody_answers_says_so() -> None:
    story = Story()
    story.say(dokku())
    story.say(CheckRequested(stack="eu-1"))
    assert one(StackChecked, story.wait(60)).code == "no-deployer"
    assert story.team.checks == {}


def test_an_unknown_stack_is_not_checked() -> None:
    assert Story().refused(CheckRequested(stack="eu-1")) == "stack-unknown"


def test_dokku_runs_the_release_task_itself_so_that_one_stack_cannot_do_it_for_all() -> None:
    story = Story()
    story.say(dokku())
    story.stacks("us-1")
    story.say(AppCreated(app="shop", stacks=("eu-1",)))
    first = AppSettingsChanged(app="shop", release_task="first-stack")
    assert story.refused(first) == "driver-runs-release-task"
    story.say(AppCreated(app="blog", stacks=("us-1",)))
    story.say(AppSettingsChanged(app="blog", release_task="first-stack"))
    assert story.refused(AppStackAdded(app="blog", stack="eu-1")) == "driver-runs-release-task"


def test_an_app_is_looked_at_where_it_is_wanted() -> None:
    story = Story()
    story.app("shop", "eu-1", "us-1")
    looks = [f.stack for f in story.say(LookRequested(app="shop")) if isinstance(f, StackLookRequested)]
    assert looks == ["eu-1", "us-1"]
    assert one(StackLookRequested, story.say(LookRequested(app="shop", stack="us-1"))).stack == "us-1"
    assert story.refused(LookRequested(app="shop", stack="ap-1")) == "stack-not-of-app"
    story.say(AppCreated(app="bare"))
    assert story.refused(LookRequested(app="bare")) == "app-without-stacks"


def moved(story: Story) -> StackChanged:
    """A program stack with an app on it, on which version A is live; and its move to another server."""
    story.say(StackAdded(stack="eu-1", driver="program", address="/srv/one"))
    story.app("shop", "eu-1")
    story.deployed("shop", A)
    return StackChanged(stack="eu-1", address="/srv/two", settings={"k": "v"})


def test_a_stack_that_moves_is_looked_at_where_it_is_now() -> None:
    story = Story()
    look = one(StackLookRequested, story.say(moved(story)))
    assert (look.address, look.settings) == ("/srv/two", {"k": "v"})
    assert story.team.apps["shop"].live == {}
    request = one(StackDeployRequested, story.say(DeployRequested(app="shop", image=A)))
    assert request.address == "/srv/two"


def test_a_stack_does_not_move_under_a_rollout() -> None:
    story = Story()
    change = moved(story)
    story.say(DeployRequested(app="shop", image=B))
    assert story.refused(change) == "rollout-active"


def test_an_address_that_is_given_again_moves_nothing() -> None:
    story = Story()
    moved(story)
    assert names(story.say(StackChanged(stack="eu-1", address="/srv/one", settings={"k": "v"}))) == ["StackChanged"]
    assert story.team.apps["shop"].live["eu-1"].image == A


def test_an_answer_about_another_stack_is_none() -> None:
    story = Story()
    story.say(dokku())
    story.say(CheckRequested(stack="eu-1"), id="k1")
    assert story.say(StackChecked(job="k1#check", stack="us-1", host_key=KEY)) == []
    assert "k1#check" in story.team.checks


def test_a_dokku_server_is_one_stack() -> None:
    story = Story()
    story.say(dokku())
    second = StackAdded(stack="us-1", driver="dokku", address="dokku@203.0.113.7:22")
    assert story.refused(second) == "address-taken"
    story.say(StackAdded(stack="us-1", driver="dokku", address="dokku@203.0.113.8:22"))
    assert story.refused(StackChanged(stack="us-1", address="dokku@203.0.113.7:22")) == "address-taken"


def test_a_setting_that_a_driver_does_not_know_is_refused() -> None:
    assert Story().refused(dokku(hostkey=KEY)) == "setting-unknown"
