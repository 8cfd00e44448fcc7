"""Config, clones and review apps go round the circle; and no value is found in anything that was written."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.integration.api.circle import OTHER_TEAM, TEAM, Circle, running
from tests.integration.api.test_circle import shop, told
from tests.unit.api.deliveries import GUID, deliver

from ownstack_contracts.config import ConfigValue
from ownstack_contracts.envelope import decode
from ownstack_contracts.reviews import AppCloned, ReviewAppOpened
from ownstack_contracts.topics import COMMANDS, TOPICS
from ownstack_vault import Slot

IMAGE = "ghcr.io/acme/shop:pr-{number}-{sha}"


async def set_up(circle: Circle, **settings: Any) -> str:
    """The pipeline of shop with config, review apps and a webhook. Returns the webhook's secret."""
    await shop(circle.client)
    for body in (
        {"values": {"DATABASE_URL": "postgres://production"}},
        {"values": {"LOCALE": "de"}, "secret": False},
        {"values": {"LOCALE": "en"}, "secret": False, "stack": "us-1"},
        {"values": {"DATABASE_URL": "postgres://review"}, "review": True},
    ):
        assert (await told(circle.client, "PATCH", "/apps/shop/config", body)).status_code == 200
    on = {"stack": "us-1", "image": IMAGE, **settings}
    assert (await told(circle.client, "PUT", "/pipelines/shop/review-apps", on)).status_code == 200
    secret: str = (await circle.client.post("/api/v1/pipelines/shop/webhook")).json()["secret"]
    return secret


async def test_what_was_set_is_shown_by_name_and_read_one_by_one(circle: Circle) -> None:
    await set_up(circle)
    shown = (await circle.client.get("/api/v1/apps/shop/config")).json()
    assert [(var["name"], var["stack"], var["review"], var["secret"]) for var in shown["variables"]] == [
        ("DATABASE_URL", None, False, True),
        ("LOCALE", None, False, False),
        ("LOCALE", "us-1", False, False),
        ("DATABASE_URL", None, True, True),
    ]
    for asked, value in (
        ("DATABASE_URL", "postgres://production"),
        ("DATABASE_URL?review=true", "postgres://review"),
        ("LOCALE?stack=eu-1", "de"),
        ("LOCALE?stack=us-1", "en"),
    ):
        assert (await circle.client.get(f"/api/v1/apps/shop/config/{asked}")).json()["value"] == value
    async with circle.as_team(OTHER_TEAM) as other:
        assert (await other.get("/api/v1/apps/shop/config/LOCALE")).status_code == 404


async def test_a_variable_that_is_unset_is_gone_and_an_unknown_one_is_refused(circle: Circle) -> None:
    await set_up(circle)
    assert (await told(circle.client, "PATCH", "/apps/shop/config", {"values": {"LOCALE": None}})).status_code == 200
    assert (await circle.client.get("/api/v1/apps/shop/config/LOCALE")).status_code == 404
    key = {"Idempotency-Key": "c-1"}
    first = await told(circle.client, "PATCH", "/apps/shop/config", {"values": {"LOCALE": None}}, **key)
    again = await told(circle.client, "PATCH", "/apps/shop/config", {"values": {"LOCALE": None}}, **key)
    assert (first.status_code, first.json()["code"]) == (409, "variable-unknown")
    assert again.json() == first.json()


