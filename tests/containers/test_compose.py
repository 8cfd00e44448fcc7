"""`docker compose up` brings all of it up, and the same command line works against it as against `ownstack up`."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from tests.containers.composed import Composed
from tests.containers.engine import Engine
from tests.containers.images import Images
from tests.e2e.telling import Telling, tell
from tests.real.brokers import free_port

from ownstack.story import PRODUCTION, STAGING

T = TypeVar("T")
PATIENCE = 90
"""Seconds in which what was published must have had its effect."""
pytestmark = pytest.mark.timeout(1_200)
RUNNING = {"kafka": 1, "postgres": 1, "api": 1, "promoter": 2, "deployer": 2, "projections": 1, "stacks": 1}
ONCE = {"secrets": 1, "setup": 1}


@pytest.fixture(scope="module")
def composed(servers: Engine, images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    """Everything, up and healthy, with a team and its token; nothing of it is left in the end."""
    folder = tmp_path_factory.mktemp("composed")
    composed = Composed(servers, folder, images.index, free_port(), free_port())
    composed.compose("build", "--quiet")
    try:
        composed.up()
        composed.log_in()
        yield composed
    finally:
        composed.compose("down", "--volumes", "--timeout", "20")
        left = [servers.docker(*words) for words in (("ps", "--all", "--quiet"), ("volume", "ls", "--quiet"))]
        assert left == ["", ""]


def test_all_services_are_up_and_healthy_and_what_is_done_once_has_ended_well(composed: Composed) -> None:
    containers = composed.containers()
    running = [c for c in containers if c["State"] == "running"]
    ended = [c for c in containers if c["State"] == "exited"]
    assert Counter(c["Service"] for c in running) == RUNNING
    assert {c["Health"] for c in running} == {"healthy"}
    assert (Counter(c["Service"] for c in ended), {c["ExitCode"] for c in ended}) == (ONCE, {0})


def test_only_the_api_and_on_wish_kafka_are_published_and_on_this_machine_alone(composed: Composed) -> None:
    published = {
        (c["Service"], p["URL"], p["PublishedPort"])
        for c in composed.containers()
        for p in c["Publishers"] or ()
        if p["PublishedPort"]
    }
    assert published == {("api", "127.0.0.1", composed.port), ("kafka", "127.0.0.1", composed.kafka_port)}


def test_no_password_is_in_the_file_or_in_what_the_engine_tells(composed: Composed) -> None:
    passwords = [
        composed.inside("api", "cat", "/run/ownstack/secrets/database-password"),
        composed.inside("api", "cat", "/run/ownstack/secrets/secret-key"),
        composed.inside("postgres", "cat", "/run/ownstack/superuser/postgres-password"),
    ]
    assert len(set(passwords)) == 3
    assert all(len(password) == 43 for password in passwords)
    told = composed.engine.docker("inspect", *composed.compose("ps", "--all", "--quiet").split())
    said = composed.compose("logs", "--no-color") + composed.compose("config") + told
    assert [password for password in passwords if password in said] == []
    assert (
        composed.inside("api", "stat", "--format=%a %u", "/run/ownstack/secrets/database-password").strip()
        == "440 10001"
    )


def test_no_service_has_rights_that_it_does_not_need(composed: Composed) -> None:
    containers = composed.compose("ps", "--quiet").split()
    for told in json.loads(composed.engine.docker("inspect", *containers)):
        host = told["HostConfig"]
        assert host["CapDrop"] == ["ALL"], told["Name"]
        assert host["SecurityOpt"] == ["no-new-privileges:true"], told["Name"]
        assert host["ReadonlyRootfs"] or "kafka" in told["Name"]
        assert told["Config"]["User"] not in ("", "root", "0")


def test_the_story_is_told_from_outside(composed: Composed) -> None:
    assert tell(composed) == Telling(25, 18)


def test_a_command_that_kcat_publishes_by_hand_deploys(composed: Composed) -> None:
    assert composed.ownstack("deploy", "shop-staging", "--image", composed.image("shop", 4)).code == 0
    command = by_hand(composed, app="shop-staging")
    publish(composed, command)
    promotion = until(
        lambda: next((p for p in promotions(composed) if p["id"] == command["id"] and p["ended_at"]), None)
    )
    assert (promotion["status"], promotion["requester"]) == ("succeeded", "somebody"), promotion
    assert [composed.answer(("shop", stack))["version"] for stack in PRODUCTION] == [4, 4, 4]


def test_a_broken_command_is_a_dead_letter_and_is_rejected(composed: Composed) -> None:
    command = by_hand(composed, app=7)
    publish(composed, command)
    letter = until(lambda: next(iter(composed.right("dead-letter", "list")), None))
    assert (letter["team"], letter["code"]) == (composed.team, "invalid-data")
    rejected = until(lambda: [f for f in composed.right("history") if f["type"] == "CommandRejected"])
    assert [fact["correlationid"] for fact in rejected] == [command["id"]]


def test_what_happened_is_there_after_a_restart(composed: Composed) -> None:
    before = composed.right("app", "info", "shop"), promotions(composed)
    composed.compose("down", "--timeout", "30")
    composed.up()
    assert (composed.right("app", "info", "shop"), promotions(composed)) == before
    # The servers of the stacks have ended with their container: a deployment finds that, and starts them again.
    assert composed.ownstack("deploy", "shop-staging", "--image", composed.image("shop", 5)).code == 0
    assert composed.answer(("shop-staging", STAGING))["version"] == 5


def by_hand(composed: Composed, **data: object) -> dict[str, Any]:
    """A PromotionRequested, as somebody writes it who has read the reference."""
    return {
        "specversion": "1.0",
        "id": f"by-hand-{uuid4().hex}",
        "source": "/by/hand",
        "type": "PromotionRequested",
        "dataschema": "urn:ownstack:PromotionRequested:1",
        "datacontenttype": "application/json",
        "time": "2026-01-01T12:00:00.000Z",
        "team": composed.team,
        "actor": "somebody",
        "data": data,
    }


def publish(composed: Composed, command: dict[str, Any]) -> None:
    """With kcat, from this machine, without any option of a partitioner."""
    where = ("-b", f"127.0.0.1:{composed.kafka_port}", "-t", "ownstack.commands", "-k", composed.team)
    subprocess.run(["kcat", "-P", *where], input=json.dumps(command), text=True, check=True, timeout=30)


def promotions(composed: Composed) -> Any:
    return composed.right("promotion", "list")


def until(found: Callable[[], T | None]) -> T:
    """What is found, as soon as it is there."""
    deadline = time.monotonic() + PATIENCE
    while not (value := found()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return value
