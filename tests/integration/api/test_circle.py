"""Commands go round the whole circle: through HTTP, bus, promoter and projections, back into queries and streams."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from tests.integration.api.circle import OTHER_TEAM, TEAM, Circle, running
from tests.integration.api.sse import following, until

from ownstack_bus.port import Outgoing
from ownstack_contracts.envelope import encode
from ownstack_contracts.history import is_intact
from ownstack_contracts.logs import DeploymentLogged
from ownstack_contracts.topics import HISTORY, LOGS

WAIT = {"Prefer": "wait=30"}
SHOP = "shop.6"
"""The id of the app, after the number of the fact that made it."""


async def told(client: httpx.AsyncClient, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
    return await client.request(method, f"/api/v1{path}", json=body, headers=WAIT | headers)


async def shop(client: httpx.AsyncClient) -> None:
    """Two stacks, staging on one and production on both, and their pipeline."""
    for stack in ("eu-1", "us-1"):
        assert (await told(client, "POST", "/stacks", {"name": stack, "driver": "noop"})).status_code == 200
    staging = {"name": "shop-staging", "stacks": ["eu-1"]}
    assert (await told(client, "POST", "/apps", staging)).status_code == 200
    assert (await told(client, "POST", "/apps", {"name": "shop", "stacks": ["eu-1", "us-1"]})).status_code == 200
    assert (await told(client, "POST", "/pipelines", {"production": "shop"})).status_code == 200
    assert (await told(client, "POST", "/pipelines/shop/stages", {"staging": "shop-staging"})).status_code == 200


async def test_what_was_admitted_is_shown_by_the_queries_at_once(circle: Circle) -> None:
    await shop(circle.client)
    stages = (await circle.client.get("/api/v1/pipelines/shop")).json()["stages"]
    assert [stage["app"] for stage in stages] == ["shop-staging", "shop"]
    stacks = (await circle.client.get("/api/v1/stacks")).json()["items"]
    assert [(stack["name"], stack["apps"]) for stack in stacks] == [
        ("eu-1", ["shop", "shop-staging"]),
        ("us-1", ["shop"]),
    ]
    app = (await circle.client.get("/api/v1/apps/shop")).json()
    assert [stack["status"] for stack in app["stacks"]] == ["unknown", "unknown"]


async def test_what_is_refused_says_why_and_what_to_do(circle: Circle) -> None:
    response = await told(circle.client, "POST", "/apps/shop-staging/promotions", **{"Idempotency-Key": "p-1"})
    assert (response.status_code, response.json()["code"]) == (409, "app-unknown")
    assert response.json()["command"]["status"] == "rejected"
    again = await told(circle.client, "POST", "/apps/shop-staging/promotions", **{"Idempotency-Key": "p-1"})
    assert (again.status_code, again.json()) == (409, response.json())
    other = await told(circle.client, "POST", "/apps/other/promotions", **{"Idempotency-Key": "p-1"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


async def test_a_key_is_known_after_a_restart(tmp_path: Path) -> None:
    stack = {"name": "eu-1", "driver": "noop"}
    async with running(tmp_path) as circle:
        first = await told(circle.client, "POST", "/stacks", stack, **{"Idempotency-Key": "s-1"})
        token = circle.secrets[TEAM]
        circle.vault.tokens.revoke(TEAM, (await circle.client.get("/api/v1/me")).json()["token"], 1)
        circle.vault.tokens.revoke(OTHER_TEAM, circle.vault.tokens.list(OTHER_TEAM, 1)[0].id, 1)
    async with running(tmp_path) as circle:
        same = await told(circle.client, "POST", "/stacks", stack, **{"Idempotency-Key": "s-1"})
        other = await told(circle.client, "POST", "/stacks", {**stack, "name": "us-1"}, **{"Idempotency-Key": "s-1"})
        names = [item["name"] for item in (await circle.client.get("/api/v1/stacks")).json()["items"]]
        revoked = await circle.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert (same.status_code, same.json()) == (first.status_code, first.json())
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    assert names == ["eu-1"]
    assert revoked.status_code == 401


async def test_a_hundred_commands_at_once_each_have_their_outcome(circle: Circle) -> None:
    bodies = [{"name": f"stack-{number % 50}", "driver": "noop"} for number in range(100)]
    answers = await asyncio.gather(*(told(circle.client, "POST", "/stacks", body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [200] * 50 + [409] * 50
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"stack-exists"}
    page = (await circle.client.get("/api/v1/stacks?limit=30")).json()
    rest = (await circle.client.get(f"/api/v1/stacks?limit=30&cursor={page['next']}")).json()
    assert len(page["items"] + rest["items"]) == 50
    assert rest["next"] is None


async def test_another_team_sees_nothing_and_changes_nothing(circle: Circle) -> None:
    await shop(circle.client)
    async with circle.as_team(OTHER_TEAM) as other:
        for path in ("/apps/shop", "/stacks/eu-1", "/pipelines/shop", "/apps/shop/releases", "/apps/shop/logs"):
            assert (await other.get(f"/api/v1{path}")).status_code == 404
        for path in ("/apps", "/stacks", "/pipelines", "/rollouts"):
            assert (await other.get(f"/api/v1{path}")).json()["items"] == []
        destroyed = await told(other, "DELETE", "/apps/shop")
        assert (destroyed.status_code, destroyed.json()["code"]) == (409, "app-unknown")
        types = [fact["type"] for fact in (await other.get("/api/v1/history?after=0")).json()["items"]]
        assert types == ["TeamCreated", "CommandRejected"]
    assert (await circle.client.get("/api/v1/apps/shop")).status_code == 200


async def test_history_pages_hold_every_fact_in_order_both_ways(circle: Circle) -> None:
    await shop(circle.client)
    found: dict[str, list[int]] = {}
    for start in ("after=0", "before=1000000"):
        cursor, sequences = None, list[int]()
        while True:
            query = f"/api/v1/history?{start}&limit=4" + (f"&cursor={cursor}" if cursor else "")
            page = (await circle.client.get(query)).json()
            sequences += [fact["sequence"] for fact in page["items"]]
            if (cursor := page["next"]) is None:
                break
        found[start] = sequences
    end = await circle.readmodel.last_sequence(TEAM)
    assert found["after=0"] == list(range(1, end + 1))
    assert found["before=1000000"] == list(range(end, 0, -1))


async def test_a_stream_over_http_has_every_fact_once_from_stored_to_live(circle: Circle) -> None:
    await shop(circle.client)
    stored = await circle.readmodel.last_sequence(TEAM)

    async def go_on() -> None:
        for number in range(100):
            await told(circle.client, "POST", "/stacks", {"name": f"more-{number}", "driver": "noop"})

    async with following(circle.client, "/api/v1/events?after=0") as events:
        going_on = asyncio.create_task(go_on())
        sent = [await anext(events) for _ in range(stored + 100)]
        await going_on
    assert [event.id for event in sent] == list(range(1, stored + 101))
    records = {record.value async for record in history_of(circle)}
    assert all(is_intact(record) for record in records)
    assert [event.data["sequence"] for event in sent] == [event.id for event in sent]


async def test_what_a_stream_says_the_queries_show(circle: Circle) -> None:
    async with following(circle.client, "/api/v1/events") as events:
        for number in range(20):
            command = circle.client.post("/api/v1/stacks", json={"name": f"s-{number}", "driver": "noop"})
            posting = asyncio.create_task(command)
            sent = await anext(events)
            assert sent.event == "StackAdded"
            assert (await circle.client.get(f"/api/v1/stacks/{sent.data['data']['stack']}")).status_code == 200
            await posting


async def test_many_readers_come_and_go_and_each_has_what_follows_its_last_event(circle: Circle) -> None:
    async def follow(last: int) -> list[int]:
        seen: list[int] = []
        while len(seen) < 30:
            headers = {"Last-Event-ID": str(seen[-1] if seen else last)}
            async with following(circle.client, "/api/v1/events", **headers) as events:
                seen += [(await anext(events)).id for _ in range(min(4, 30 - len(seen)))]
        return seen

    readers = [asyncio.create_task(follow(1)) for _ in range(5)]
    for number in range(30):
        await told(circle.client, "POST", "/stacks", {"name": f"s-{number}", "driver": "noop"})
    assert [await reader for reader in readers] == [list(range(2, 32))] * 5
    while len(circle.parts.streams):
        await asyncio.sleep(0.01)
    assert circle.readmodel.changes.watches == 0


async def test_log_lines_come_live_and_in_pages(circle: Circle) -> None:
    await shop(circle.client)
    async with following(circle.client, "/api/v1/apps/shop/logs/events") as lines:
        for number in range(3):
            await circle.bus.publish([Outgoing(LOGS.name, "d-1.eu-1", logged(number))])
        sent = [await anext(lines) for _ in range(6)]
    assert [(line.event, line.data["text"]) for line in sent][:2] == [("LogLine", "0: one"), ("LogLine", "0: two")]

    page = (await circle.client.get("/api/v1/apps/shop/logs?stack=eu-1&limit=4")).json()
    rest = (await circle.client.get(f"/api/v1/apps/shop/logs?stack=eu-1&limit=4&cursor={page['next']}")).json()
    after = (await circle.client.get(f"/api/v1/apps/shop/logs?after={sent[3].id}")).json()
    assert [line["cursor"] for line in page["items"] + rest["items"]] == [line.id for line in sent]
    assert after["items"] == rest["items"]
    assert (await circle.client.get("/api/v1/apps/shop/logs?stack=us-1")).json()["items"] == []


async def test_a_command_beside_an_app_is_shown_with_its_lines(circle: Circle) -> None:
    await shop(circle.client)
    asked = {"stack": "eu-1", "command": ["rake", "db:version"]}
    assert (await told(circle.client, "POST", "/apps/shop/runs", asked, **{"Idempotency-Key": "x-1"})).is_success
    async with following(circle.client, "/api/v1/apps/shop/logs/events?deployment=x-1%23run") as lines:
        await circle.bus.publish([Outgoing(LOGS.name, "d-1.eu-1", logged(0))])
        await circle.bus.publish([Outgoing(LOGS.name, "x-1#run", logged(1, deployment="x-1#run", phase="run"))])
        sent = [await anext(lines) for _ in range(2)]
    assert [line.data["text"] for line in sent] == ["1: one", "1: two"]
    assert {line.data["phase"] for line in sent} == {"run"}
    run = (await circle.client.get("/api/v1/apps/shop/runs/x-1")).json()
    assert (run["status"], run["job"], run["command"]) == ("asked", "x-1#run", ["rake", "db:version"])
    assert (await circle.client.get("/api/v1/apps/shop/runs")).json()["items"] == [run]
    page = (await circle.client.get("/api/v1/apps/shop/logs?deployment=x-1%23run")).json()
    assert [line["text"] for line in page["items"]] == ["1: one", "1: two"]


def logged(number: int, *, deployment: str = "d-1.eu-1", phase: Literal["restart", "run"] = "restart") -> bytes:
    lines = DeploymentLogged(
        deployment=deployment,
        job=deployment if phase == "run" else f"{deployment}.1",
        run="r",
        app="shop",
        app_id=SHOP,
        stack="eu-1",
        phase=phase,
        number=2 * number,
        lines=(f"{number}: one", f"{number}: two"),
    )
    return encode(lines, source="/test", team=TEAM, id=f"log-{number}")


async def test_a_stream_ends_and_who_waits_is_answered_when_the_api_closes(circle: Circle) -> None:
    async with following(circle.client, "/api/v1/events") as events:
        ending = asyncio.create_task(until(events, "never"))
        while not len(circle.parts.streams):
            await asyncio.sleep(0)
        circle.api.cancel()
        assert await ending == []
    with pytest.raises(asyncio.CancelledError):
        await circle.api
    with pytest.raises(httpx.ConnectError):
        await circle.as_team(TEAM).get("/healthz")


async def test_a_ready_house_says_so_and_its_figures_show_no_lag(circle: Circle) -> None:
    await shop(circle.client)
    async with circle.as_team(None) as anyone:
        assert (await anyone.get("/readyz")).status_code == 200
        lags = [
            line for line in (await anyone.get("/metrics")).text.splitlines() if line.startswith("ownstack_readmodel")
        ]
    assert len(lags) == 12
    assert all(line.endswith(" 0.0") for line in lags)


async def history_of(circle: Circle) -> Any:
    for partition in range(await circle.bus.partitions(HISTORY.name)):
        async for record in circle.bus.read(HISTORY.name, partition):
            yield record
