"""Whether the process is up and can serve, and its figures: open to all, and saying nothing of any team."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError
from tests.unit.api.house import House, problem_of

from ownstack_bus.port import BusError


async def test_the_process_is_up_whatever_is_the_matter_next_door(house: House) -> None:
    house.bus.failure = BusError("bus-closed", "closed")
    house.readmodel.failure = RuntimeError("gone")
    assert (await house.anonymous.get("/healthz")).json() == {"status": "ok"}


async def test_it_is_ready_when_the_read_model_is_not_far_behind(house: House) -> None:
    house.bus.ends, house.readmodel.at = {0: 6_000, 1: 5_000}, {0: 1_000}
    assert (await house.anonymous.get("/readyz")).status_code == 200

    house.bus.ends = {0: 6_000, 1: 5_001}
    response = await house.anonymous.get("/readyz")
    assert problem_of(response) == (503, "not-ready")
    assert "10001 facts behind" in response.json()["detail"]


async def test_it_is_not_ready_when_the_bus_is_gone(house: House) -> None:
    house.bus.failure = BusError("bus-closed", "/srv/bus.db is closed")
    response = await house.anonymous.get("/readyz")
    assert problem_of(response) == (503, "bus-unavailable")
    assert "/srv" not in response.text


async def test_the_figures_are_written_as_prometheus_reads_them(house: House) -> None:
    house.bus.ends, house.readmodel.at = {0: 7, 1: 3}, {0: 5, 1: 3}
    await house.client.get("/api/v1/me")
    await house.client.get("/api/v1/me")
    await house.anonymous.get("/api/v1/me")
    await house.client.request('X"} 1\nfake{x="', "/api/v1/me")

    response = await house.anonymous.get("/metrics")

    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = response.text.splitlines()
    assert 'ownstack_readmodel_lag{partition="0"} 2' in lines
    assert 'ownstack_readmodel_lag{partition="1"} 0' in lines
    assert "ownstack_api_streams_open 0" in lines
    assert 'ownstack_api_requests_total{method="GET",status="200"} 2' in lines
    assert 'ownstack_api_requests_total{method="GET",status="401"} 1' in lines
    assert 'ownstack_api_requests_total{method="other",status="405"} 1' in lines
    assert response.text.endswith("\n")


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/docs/oauth2-redirect"])
async def test_there_are_no_pages_that_load_scripts_from_elsewhere(house: House, path: str) -> None:
    assert problem_of(await house.anonymous.get(path)) == (404, "path-unknown")


async def test_a_database_that_does_not_answer_is_said_to_pass(house: House) -> None:
    house.readmodel.failure = OperationalError("SELECT secret", {}, Exception("disk I/O error in /srv/house.db"))
    response = await house.client.get("/api/v1/apps/shop")
    assert problem_of(response) == (503, "database-unavailable")
    assert response.headers["retry-after"] == "1"
    assert "secret" not in response.text
    assert "/srv" not in response.text
