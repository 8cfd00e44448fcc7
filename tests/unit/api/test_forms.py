"""Forms: each becomes the command that it spells; what can't be read is refused."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.api.house import IMAGE, TEAM, House, problem_of

from ownstack_contracts.apps import (
    AppCreated,
    AppDestroyed,
    AppImportRequested,
    AppSettingsChanged,
    AppStackAdded,
    AppStackRemoved,
    LookRequested,
)
from ownstack_contracts.catalog import COMMAND_TYPES
from ownstack_contracts.config import ConfigSet, ConfigValue
from ownstack_contracts.message import Command
from ownstack_contracts.pipelines import PipelineCreated, PipelineRemoved, StageRemoved, StagingAdded
from ownstack_contracts.promotions import PromotionCancelRequested, PromotionRequested
from ownstack_contracts.reviews import (
    AppCloned,
    ReviewAppClosed,
    ReviewAppOpened,
    ReviewAppsDisabled,
    ReviewAppsEnabled,
)
from ownstack_contracts.rollouts import DeployRequested, RollbackRequested, RunRequested, StackRetryRequested
from ownstack_contracts.stacks import CheckRequested, StackAdded, StackChanged, StackRemoved
from ownstack_contracts.teams import TeamCreated

SEALED = ConfigValue(sealed="v1." + "A" * 40, fingerprint="0" * 32)
TEMPLATE = "ghcr.io/acme/shop:pr-{number}-{sha}"

FORMS: list[tuple[str, str, dict[str, Any] | None, Command]] = [
    ("POST", "/commands", {"type": "TeamCreated"}, TeamCreated()),
    ("POST", "/commands", {"type": "AppDestroyed", "data": {"app": "shop"}}, AppDestroyed(app="shop")),
    ("POST", "/stacks", {"name": "eu-1", "driver": "noop"}, StackAdded(stack="eu-1", driver="noop")),
    (
        "POST",
        "/stacks",
        {"name": "eu-1", "driver": "program", "address": "bin/deploy", "settings": {"port": "1"}},
        StackAdded(stack="eu-1", driver="program", address="bin/deploy", settings={"port": "1"}),
    ),
    ("PATCH", "/stacks/eu-1", {"address": "dokku@eu-1:22"}, StackChanged(stack="eu-1", address="dokku@eu-1:22")),
    ("PATCH", "/stacks/eu-1", {"settings": {"port": ""}}, StackChanged(stack="eu-1", settings={"port": ""})),
    ("POST", "/stacks/eu-1/checks", None, CheckRequested(stack="eu-1")),
    ("DELETE", "/stacks/eu-1", None, StackRemoved(stack="eu-1")),
    ("DELETE", "/stacks/eu-1?forget=true", None, StackRemoved(stack="eu-1", forget=True)),
    ("POST", "/apps", {"name": "shop", "stacks": ["eu-1", "us-1"]}, AppCreated(app="shop", stacks=("eu-1", "us-1"))),
    ("POST", "/imports", {"name": "shop", "stack": "eu-1"}, AppImportRequested(app="shop", stack="eu-1")),
    (
        "POST",
        "/imports",
        {"name": "shop", "stack": "eu-1", "config": True},
        AppImportRequested(app="shop", stack="eu-1", config=True),
    ),
    ("DELETE", "/apps/shop", None, AppDestroyed(app="shop")),
    ("POST", "/apps/shop/looks", None, LookRequested(app="shop")),
    ("POST", "/apps/shop/looks", {"stack": "eu-1"}, LookRequested(app="shop", stack="eu-1")),
    (
        "PATCH",
        "/apps/shop/settings",
        {"release_task": "first-stack", "waiting_deadline": 60},
        AppSettingsChanged(app="shop", release_task="first-stack", waiting_deadline=60),
    ),
    (
        "PATCH",
        "/apps/shop/settings",
        {"retag": True, "retag_to": "registry.example/shop"},
        AppSettingsChanged(app="shop", retag=True, retag_to="registry.example/shop"),
    ),
    ("PATCH", "/apps/shop/settings", {"retag_to": ""}, AppSettingsChanged(app="shop", retag_to="")),
    ("PUT", "/apps/shop/stacks/eu-1", None, AppStackAdded(app="shop", stack="eu-1")),
    ("DELETE", "/apps/shop/stacks/eu-1", None, AppStackRemoved(app="shop", stack="eu-1")),
    ("POST", "/apps/shop/deployments", {"image": IMAGE}, DeployRequested(app="shop", image=IMAGE)),
    (
        "POST",
        "/apps/shop/deployments",
        {"image": IMAGE, "stacks": ["eu-1"], "redeploy": True},
        DeployRequested(app="shop", image=IMAGE, stacks=("eu-1",), redeploy=True),
    ),
    ("POST", "/apps/shop/rollbacks", None, RollbackRequested(app="shop")),
    (
        "POST",
        "/apps/shop/rollbacks",
        {"release": 3, "stacks": ["eu-1"], "acknowledge_migrations": True},
        RollbackRequested(app="shop", release=3, stacks=("eu-1",), acknowledge_migrations=True),
    ),
    (
        "POST",
        "/apps/shop/runs",
        {"stack": "eu-1", "command": ["rake", "db:version"]},
        RunRequested(app="shop", stack="eu-1", command=("rake", "db:version")),
    ),
    ("POST", "/apps/shop/retries", {"stack": "eu-1"}, StackRetryRequested(app="shop", stack="eu-1")),
    ("POST", "/apps/shop/retries", {"postdeploy": True}, StackRetryRequested(app="shop", postdeploy=True)),
    ("POST", "/apps/shop-staging/promotions", None, PromotionRequested(app="shop-staging")),
    ("POST", "/apps/shop-staging/promotions", {}, PromotionRequested(app="shop-staging")),
    (
        "POST",
        "/apps/shop-staging/promotions",
        {"release": 3, "stacks": ["eu-1"], "redeploy": True},
        PromotionRequested(app="shop-staging", release=3, stacks=("eu-1",), redeploy=True),
    ),
    ("POST", "/pipelines", {"production": "shop"}, PipelineCreated(production="shop")),
    ("DELETE", "/pipelines/shop", None, PipelineRemoved(production="shop")),
    (
        "POST",
        "/pipelines/shop/stages",
        {"staging": "shop-staging"},
        StagingAdded(production="shop", staging="shop-staging"),
    ),
    (
        "POST",
        "/pipelines/shop/stages",
        {"staging": "shop-staging", "before": "shop-qa"},
        StagingAdded(production="shop", staging="shop-staging", before="shop-qa"),
    ),
    ("DELETE", "/pipelines/shop/stages/shop-qa", None, StageRemoved(production="shop", stage="shop-qa")),
    (
        "PUT",
        "/pipelines/shop/review-apps",
        {"stack": "eu-1", "image": TEMPLATE},
        ReviewAppsEnabled(production="shop", stack="eu-1", image=TEMPLATE),
    ),
    (
        "PUT",
        "/pipelines/shop/review-apps",
        {"stack": "eu-1", "image": TEMPLATE, "expires": 3600, "forks": True, "secrets": True},
        ReviewAppsEnabled(production="shop", stack="eu-1", image=TEMPLATE, expires=3600, forks=True, secrets=True),
    ),
    ("DELETE", "/pipelines/shop/review-apps", None, ReviewAppsDisabled(production="shop")),
    *(
        ("POST", "/commands", {"type": sealed.type_name(), "data": sealed.model_dump(exclude_none=True)}, sealed)
        for sealed in (
            ConfigSet(app="shop", app_id="shop.1", values={"A": SEALED}),
            AppCloned(source="shop", app="new", app_id="new.c1", stack="eu-1", values={"A": SEALED}),
            ReviewAppOpened(
                production="shop", number=4, sha="a" * 40, at=1, app_id="shop-pr-4.c1", values={"A": SEALED}
            ),
            ReviewAppClosed(production="shop", number=4, at=2),
        )
    ),
    ("POST", "/promotions/p-1/cancel", None, PromotionCancelRequested(promotion="p-1")),
]


@pytest.mark.parametrize(("method", "path", "body", "command"), FORMS, ids=lambda value: str(value)[:40])
async def test_each_form_becomes_its_command(
    house: House, method: str, path: str, body: dict[str, Any] | None, command: Command
) -> None:
    response = await house.client.request(method, f"/api/v1{path}", json=body, headers={"Idempotency-Key": "k-1"})

    assert response.status_code == 202
    assert response.headers["location"] == "/api/v1/commands/k-1"
    assert response.json()["command"]["status"] == "accepted"
    (event,) = house.bus.events()
    assert event.message == command
    assert (event.envelope.id, event.envelope.team, event.envelope.actor) == ("k-1", TEAM, "token:ci")
    assert (event.envelope.source, event.envelope.correlationid) == ("/ownstack/api", "k-1")
    assert house.bus.published[0].key == TEAM


def test_every_command_of_the_contracts_has_a_form() -> None:
    assert {command.type_name() for *_, command in FORMS} == set(COMMAND_TYPES)


UNREADABLE: list[tuple[str, str, Any]] = [
    ("POST", "/apps/shop/runs", {"stack": "eu-1"}),
    ("POST", "/apps/shop/runs", {"stack": "eu-1", "command": []}),
    ("POST", "/apps/shop/runs", {"stack": "eu-1", "command": "rake db:version"}),
    ("POST", "/apps/shop/runs", {"stack": "eu-1", "command": ["rake", "a\0b"]}),
    ("POST", "/apps/shop/rollbacks", {"release": "3"}),
    ("POST", "/apps/shop/rollbacks", {"release": 3, "acknowledge": True}),
    ("POST", "/apps/shop/looks", {"stack": "EU"}),
    ("POST", "/imports", {"name": "shop"}),
    ("PATCH", "/stacks/eu-1", {"driver": "noop"}),
    ("PATCH", "/stacks/EU", {}),
    ("PATCH", "/apps/shop/settings", {"retag_to": "a b"}),
    ("POST", "/apps/shop/clones", {"name": "new"}),
    ("POST", "/apps/shop/clones", {"name": "new", "stack": "eu-1", "values": {"A": "1"}}),
    ("PUT", "/pipelines/shop/review-apps", {"stack": "eu-1", "image": "ghcr.io/acme/shop:latest"}),
    ("PUT", "/pipelines/shop/review-apps", {"stack": "eu-1", "image": "ghcr.io/acme/shop-{number}"}),
    ("PUT", "/pipelines/shop/review-apps", {"stack": "eu-1", "image": TEMPLATE, "expires": 59}),
    ("PUT", "/pipelines/shop/review-apps", {"stack": "eu-1", "image": TEMPLATE, "expires": "5d"}),
]


@pytest.mark.parametrize(("method", "path", "body"), UNREADABLE, ids=lambda value: str(value)[:40])
async def test_a_form_that_does_not_hold_is_refused_and_nothing_is_published(
    house: House, method: str, path: str, body: Any
) -> None:
    response = await house.client.request(method, f"/api/v1{path}", json=body)
    assert problem_of(response) == (422, "invalid-request")
    assert not house.bus.published
