"""Plain values on the bus: refused, and kept nowhere but where their publisher has put them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.promoter.owner import Owned
from tests.unit.promoter.story import names, of, one, sealed

from ownstack_contracts.apps import AppCreated
from ownstack_contracts.config import ConfigErased, ConfigSet
from ownstack_contracts.rejections import CommandRejected
from ownstack_contracts.reviews import AppCloned, clone_id
from ownstack_contracts.stacks import StackAdded
from ownstack_contracts.teams import TeamCreated
from ownstack_contracts.topics import COMMANDS

CANARY = "c4nary-v4lue"

PLAIN: dict[str, dict[str, Any]] = {
    "a value": {"type": "ConfigSet", "data": {"app": "shop", "app_id": "shop.3", "values": {"KEY": CANARY}}},
    "a value that says it is sealed": {
        "type": "ConfigSet",
        "data": {"app": "shop", "app_id": "shop.3", "values": {"KEY": {"sealed": CANARY, "fingerprint": "0" * 32}}},
    },
    "a name": {"type": "ConfigSet", "data": {"app": "shop", "app_id": "shop.3", "values": {f"K={CANARY}": "x"}}},
    "a name of a field": {"type": "ConfigSet", "data": {"app": "shop", "app_id": "shop.3", CANARY: "x"}},
    "another field": {"type": "ConfigSet", "data": {"app": CANARY + " ", "app_id": "shop.3", "values": {}}},
    "a clone": {
        "type": "AppCloned",
        "data": {"source": "shop", "app": "pr-1", "app_id": "x", "stack": "eu-1", "values": {"KEY": CANARY}},
    },
    "a review app": {"type": "ReviewAppOpened", "data": {"production": "shop", "values": {"KEY": CANARY}}},
    "another version": {"type": "ConfigSet", "dataschema": "urn:ownstack:ConfigSet:2", "data": {"K": CANARY}},
    "a type that is nearly one": {"type": "configset", "data": {"values": {"KEY": CANARY}}},
}


def with_app() -> Owned:
    """A team with an app."""
    owned = Owned()
    owned.say(TeamCreated())
    owned.say(StackAdded(stack="eu-1", driver="noop"))
    owned.say(AppCreated(app="shop", stacks=("eu-1",)))
    return owned


def written(owned: Owned) -> bytes:
    """All that stands on any topic but `commands`, with its headers."""
    records = [record for topic, topic_s in owned.lists.topics.items() if topic != COMMANDS.name for record in topic_s]
    return b"\n".join(record.value + repr(record.headers).encode() + record.key.encode() for record in records)


@pytest.mark.parametrize("event", PLAIN.values(), ids=PLAIN)
def test_what_is_plain_is_rejected_and_repeated_nowhere(
    event: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    owned = with_app()
    record = {"specversion": "1.0", "id": "s1", "source": "/ci", "team": "acme", **event}
    owned.handle(owned.raw(COMMANDS.name, json.dumps(record).encode()))
    assert one(CommandRejected, [event.message for event in owned.history()]).command == "s1"
    (letter,) = owned.dead_letters()
    assert letter.value == b""
    assert CANARY.encode() not in written(owned)
    assert CANARY not in caplog.text


def test_the_rejection_says_that_the_secret_is_to_be_changed() -> None:
    owned = with_app()
    record = {"specversion": "1.0", "id": "s1", "source": "/ci", "team": "acme", **PLAIN["a value"]}
    owned.handle(owned.raw(COMMANDS.name, json.dumps(record).encode()))
    rejected = one(CommandRejected, [event.message for event in owned.history()])
    assert rejected.code == "config-not-encrypted"
    assert "Change the secret" in rejected.message
    assert "config:set" in str(rejected.hint)
    assert rejected.data is None


def test_a_rejection_repeats_no_sealed_value_either() -> None:
    owned = with_app()
    late = ConfigSet(app="shop", app_id="shop.1", values={"KEY": sealed("1")})
    assert one(CommandRejected, owned.say(late)).data is None
    clone = AppCloned(source="nobody", app="pr-1", app_id="pr-1.c0", stack="eu-1", values={"KEY": sealed("1")})
    assert one(CommandRejected, owned.say(clone)).data is None


def test_sealed_values_are_admitted() -> None:
    owned = with_app()
    app_id = owned.owner.state.log("acme").team.apps["shop"].id
    facts = owned.say(ConfigSet(app="shop", app_id=app_id, values={"KEY": sealed("1")}))
    assert names(facts) == ["ConfigSet"]
    assert of(CommandRejected, facts) == []


def test_the_key_of_a_clone_that_was_refused_is_erased_and_no_other() -> None:
    owned = with_app()
    refused = AppCloned(source="shop", app="shop", app_id=clone_id("shop", "n1"), stack="eu-1")
    assert [type(fact) for fact in owned.say(refused, id="n1")] == [CommandRejected, ConfigErased]
    living = owned.owner.state.log("acme").team.apps["shop"].id
    forged = refused.model_copy(update={"app_id": living})
    assert [type(fact) for fact in owned.say(forged, id="n2")] == [CommandRejected]
    made = AppCloned(source="shop", app="copy", app_id=clone_id("copy", "n3"), stack="eu-1")
    owned.say(made, id="n3")
    owned.lists.now += 15 * 24 * 3_600_000
    assert [type(fact) for fact in owned.say(made, id="n3")] == [CommandRejected], "it lives"
