"""Review apps, from the command that switches them on to the app that is gone, as GitHub and its CI have it."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from tests.e2e.house import House, until

PAYLOADS = Path(__file__).parents[1] / "fixtures" / "github"
NOWHERE = "127.0.0.1:1/org/shop:pr-{number}-{sha}"
"""A registry that does not answer yet, which is waited for as an image is that has not been pushed."""


@pytest.fixture(scope="module")
def webhook(house: House) -> Iterator[dict[str, str]]:
    """What is entered at GitHub, while review apps of shop are switched on."""
    house.right("stack", "add", "review-stack", *house.driver)
    house.right("config:set", "shop", "MAIL=off", "--review")
    on = ("app", "pipeline", "review-apps", "shop", "--stack", "review-stack", "--image", NOWHERE, "--expires", "5d")
    yield house.right(*on, "--json").json["webhook"]
    house.right("app", "pipeline", "review-apps", "shop", "--off")


def deliver(webhook: dict[str, str], payload: str, **changes: Any) -> httpx.Response:
    """As GitHub does. changes: of the pull request."""
    told = orjson.loads((PAYLOADS / f"pull_request.{payload}.json").read_bytes())
    told["pull_request"] |= {"number": 7, **changes}
    body = orjson.dumps(told | {"number": 7})
    signature = hmac.new(webhook["secret"].encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "pull_request",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": f"sha256={signature}",
    }
    return httpx.post(webhook["url"], content=body, headers=headers, timeout=30, trust_env=False)


def test_a_pull_request_gets_its_app_which_is_gone_when_it_is_closed(house: House, webhook: dict[str, str]) -> None:
    with house.running("history", "--follow", "--app", "shop-pr-7") as history:
        assert history.stdout is not None
        opened = deliver(webhook, "opened", updated_at="2026-01-02T03:04:05Z")
        assert (opened.status_code, opened.json()["outcome"]) == (202, "proposed")
        until(history.stdout, "ImageResolveRequested")
        told = house.right("app", "info", "shop-pr-7").out
        assert "review app of shop, pull request 7 at " in told
        assert [v["name"] for v in house.right("config", "shop-pr-7", "--json").json["variables"]] == ["MAIL"]
        pipeline = house.right("app", "pipeline", "info", "shop").out
        assert f"on review-stack, {NOWHERE}, gone 5d after the last push" in pipeline
        assert "shop-pr-7" in pipeline

        # CI has pushed it elsewhere, and deploys it by its digest
        house.right("deploy", "shop-pr-7", "--image", house.image("shop", 1))
        assert house.answer(("shop-pr-7", "review-stack"))["version"] == 1

        deliver(webhook, "closed.merged", updated_at="2026-01-02T04:05:06Z")
        until(history.stdout, "StackAppRemoved")
    assert house.ownstack("app", "info", "shop-pr-7").code == 3


def test_what_another_secret_has_signed_is_refused(house: House, webhook: dict[str, str]) -> None:
    before = house.right("app", "list").out
    assert deliver({**webhook, "secret": "x" * 40}, "opened").status_code == 401
    assert house.right("app", "list").out == before
