"""Review apps over HTTP: switched on and off; and the webhook, whose secret is shown once."""

from __future__ import annotations

import httpx
import pytest
from tests.unit.api.house import NOW, TEAM, House, problem_of

from ownstack_readmodel.views import PipelineView

WEBHOOK = "/api/v1/pipelines/shop/webhook"
URL = "http://api/webhooks/github?team=acme&app=shop"


@pytest.fixture
def shop(house: House) -> House:
    """A house with a pipeline of shop."""
    house.readmodel.hold(TEAM, "pipeline", "shop", PipelineView(production="shop", created_at=NOW, stages=[]))
    return house


def secrets_of(house: House) -> list[str]:
    return [hook.secret for hook in house.vault.hooks.find(TEAM, "shop")]


async def test_a_webhook_has_a_url_and_a_random_secret_that_is_shown_once(shop: House) -> None:
    assert (await shop.client.get(WEBHOOK)).json() == {"url": URL, "exists": False}
    made = await shop.client.post(WEBHOOK)
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    secret = made.json()["secret"]
    assert made.json() == {"url": URL, "secret": secret}
    assert secrets_of(shop) == [secret]
    assert len(secret) >= 32
    shown = await shop.client.get(WEBHOOK)
    assert shown.json() == {"url": URL, "exists": True}

    again = (await shop.client.post(WEBHOOK, json={})).json()["secret"]
    assert secrets_of(shop) == [again] != [secret]


async def test_a_secret_may_be_given(shop: House) -> None:
    given = "correct horse battery"
    assert (await shop.client.post(WEBHOOK, json={"secret": given})).json()["secret"] == given
    assert secrets_of(shop) == [given]


@pytest.mark.parametrize("secret", ["", "x" * 15, "x" * 257, "x" * 20 + "\n", "x" * 20 + "\0", "ä" * 20, 7, ["x"]])
async def test_a_secret_that_can_be_none_is_refused_and_not_repeated(shop: House, secret: object) -> None:
    response = await shop.client.post(WEBHOOK, json={"secret": secret})
    assert problem_of(response) == (422, "invalid-request")
    assert "xxxx" not in response.text
    assert not secrets_of(shop)


async def test_a_webhook_of_no_pipeline_is_none(shop: House) -> None:
    for response in (
        await shop.client.post("/api/v1/pipelines/other/webhook"),
        await shop.client.get("/api/v1/pipelines/other/webhook"),
        await shop.other.post(WEBHOOK),
        await shop.other.get(WEBHOOK),
    ):
        assert problem_of(response) == (404, "pipeline-unknown")
    assert not shop.vault.hooks.find()


async def test_the_url_is_the_one_that_the_caller_has_used(shop: House) -> None:
    def told(base: str, root_path: str = "") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(shop.app, root_path=root_path)
        return httpx.AsyncClient(transport=transport, base_url=base, headers={"Authorization": f"Bearer {shop.secret}"})

    async with told("https://own.example:8443") as client:
        headers = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "ftp", "Forwarded": "host=evil.example"}
        url = (await client.get(WEBHOOK, headers=headers)).json()["url"]
        assert url == "https://own.example:8443/webhooks/github?team=acme&app=shop"
        strange = await client.get(WEBHOOK, headers={"Host": "[::1"})
        assert strange.status_code == 200
    async with told("https://own.example", root_path="/ship") as client:
        assert (await client.get(WEBHOOK)).json()["url"].startswith("https://own.example/ship/webhooks/github?")


async def test_switched_off_the_secret_is_kept_so_that_those_that_are_there_can_still_be_closed(shop: House) -> None:
    shop.vault.hooks.put(TEAM, "shop", NOW)
    assert (await shop.client.delete("/api/v1/pipelines/shop/review-apps")).status_code == 202
    assert secrets_of(shop)
