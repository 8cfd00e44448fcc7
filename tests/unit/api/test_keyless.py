"""Without a secret key, or a database, it is said what is missing; and nothing happens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError
from tests.unit.api.house import TEAM, House, opened, problem_of
from tests.unit.api.test_config import PATH, change
from tests.unit.api.variables import CANARY, Var, with_config

from ownstack_readmodel import SealedConfig, SealedVariable
from ownstack_vault import open_vault


@pytest.fixture
async def keyless(tmp_path: Path) -> AsyncIterator[House]:
    """A house that was given no secret key."""
    vault = open_vault(f"sqlite:///{tmp_path}/vault.db")
    async with opened(vault) as house:
        variable = SealedVariable("A", None, False, True, "v1." + "A" * 60, "0" * 32)
        house.readmodel.hold(TEAM, "sealed-config", "shop", SealedConfig("shop.1", ("eu-1",), False, (variable,)))
        house.readmodel.hold(TEAM, "pipeline", "shop", object())
        yield house
    vault.close()


async def test_without_a_secret_key_it_is_said_what_is_missing_and_nothing_happens(keyless: House) -> None:
    for response in (
        await change(keyless, {"values": {"A": CANARY}}),
        await keyless.client.get(f"{PATH}/A"),
        await keyless.client.post("/api/v1/apps/shop/clones", json={"name": "new", "stack": "eu-1"}),
        await keyless.client.post("/api/v1/pipelines/shop/webhook"),
        await keyless.client.get("/api/v1/pipelines/shop/webhook"),
    ):
        assert problem_of(response) == (503, "secret-key-missing")
        assert "ownstack secret new" in response.json()["hint"]
    assert not keyless.bus.published


async def test_what_takes_no_key_goes_on_without_one(keyless: House) -> None:
    assert (await change(keyless, {"values": {"A": None}})).status_code == 202
    body = {"name": "new", "stack": "eu-1", "config": False}
    assert (await keyless.client.post("/api/v1/apps/shop/clones", json=body)).status_code == 202


async def test_a_database_that_is_away_is_said_and_nothing_happens(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: object) -> None:
        raise DBAPIError("SELECT", {"value": CANARY}, Exception("gone"), hide_parameters=True)

    with_config(house, "shop", Var("A", CANARY))
    secrets = type(house.vault.secrets)
    monkeypatch.setattr(secrets, "seal", away)
    monkeypatch.setattr(secrets, "unseal", away)
    for response in (
        await change(house, {"values": {"A": CANARY}}),
        await house.client.get(f"{PATH}/A"),
        await house.client.post("/api/v1/apps/shop/clones", json={"name": "new", "stack": "eu-1"}),
    ):
        assert problem_of(response) == (503, "database-unavailable")
    assert not house.bus.published
    assert CANARY not in caplog.text
