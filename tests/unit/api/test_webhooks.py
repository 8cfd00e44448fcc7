"""What GitHub delivers: the commands that pull requests become, once each; and what becomes of all else."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.api.deliveries import GUID, SECRET, deliver, payload
from tests.unit.api.house import NOW, OTHER_TEAM, TEAM, House, problem_of
from tests.unit.api.test_queries import APP
from tests.unit.api.variables import Var, opened_values, with_config

from ownstack_api.reviewing import command_id
from ownstack_contracts.message import Message
from ownstack_contracts.reviews import ReviewAppClosed, ReviewAppOpened, clone_id
from ownstack_readmodel.views import PipelineView, ReviewAppsView, ReviewAppView

ID = command_id(GUID, "shop")
FIRST_SHA, SECOND_SHA = "6dcb09b5b57875f334f61aebed695e2e4193db5e", "ec26c3e57ca3a959ca5aad62de7213c562f8c821"
OPENED_AT = 1_741_082_311_000  # 2025-03-04T09:58:31Z


def switched_on(house: House, production: str = "shop", **settings: Any) -> None:
    """Pull requests get review apps of `production`."""
    image = "ghcr.io/acme/shop:pr-{number}-{sha}"
    how = {"stack": "review", "image": image, "expires": None, "forks": False, "secrets": False, **settings}
    view = PipelineView(production=production, created_at=NOW, stages=[], review_apps=ReviewAppsView(**how))
    house.readmodel.hold(TEAM, "pipeline", production, view)


@pytest.fixture
def shop(house: House) -> House:
    """A house with a webhook, and review apps of shop switched on."""
    house.vault.hooks.put(TEAM, "shop", NOW, SECRET)
    variables = [Var("PLAIN", "1", secret=False), Var("SECRET", "2"), Var("REVIEW", "3", review=True)]
    with_config(house, "shop", *variables, production=True)
    switched_on(house)
    return house


def proposed(house: House) -> list[Message]:
    return [event.message for event in house.bus.events()]


def opened(house: House) -> ReviewAppOpened:
    """The one command that was published."""
    (command,) = proposed(house)
    assert isinstance(command, ReviewAppOpened)
    return command


async def test_a_pull_request_that_is_opened_wants_its_review_app(shop: House) -> None:
    response = await deliver(shop.anonymous, "pull_request.opened")

    assert response.status_code == 202
    answer = response.json()
    assert (answer["outcome"], answer["reason"]) == ("proposed", None)
    assert (answer["command"]["id"], answer["command"]["status"]) == (ID, "accepted")
    command = opened(shop)
    assert command == ReviewAppOpened(
        production="shop",
        number=42,
        sha=FIRST_SHA,
        at=OPENED_AT,
        app_id=clone_id("shop-pr-42", ID),
        values=command.values,
    )
    assert opened_values(shop, command.app_id, command.values) == {"PLAIN": "1", "REVIEW": "3"}
    (event,) = shop.bus.events()
    assert (event.envelope.id, event.envelope.team, event.envelope.actor) == (ID, TEAM, "github:anna-lindqvist")
    assert shop.bus.published[0].key == TEAM


async def test_secrets_go_along_if_the_pipeline_says_so(shop: House) -> None:
    switched_on(shop, secrets=True)
    await deliver(shop.anonymous, "pull_request.opened")
    assert set(opened(shop).values) == {"PLAIN", "REVIEW", "SECRET"}


async def test_what_a_pull_request_goes_through_becomes_one_command_each(shop: House) -> None:
    went = ["opened", "synchronize", "closed.unmerged", "reopened", "closed.merged"]
    for number, name in enumerate(went):
        response = await deliver(shop.anonymous, f"pull_request.{name}", f"{number:08x}{GUID[8:]}")
        assert (response.status_code, response.json()["outcome"]) == (202, "proposed")

    commands = proposed(shop)
    assert [type(command) for command in commands] == [
        ReviewAppOpened,
        ReviewAppOpened,
        ReviewAppClosed,
        ReviewAppOpened,
        ReviewAppClosed,
    ]
    assert [getattr(command, "sha", None) for command in commands] == [FIRST_SHA, SECOND_SHA, None, SECOND_SHA, None]
    times = [getattr(command, "at", None) for command in commands]
    assert times == sorted(times, key=lambda at: at or 0)
    assert {getattr(command, "number", None) for command in commands} == {42}


IGNORED = {
    "pull_request.labeled": "Nothing is done about a pull request that is labeled.",
    "pull_request.synchronize.closed": "The pull request is closed by now.",
}


@pytest.mark.parametrize("name", IGNORED)
async def test_what_is_of_no_interest_is_ignored_with_a_reason(shop: House, name: str) -> None:
    response = await deliver(shop.anonymous, name)
    assert (response.status_code, response.json()) == (
        202,
        {"outcome": "ignored", "reason": IGNORED[name], "command": None},
    )
    assert not shop.bus.published


async def test_a_ping_is_answered(shop: House) -> None:
    response = await deliver(shop.anonymous, "ping")
    assert (response.status_code, response.json()["outcome"]) == (200, "pong")
    assert not shop.bus.published


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", payload("pull_request.opened")])
async def test_of_another_event_the_body_is_not_even_read(shop: House, body: bytes) -> None:
    response = await deliver(shop.anonymous, "push", body=body)
    assert (response.status_code, response.json()["reason"]) == (202, "Nothing is done about push events.")
    assert not shop.bus.published


async def test_a_title_in_many_letters_and_a_bot_do_no_harm(shop: House) -> None:
    assert (await deliver(shop.anonymous, "pull_request.opened.unicode")).status_code == 202
    (event,) = shop.bus.events()
    assert event.envelope.actor == "github:dependabot[bot]"
    assert opened(shop).number == 45


@pytest.mark.parametrize("name", ["opened.fork", "reopened.deleted_fork"])
async def test_a_fork_gets_nothing(shop: House, name: str) -> None:
    response = await deliver(shop.anonymous, f"pull_request.{name}")
    assert problem_of(response) == (403, "fork-not-allowed")
    assert "--allow-forks" in response.json()["hint"]
    assert not shop.bus.published


@pytest.mark.parametrize("name", ["opened.fork", "reopened.deleted_fork"])
async def test_an_allowed_fork_gets_what_is_for_review_apps_and_never_a_secret_of_production(
    shop: House, name: str
) -> None:
    switched_on(shop, forks=True, secrets=True)  # the promoter admits no such pair; the API does not rely on it
    assert (await deliver(shop.anonymous, f"pull_request.{name}")).status_code == 202
    command = opened(shop)
    assert command.fork
    assert set(command.values) == {"PLAIN", "REVIEW"}


async def test_a_fork_that_closes_leaves_no_trace_unless_it_has_a_review_app(shop: House) -> None:
    ignored = await deliver(shop.anonymous, "pull_request.closed.deleted_fork")
    assert (ignored.status_code, ignored.json()["reason"]) == (202, "It comes from a fork, and has no review app.")
    assert not shop.bus.published

    hold_review_app(shop, 44)
    await deliver(shop.anonymous, "pull_request.closed.deleted_fork")
    assert [type(command) for command in proposed(shop)] == [ReviewAppClosed]


def hold_review_app(house: House, number: int) -> None:
    view = ReviewAppView(production="shop", number=number, sha=FIRST_SHA, expires_at=None)
    house.readmodel.hold(TEAM, "app", f"shop-pr-{number}", APP.model_copy(update={"review": view}))


@pytest.mark.parametrize("name", ["opened", "synchronize", "reopened", "closed.merged", "opened.fork"])
async def test_where_no_review_apps_are_wanted_nothing_happens(shop: House, name: str) -> None:
    off = PipelineView(production="shop", created_at=NOW, stages=[])
    for pipeline in (off, None):
        shop.readmodel.hold(TEAM, "pipeline", "shop", pipeline)
        response = await deliver(shop.anonymous, f"pull_request.{name}")
        assert (response.status_code, response.json()["reason"]) == (202, "Pull requests get no review apps of shop.")
    assert not shop.bus.published


async def test_review_apps_that_are_there_are_closed_also_when_no_more_are_wanted(shop: House) -> None:
    shop.readmodel.hold(TEAM, "pipeline", "shop", PipelineView(production="shop", created_at=NOW, stages=[]))
    hold_review_app(shop, 42)
    assert (await deliver(shop.anonymous, "pull_request.closed.merged")).json()["outcome"] == "proposed"
    assert [type(command) for command in proposed(shop)] == [ReviewAppClosed]


async def test_an_app_that_is_called_so_and_is_no_review_app_is_none(shop: House) -> None:
    shop.readmodel.hold(TEAM, "pipeline", "shop", PipelineView(production="shop", created_at=NOW, stages=[]))
    shop.readmodel.hold(TEAM, "app", "shop-pr-42", APP)
    assert (await deliver(shop.anonymous, "pull_request.closed.merged")).json()["outcome"] == "ignored"


async def test_a_delivery_that_comes_again_is_the_same_command_although_values_have_changed(shop: House) -> None:
    first = await deliver(shop.anonymous, "pull_request.opened")
    with_config(shop, "shop", Var("PLAIN", "9", secret=False))
    again = await deliver(shop.anonymous, "pull_request.opened", GUID.upper())
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert len(shop.bus.published) == 1


@pytest.mark.parametrize("name", ["opened", "closed.merged"])
async def test_after_a_restart_a_delivery_is_known_by_what_became_of_it(shop: House, name: str) -> None:
    await deliver(shop.anonymous, f"pull_request.{name}")
    outcome = shop.readmodel.decided(TEAM, shop.bus.events()[0])
    shop.parts.recent._proposals.clear()
    shop.readmodel.hold(TEAM, "pipeline", "shop", None)

    again = await deliver(shop.anonymous, f"pull_request.{name}")

    assert (again.status_code, again.json()["command"]) == (200, outcome.model_dump())
    assert len(shop.bus.published) == 1


async def test_a_delivery_that_was_rejected_says_so_when_it_comes_again(shop: House) -> None:
    await deliver(shop.anonymous, "pull_request.opened")
    shop.readmodel.decided(TEAM, shop.bus.events()[0], "pull-request-outdated", keep=False)
    shop.parts.recent._proposals.clear()
    assert problem_of(await deliver(shop.anonymous, "pull_request.opened")) == (409, "pull-request-outdated")
    assert len(shop.bus.published) == 1


async def test_one_event_for_two_pipelines_of_a_repository_is_a_command_for_each(shop: House) -> None:
    """GitHub gives all webhooks that hear of an event the same delivery id."""
    shop.vault.hooks.put(TEAM, "admin", NOW, "the secret of admin")
    with_config(shop, "admin", Var("PLAIN", "1", secret=False), creation=2)
    switched_on(shop, "admin")
    for secret in (SECRET, "the secret of admin"):
        response = await deliver(shop.anonymous, "pull_request.opened", secret=secret)
        assert (response.status_code, response.json()["outcome"]) == (202, "proposed")
    productions = [getattr(command, "production", None) for command in proposed(shop)]
    assert productions == ["shop", "admin"]


async def test_of_two_webhooks_with_one_secret_the_url_says_which(shop: House) -> None:
    shop.vault.hooks.put(OTHER_TEAM, "shop", NOW, SECRET)
    assert problem_of(await deliver(shop.anonymous, "pull_request.opened")) == (409, "webhook-ambiguous")
    assert not shop.bus.published
    response = await deliver(shop.anonymous, "pull_request.opened", query="?team=acme&app=shop")
    assert response.json()["outcome"] == "proposed"
    assert [event.envelope.team for event in shop.bus.events()] == [TEAM]


async def test_who_has_the_secret_of_one_webhook_speaks_for_no_other(shop: House) -> None:
    shop.vault.hooks.put(OTHER_TEAM, "shop", NOW, "the secret of rival")
    for query in ("?team=acme", "?team=acme&app=shop", "?app=other"):
        response = await deliver(shop.anonymous, "pull_request.opened", secret="the secret of rival", query=query)
        assert problem_of(response) == (401, "signature-invalid")
    response = await deliver(shop.anonymous, "pull_request.opened", secret="the secret of rival")
    assert response.json()["reason"] == "Pull requests get no review apps of shop."  # of the shop of rival
    assert not shop.bus.published


@pytest.mark.parametrize("guid", ["", "1", GUID[:-1], f"{GUID}0", GUID.replace("-", ""), "g" + GUID[1:], f"{GUID}/.."])
async def test_without_the_id_of_a_delivery_nothing_is_done(shop: House, guid: str) -> None:
    for given in (guid, None):
        response = await deliver(shop.anonymous, "pull_request.opened", X_GitHub_Delivery=given)
        assert problem_of(response) == (400, "delivery-id-invalid")
    assert not shop.bus.published


@pytest.mark.parametrize("event", [None, "", "Pull_Request", "pull-request", "x" * 65])
async def test_without_an_event_nothing_is_done(shop: House, event: str | None) -> None:
    response = await deliver(shop.anonymous, "pull_request.opened", X_GitHub_Event=event)
    assert problem_of(response) == (400, "event-invalid")
    assert not shop.bus.published


@pytest.mark.parametrize("media_type", ["application/x-www-form-urlencoded", "text/plain", "", None])
async def test_a_payload_in_a_form_is_refused_with_what_to_do(shop: House, media_type: str | None) -> None:
    response = await deliver(shop.anonymous, "pull_request.opened", Content_Type=media_type)
    assert problem_of(response) == (415, "not-json-type")
    assert "application/json" in response.json()["hint"]
    assert not shop.bus.published
