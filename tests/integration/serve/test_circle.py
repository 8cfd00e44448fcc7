"""The whole circle as processes, from the command line to the stacks and back."""

from __future__ import annotations

import json

import httpx
import pytest
from tests.integration.api.sse import Sent, following, until
from tests.integration.serve.circles import DIGESTS, FLEET, IMAGES, Circle, begun, with_shop
from tests.integration.serve.processes import Installation

pytestmark = pytest.mark.timeout(300)


async def test_what_is_commanded_through_one_api_is_done_logged_and_streamed_by_another(house: Installation) -> None:
    circle = begun(house)
    again = house.ownstack("team", "create", "acme", "--json")
    assert (again.returncode, json.loads(again.stderr)["error"]["code"]) == (3, "team-has-token")
    with_shop(house)
    other = house.start("api").ready()
    headers = {"Authorization": f"Bearer {circle.token}"}
    async with (
        httpx.AsyncClient(base_url=other, headers=headers, trust_env=False, timeout=60) as client,
        following(client, "/api/v1/events") as events,
    ):
        house.right("app", "pipeline", "promote", "shop-staging", "--id", "the-promotion")
        seen = await until(events, "PromotionSucceeded")
    assert [sent.event for sent in seen].count("StackDeploySucceeded") == 2
    assert {sent.data["correlationid"] for sent in seen} == {"the-promotion"}
    shown = json.loads(house.right("app", "info", "shop", "--json"))
    assert DIGESTS[0] in json.dumps(shown)
    assert any("PromotionRequested is decided" in line for line in circle.lines_about("promoter", "the-promotion"))
    done = circle.lines_about("deployer", "the-promotion")
    assert sorted(line for line in done if line.startswith("StackDeploySucceeded")) == [
        "StackDeploySucceeded for acme/shop@eu-1",
        "StackDeploySucceeded for acme/shop@us-1",
    ]
    assert any(line.startswith("POST /api/v1/") for line in circle.lines_about("api", "the-promotion"))
    logs = "".join(process.said for process in house.started)
    assert circle.token not in logs
    assert IMAGES[0] not in logs
    await _goes_on_elsewhere(circle, seen[0])
    _counts(house, circle)
    assert [process.terminate() for process in circle.processes] == [0] * len(FLEET)


async def _goes_on_elsewhere(circle: Circle, last: Sent) -> None:
    """A stream that broke off at one api is taken up at another."""
    headers = {"Authorization": f"Bearer {circle.token}", "Last-Event-ID": str(last.id)}
    async with (
        httpx.AsyncClient(base_url=circle.url, headers=headers, trust_env=False, timeout=60) as client,
        following(client, "/api/v1/events") as events,
    ):
        assert (await anext(events)).id == last.id + 1


def _counts(house: Installation, circle: Circle) -> None:
    """What /metrics of the services show of what has happened."""
    assert house.ownstack("app", "pipeline", "create", "nope", "--json").returncode == 3
    assert circle.figure("promoter", "ownstack_promoter_inputs_total", type="PromotionRequested") == 1
    assert circle.figure("promoter", "ownstack_promoter_refusals_total", code="app-unknown") == 1
    assert (circle.figure("promoter", "ownstack_promoter_grants_total") or 0) >= 3
    assert circle.figure("promoter", "ownstack_promoter_leases_lapsed_total") == 0
    assert circle.figure("deployer", "ownstack_deployer_runs_in_flight") == 0
    assert circle.figure("deployer", "ownstack_deployer_reports_total", type="StackDeploySucceeded") == 3
    for service, consumer in (
        ("promoter", "promoter"),
        ("deployer", "deployer"),
        ("projections", "projections.ownstack.history"),
    ):
        assert (circle.figure(service, "ownstack_bus_batch_records_count", consumer=consumer) or 0) > 0
        assert circle.figure(service, "ownstack_bus_lag", consumer=consumer) is not None


def test_a_request_is_in_the_log_under_the_id_that_its_answer_has(house: Installation) -> None:
    circle = begun(house)
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"Authorization": f"Bearer {circle.token}", "traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    given = httpx.get(f"{circle.url}/api/v1/me", headers={**headers, "X-Request-Id": "from-outside"}, trust_env=False)
    made = httpx.get(f"{circle.url}/api/v1/me", headers={**headers, "X-Request-Id": "not{valid"}, trust_env=False)
    assert given.headers["x-request-id"] == "from-outside"
    assert made.headers["x-request-id"] != "not{valid"
    for answer in (given, made):
        request = answer.headers["x-request-id"]
        (line,) = [line for line in circle.processes[0].lines if line.get("request") == request]
        assert line["message"].startswith("GET /api/v1/me: 200 after ")
        assert (line["team"], line["traceid"]) == ("acme", trace)
