"""A command that somebody writes by hand and publishes with `kcat`, to services that run as processes of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.integration.serve.circles import DIGESTS, TEAM, begun, with_shop
from tests.integration.serve.processes import Installation, installation
from tests.real.kafka import kafka, new_topics
from tests.real.postgres import database

from ownstack_contracts.topics import COMMANDS

pytestmark = pytest.mark.timeout(300)
HOW = "kcat is not here, so publishing with it was not tested: apt-get install kcat."
PATIENCE_S = 60.0
PAUSE_S = 0.2
FEW = ("api", "promoter", "deployer", "projections")

Found = list[dict[str, Any]]


@pytest.fixture
def program() -> str:
    """Where kcat is; without it the test is skipped, and fails in CI."""
    found = shutil.which("kcat")
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(HOW)
    return str(found)


@pytest_asyncio.fixture
async def house(tmp_path: Path) -> AsyncIterator[Installation]:
    servers = kafka()
    async with new_topics(servers) as settings:
        with database() as url:
            env = {
                "OWNSTACK_BUS": f"kafka://{servers}",
                "OWNSTACK_KAFKA_PREFIX": settings.prefix,
                "OWNSTACK_DATABASE": url,
            }
            with installation(tmp_path, env) as made:
                yield made


def test_what_kcat_publishes_deploys_and_what_is_broken_is_told(program: str, house: Installation) -> None:
    begun(house, FEW)
    with_shop(house)
    written = event("by-hand", {"app": "shop-staging"})
    publish(program, house, written)
    ended = until_found(lambda: facts(house, "PromotionSucceeded"))
    assert ended[-1]["correlationid"] == "by-hand"
    shown = json.loads(house.right("app", "info", "shop", "--json"))
    assert DIGESTS[0] in json.dumps(shown)

    publish(program, house, "promote shop-staging, please")
    publish(program, house, event("misspelt", {"application": "shop-staging"}))
    letters = until_found(lambda: letters_of(house, 2))
    assert {letter["code"] for letter in letters} == {"not-json", "invalid-data"}
    (rejected,) = until_found(lambda: facts(house, "CommandRejected"))
    assert rejected["data"]["command"] == "misspelt"
    assert rejected["data"]["command_type"] == "PromotionRequested"
    _look_after(house, next(letter for letter in letters if letter["code"] == "invalid-data"))
    publish(program, house, written)
    publish(program, house, event("after-all", {"app": "shop-staging", "redeploy": True}))
    again = until_found(lambda: facts(house, "PromotionSucceeded", 2))
    assert [fact["correlationid"] for fact in again] == ["by-hand", "after-all"]


def _look_after(house: Installation, letter: dict[str, Any]) -> None:
    """What an operator does, without a server: look at it; send it again, which is rejected again, under a new id."""
    on_the_bus = ("--bus", house.env["OWNSTACK_BUS"])
    shown = json.loads(house.right("dead-letter", "show", letter["id"], *on_the_bus, "--json"))
    assert "misspelt" in json.dumps(shown)
    sent = json.loads(house.right("dead-letter", "resend", letter["id"], *on_the_bus, "--json"))
    assert sent["id"] != "misspelt"
    rejected = until_found(lambda: facts(house, "CommandRejected", 2))
    assert {fact["data"]["command"] for fact in rejected} == {"misspelt", sent["id"]}


def test_a_letter_that_was_cut_is_not_sent_again(program: str, house: Installation) -> None:
    begun(house, FEW)
    publish(program, house, event("too-long", {"app": "x" * 300_000}))
    (letter,) = until_found(lambda: letters_of(house, 1))
    for where in ((), ("--bus", house.env["OWNSTACK_BUS"])):
        refused = house.ownstack("dead-letter", "resend", letter["id"], *where, "--json")
        assert (refused.returncode, json.loads(refused.stderr)["error"]["code"]) == (3, "dead-letter-cut")


def event(name: str, content: dict[str, Any]) -> str:
    """A promotion as a CloudEvent, with nothing in it that is not needed."""
    attributes = {"specversion": "1.0", "id": name, "source": "/by/hand", "type": "PromotionRequested", "team": TEAM}
    return json.dumps({**attributes, "data": content})


def publish(program: str, house: Installation, value: str) -> None:
    """As anybody would: the team is the key; kcat chooses the partition, by a hash of its own."""
    servers, topic = (
        house.env["OWNSTACK_BUS"].removeprefix("kafka://"),
        house.env["OWNSTACK_KAFKA_PREFIX"] + COMMANDS.name,
    )
    subprocess.run([program, "-P", "-b", servers, "-t", topic, "-k", TEAM], input=value, text=True, check=True)


def facts(house: Installation, kind: str, wanted: int = 1) -> Found | None:
    """The facts of this kind in the history, the oldest first, once there are enough."""
    lines = json.loads(house.right("history", "--limit", "100", "--json"))
    found = [line for line in lines if line["type"] == kind]
    return found if len(found) >= wanted else None


def letters_of(house: Installation, wanted: int) -> Found | None:
    """The dead letters, once there are enough."""
    found: Found = json.loads(house.right("dead-letter", "list", "--json"))
    return found if len(found) >= wanted else None


def until_found(find: Callable[[], Found | None]) -> Found:
    """What is found, as soon as it is."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := find()) is None:
        assert time.monotonic() < deadline
        time.sleep(PAUSE_S)
    return found
