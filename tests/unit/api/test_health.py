"""Whether the process is up and can serve, and its figures: open to all, and saying nothing of any team."""

from __future__ import annotations

import asyncio
import logging

import httpx
import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from tests.unit.api.house import House, opened, problem_of

from ownstack_api import lags
from ownstack_bus.port import BusError
from ownstack_vault import Token, Vault


async def test_the_process_is_up_whatever_is_the_matter_next_door(house: House) -> None:
    house.bus.failure = BusError("bus-closed", "closed")
    house.readmodel.failure = RuntimeError("gone")
    assert (await house.anonymous.get("/healthz")).json() == {"status": "ok"}


async def test_it_is_ready_when_the_read_model_is_not_far_behind(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lags, "KEPT_S", 0)
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
    assert 'ownstack_readmodel_lag{partition="0"} 2.0' in lines
    assert 'ownstack_readmodel_lag{partition="1"} 0.0' in lines
    assert "ownstack_api_streams_open 0.0" in lines
    assert 'ownstack_api_requests_total{method="GET",status="200"} 2.0' in lines
    assert 'ownstack_api_requests_total{method="GET",status="401"} 1.0' in lines
    assert 'ownstack_api_requests_total{method="other",status="405"} 1.0' in lines
    assert "ownstack_api_lag_known 1.0" in lines
    assert "ownstack_api_erasing_waits 0.0" in lines
    house.parts.meters.erasing_waits(60)
    assert "ownstack_api_erasing_waits 1.0" in (await house.anonymous.get("/metrics")).text.splitlines()
    assert response.text.endswith("\n")


@pytest.mark.parametrize(
    ("bus", "readmodel"),
    [
        (BusError("bus-unavailable", "away"), None),
        (None, OperationalError("SELECT", {}, Exception("away"))),
        (None, PoolExhausted("QueuePool limit")),
    ],
)
async def test_the_figures_are_there_while_what_the_lag_is_asked_of_is_away(
    house: House, bus: Exception | None, readmodel: Exception | None
) -> None:
    house.bus.failure, house.readmodel.failure = bus, readmodel

    response = await house.anonymous.get("/metrics")

    lines = response.text.splitlines()
    assert response.status_code == 200
    assert "ownstack_api_lag_known 0.0" in lines
    assert "ownstack_api_streams_open 0.0" in lines
    assert not [line for line in lines if line.startswith("ownstack_readmodel_lag{")]


async def test_the_figures_do_not_wait_for_a_bus_that_says_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_topic: str, _partition: int) -> int:
        return await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(house.bus, "end", never)
    monkeypatch.setattr(lags, "PATIENCE_S", 0.01)

    assert "ownstack_api_lag_known 0.0" in (await house.anonymous.get("/metrics")).text.splitlines()
    response = await house.anonymous.get("/readyz")
    assert problem_of(response) == (503, "not-ready")


async def test_a_house_shows_its_own_requests_and_not_those_of_another_in_the_process(
    house: House, vault: Vault
) -> None:
    await house.client.get("/api/v1/me")
    async with opened(vault) as other:
        assert "ownstack_api_requests_total{" not in (await other.anonymous.get("/metrics")).text


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/docs/oauth2-redirect"])
async def test_there_are_no_pages_that_load_scripts_from_elsewhere(house: House, path: str) -> None:
    assert problem_of(await house.anonymous.get(path)) == (404, "path-unknown")


AWAY = [
    OperationalError("SELECT secret", {}, Exception("disk I/O error in /srv/house.db")),
    PoolExhausted("QueuePool limit of size 5 overflow 10 reached in /srv, secret"),
]


@pytest.mark.parametrize("failure", AWAY)
async def test_a_database_that_does_not_answer_is_said_to_pass(house: House, failure: Exception) -> None:
    house.readmodel.failure = failure
    says_that_it_passes(await house.client.get("/api/v1/apps/shop"))


@pytest.mark.parametrize("failure", AWAY)
async def test_a_database_that_does_not_answer_who_calls_is_said_to_pass(
    house: House, failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault_fails(house, failure, monkeypatch)
    says_that_it_passes(await house.client.get("/api/v1/apps/shop"))
    assert (await house.client.get("/healthz")).status_code == 200


async def test_a_database_that_refuses_here_and_there_makes_one_trace(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    house.readmodel.failure = AWAY[0]
    says_that_it_passes(await house.client.get("/api/v1/apps/shop"))
    vault_fails(house, AWAY[0], monkeypatch)
    says_that_it_passes(await house.client.get("/api/v1/apps/shop"))
    assert caplog.messages == ["the database refused: Exception"]


def vault_fails(house: House, failure: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def find(_secret: str) -> Token | None:
        raise failure

    monkeypatch.setattr(house.vault.tokens, "find", find)


def says_that_it_passes(response: httpx.Response) -> None:
    assert problem_of(response) == (503, "database-unavailable")
    assert response.headers["retry-after"] == "1"
    assert "secret" not in response.text
    assert "/srv" not in response.text