async def test_a_clone_has_what_may_leave_production(circle: Circle) -> None:
    await set_up(circle)
    key = {"Idempotency-Key": "c-1"}
    await told(circle.client, "PATCH", "/apps/shop/config", {"values": {"TOKEN": "t"}})
    made = await told(circle.client, "POST", "/apps/shop/clones", {"name": "pr-1", "stack": "us-1"}, **key)
    assert (made.status_code, made.json()["left_out"]) == (200, ["TOKEN"])
    shown = (await circle.client.get("/api/v1/apps/pr-1/config")).json()
    assert [var["name"] for var in shown["variables"]] == ["DATABASE_URL", "LOCALE"]
    for name, value in (("DATABASE_URL", "postgres://review"), ("LOCALE", "en")):
        assert (await circle.client.get(f"/api/v1/apps/pr-1/config/{name}")).json()["value"] == value

    assert (await told(circle.client, "DELETE", "/apps/shop", None)).status_code in (200, 409)
    again = await told(circle.client, "POST", "/apps/shop/clones", {"name": "pr-1", "stack": "us-1"}, **key)
    assert again.json()["command"] == made.json()["command"]
    all_of_it = {"name": "pr-2", "stack": "us-1", "secrets": True}
    assert (await told(circle.client, "POST", "/apps/shop/clones", all_of_it)).json()["left_out"] == []
    assert (await circle.client.get("/api/v1/apps/pr-2/config/TOKEN")).json()["value"] == "t"


async def outcome(circle: Circle, response: httpx.Response) -> dict[str, Any]:
    """What became of the command of a delivery."""
    command = response.json()["command"]["id"]
    view = await circle.readmodel.wait_for_command(TEAM, command, timeout=30)
    assert view is not None
    return view.model_dump()


async def test_a_pull_request_goes_through_its_life(circle: Circle) -> None:
    secret = await set_up(circle)
    async with circle.as_team(None) as github:
        assert (await deliver(github, "ping", secret=secret)).json()["outcome"] == "pong"
        for number, name in enumerate(["opened", "synchronize", "labeled"]):
            guid = f"{number:08x}{GUID[8:]}"
            response = await deliver(github, f"pull_request.{name}", guid, secret=secret)
            assert response.status_code == 202
            if name != "labeled":
                assert (await outcome(circle, response))["status"] == "admitted"
            again = await deliver(github, f"pull_request.{name}", guid, secret=secret)
            assert again.json().get("command", {}) == (await known(circle, response))
        app = (await circle.client.get("/api/v1/apps/shop-pr-42")).json()
        assert (app["review"]["number"], app["review"]["sha"][:4], app["cloned_from"]) == (42, "ec26", "shop")
        values = (await circle.client.get("/api/v1/apps/shop-pr-42/config")).json()["variables"]
        assert [var["name"] for var in values] == ["DATABASE_URL", "LOCALE"]
        read = await circle.client.get("/api/v1/apps/shop-pr-42/config/DATABASE_URL")
        assert read.json()["value"] == "postgres://review"

        closed = await deliver(github, "pull_request.closed.unmerged", f"{9:08x}{GUID[8:]}", secret=secret)
        assert (await outcome(circle, closed))["status"] == "admitted"


async def known(circle: Circle, response: httpx.Response) -> dict[str, Any] | None:
    return None if response.json()["command"] is None else await outcome(circle, response)


async def test_what_is_delivered_late_changes_nothing(circle: Circle) -> None:
    secret = await set_up(circle)
    async with circle.as_team(None) as github:
        merged = await deliver(github, "pull_request.closed.merged", secret=secret)
        assert (await outcome(circle, merged))["status"] == "admitted"
        for number, name in enumerate(["opened", "reopened", "closed.unmerged", "synchronize"]):
            late = await deliver(github, f"pull_request.{name}", f"{number:08x}{GUID[8:]}", secret=secret)
            became = await outcome(circle, late)
            assert (became["status"], became["code"]) == ("rejected", "pull-request-outdated")
    assert (await circle.client.get("/api/v1/apps/shop-pr-42")).status_code == 404


async def test_forks_and_those_who_guess_change_nothing(circle: Circle) -> None:
    secret = await set_up(circle)
    before = await circle.readmodel.last_sequence(TEAM)
    async with circle.as_team(None) as github:
        fork = await deliver(github, "pull_request.opened.fork", secret=secret)
        guess = await deliver(github, "pull_request.opened", secret="guess")
        assert (await told(circle.client, "DELETE", "/pipelines/shop/review-apps")).status_code == 200
        gone = await deliver(github, "pull_request.opened", secret=secret)
    assert [response.json()["code"] for response in (fork, guess)] == ["fork-not-allowed", "signature-invalid"]
    assert (gone.status_code, gone.json()["reason"]) == (202, "Pull requests get no review apps of shop.")
    assert await circle.readmodel.last_sequence(TEAM) == before + 1


