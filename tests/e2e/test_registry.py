"""A real registry: a tag is deployed as what it means, promoted under a new tag, and awaited for a pull request."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.e2e.house import House
from tests.integration.registry.pictures import pushed
from tests.real.registry import Registry, open_registry

from ownstack_deployer.registry.manifests import OCI_INDEX

FIXTURES = Path(__file__).parents[1] / "fixtures" / "github"
PATIENCE = 60.0
"""Seconds."""


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    folder = tmp_path / "registry"
    folder.mkdir()
    with open_registry(folder) as registry:
        yield registry


@pytest.fixture
def team(own_house: House) -> House:
    """A pipeline on stacks that do nothing."""
    own_house.extra = {"OWNSTACK_DEPLOYER_REGISTRIES_PLAIN": "127.0.0.1"}
    own_house.start()
    for stack in ("staging-1", "eu-1", "us-1", "review-1"):
        own_house.right("stack", "add", stack, "--driver", "noop")
    own_house.right("app", "create", "shop-staging", "--stack", "staging-1")
    own_house.right("app", "create", "shop", "--stack", "eu-1", "--stack", "us-1")
    own_house.right("app", "pipeline", "create", "shop")
    own_house.right("app", "pipeline", "add-staging", "shop", "shop-staging")
    return own_house


def live(house: House, app: str) -> set[str]:
    """The images that the app is known to run."""
    stacks = house.right("app", "info", app, "--json").json["stacks"]
    return {stack["live"]["image"] for stack in stacks}


def test_a_tag_is_deployed_as_what_it_means_and_promoted_under_a_tag_of_its_own(
    team: House, registry: Registry
) -> None:
    first = pushed(registry, "acme/shop", OCI_INDEX, "latest", salt="1")
    team.right("deploy", "shop-staging", "--image", f"{registry.host}/acme/shop:latest")
    pushed(registry, "acme/shop", OCI_INDEX, "latest", salt="2")
    assert live(team, "shop-staging") == {f"{registry.host}/acme/shop:latest@{first.digest}"}
    promoted = team.right("app", "pipeline", "promote", "shop-staging")
    assert live(team, "shop") == {f"{registry.host}/acme/shop:shop-v1@{first.digest}"}
    assert registry.content("acme/shop", "shop-v1", OCI_INDEX) == first.content
    assert "shop-v1" in promoted.out
    (release,) = team.right("release", "list", "shop", "--json").json
    assert release["image"] == f"{registry.host}/acme/shop:shop-v1@{first.digest}"


def test_the_tag_of_a_promotion_can_be_in_another_repository(team: House, registry: Registry) -> None:
    image = pushed(registry, "acme/shop", OCI_INDEX, "1.0")
    team.right("app", "settings", "shop", "--retag-to", f"{registry.host}/live/shop")
    team.right("deploy", "shop-staging", "--image", f"{registry.host}/acme/shop:1.0")
    team.right("app", "pipeline", "promote", "shop-staging")
    assert live(team, "shop") == {f"{registry.host}/live/shop:shop-v1@{image.digest}"}
    assert registry.content("live/shop", "shop-v1", OCI_INDEX) == image.content


def test_what_is_not_in_the_registry_is_said_and_touches_nothing(team: House, registry: Registry) -> None:
    ended = team.ownstack("deploy", "shop-staging", "--image", f"{registry.host}/acme/shop:none")
    assert ended.code == 1
    assert "acme/shop:none" in ended.out + ended.err
    assert team.right("history", "--json").out.count('"DeployFailed"') == 1


def deliver(house: House, secret: str, name: str, delivery: int) -> dict[str, Any]:
    """A webhook of GitHub."""
    body = (FIXTURES / f"{name}.json").read_bytes()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "pull_request",
        "X-GitHub-Delivery": f"72d3162e-cc78-11e3-81ab-4c9367dc{delivery:04}",
        "X-Hub-Signature-256": f"sha256={signature}",
    }
    url = f"http://127.0.0.1:{house.port}/webhooks/github"
    response = httpx.post(url, content=body, headers=headers, timeout=30, trust_env=False)
    assert response.status_code in (200, 202), response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_a_pull_request_has_its_app_from_when_its_image_is_pushed_until_it_is_closed(
    team: House, registry: Registry, tmp_path: Path
) -> None:
    secret = "it's a secret to everybody"
    (tmp_path / "hook").write_text(secret)
    wanted = f"{registry.host}/acme/shop:pr-{{number}}-{{short_sha}}"
    named = ("--stack", "review-1", "--image", wanted, "--secret-file", str(tmp_path / "hook"))
    team.right("config:set", "shop", "--review", "MODE=review")
    team.right("app", "pipeline", "review-apps", "shop", *named)
    assert deliver(team, secret, "pull_request.opened", 1)["outcome"] == "proposed"
    _until(lambda: "ImageAwaited" in team.right("history", "--json").out)
    tag = team.right("app", "info", "shop-pr-42", "--json").json["review"]["sha"][:7]
    image = pushed(registry, "acme/shop", OCI_INDEX, f"pr-42-{tag}")
    _until(lambda: image.digest in team.right("app", "info", "shop-pr-42", "--json").out)
    assert "MODE" in team.right("config", "shop-pr-42").out
    assert deliver(team, secret, "pull_request.closed.unmerged", 2)["outcome"] == "proposed"
    _until(lambda: team.ownstack("app", "info", "shop-pr-42").code != 0)


def _until(holds: Any) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)