CANARY = "s3cr3t-canary-77ab01"


async def test_a_value_is_found_in_nothing_that_was_written_said_or_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with running(tmp_path) as circle:
        secret = await set_up(circle, secrets=True)
        answers = await sent_everywhere(circle, secret)
        revealed = [answer for answer in answers if CANARY in answer.text]
        assert [answer.json()["value"] for answer in revealed] == [CANARY] * 3
        assert all(str(answer.request.url.path).endswith("/config/KEY") for answer in revealed)
        assert {type(message) for message in [m async for m in carriers(circle)]} == {AppCloned, ReviewAppOpened}
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written
    assert not [path for path in written if CANARY.encode() in path.read_bytes()]
    assert CANARY not in caplog.text


async def carriers(circle: Circle) -> Any:
    """The commands on the bus to which the value was copied, sealed: else there would be nothing to look for."""
    for topic in TOPICS:
        for partition in range(await circle.bus.partitions(topic)):
            async for record in circle.bus.read(topic, partition):
                assert CANARY.encode() not in record.value
                if topic != COMMANDS.name:
                    continue
                message = decode(topic, record.value).message
                if isinstance(message, AppCloned | ReviewAppOpened) and opens(circle, message.app_id, message.values):
                    yield message


def opens(circle: Circle, app_id: str, values: dict[str, ConfigValue]) -> bool:
    slot = Slot(TEAM, app_id, "KEY")
    return circle.vault.secrets.unseal({slot: values["KEY"].sealed}) == {slot: CANARY}


async def sent_everywhere(circle: Circle, secret: str) -> list[httpx.Response]:
    """The answers of all routes, with the value in each body, as what it is and where it does not belong."""
    client = circle.client
    answers = [
        await told(client, "PATCH", "/apps/shop/config", {"values": {"KEY": CANARY}}),
        await told(client, "PATCH", "/apps/shop/config", {"values": {"KEY": CANARY}, "stack": "ap-1"}),
        await told(client, "POST", "/apps/shop/clones", {"name": "new", "stack": "eu-1", "secrets": True}),
        await told(client, "POST", "/commands", {"type": "ConfigSet", "data": {"values": {"KEY": CANARY}}}),
        await client.patch("/api/v1/apps/shop/config", content=b'{"values": {"KEY": "%s' % CANARY.encode()),
    ]
    async with circle.as_team(None) as github:
        opened = await deliver(github, "pull_request.opened", secret=secret)
        await outcome(circle, opened)
        answers.append(opened)
    answers += [await client.get(f"/api/v1/apps/{app}/config/KEY") for app in ("shop", "new", "shop-pr-42")]
    document = (await client.get("/openapi.json")).json()
    known = {"app": "shop", "stack": "eu-1", "production": "shop", "stage": "shop-staging", "variable": "NONE"}
    for path, methods in document["paths"].items():
        if path.endswith("/events") or "{token}" in path:
            continue
        url = fill(path, known)
        for method in methods:
            body = {"values": {"KEY": CANARY}, "data": {"values": CANARY}, "type": "ConfigSet"}
            if method == "delete":
                continue  # what is there is to stay
            content = json.dumps(body) if method != "get" else None
            answers.append(await client.request(method, url, content=content, headers=JSON))
    return answers


JSON = {"Content-Type": "application/json"}


def fill(path: str, known: dict[str, str]) -> str:
    """The path with names in it."""
    steps = [known.get(step[1:-1], "1") if step.startswith("{") else step for step in path.split("/")]
    return "/".join(steps)
