"""Clones over HTTP: what is copied is sealed anew for the new app; secrets of production stay, unless asked for."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.unit.api.house import TEAM, House, problem_of
from tests.unit.api.variables import CANARY, Var, opened_values, with_config

from ownstack_contracts.config import MOST_VARIABLES
from ownstack_contracts.reviews import AppCloned, clone_id

ALL = [
    Var("A", "shared"),
    Var("PLAIN", "plain", secret=False),
    Var("B", "shared"),
    Var("B", "of eu-1", stack="eu-1", secret=False),
    Var("B", "of us-1", stack="us-1"),
    Var("ONLY", "of us-1", stack="us-1"),
    Var("A", "of reviews", review=True),
    Var("R", "of reviews", review=True),
]


async def clone(house: House, key: str | None = "k-1", source: str = "shop", **body: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    form = {"name": "new", "stack": "eu-1", **body}
    return await house.client.post(f"/api/v1/apps/{source}/clones", json=form, headers=headers)


def proposed(house: House) -> AppCloned:
    """The one command that was published."""
    (event,) = house.bus.events()
    assert isinstance(event.message, AppCloned)
    return event.message


async def test_a_clone_has_what_its_source_has_there_and_above_it_what_is_for_review_apps(house: House) -> None:
    with_config(house, "shop", *ALL, stacks=("eu-1", "us-1"))
    response = await clone(house, deploy=True)

    assert response.status_code == 202
    assert response.json()["left_out"] == []
    command = proposed(house)
    assert command.app_id == clone_id("new", "k-1")
    assert (command.source, command.app, command.stack, command.deploy) == ("shop", "new", "eu-1", True)
    assert opened_values(house, command.app_id, command.values) == {
        "A": "of reviews",
        "B": "of eu-1",
        "PLAIN": "plain",
        "R": "of reviews",
    }
    assert {name: value.secret for name, value in command.values.items()} == {
        "A": True,
        "B": False,
        "PLAIN": False,
        "R": True,
    }


async def test_on_a_stack_that_the_source_is_not_on_it_has_what_is_for_all(house: House) -> None:
    with_config(house, "shop", *ALL, stacks=("eu-1",))
    await clone(house, stack="us-1")
    command = proposed(house)
    values = opened_values(house, command.app_id, command.values)
    assert values == {"A": "of reviews", "B": "shared", "PLAIN": "plain", "R": "of reviews"}


async def test_secrets_of_production_stay_and_that_is_said(house: House) -> None:
    with_config(house, "shop", *ALL, stacks=("eu-1", "us-1"), production=True)
    response = await clone(house, stack="us-1")
    command = proposed(house)
    assert opened_values(house, command.app_id, command.values) == {
        "A": "of reviews",
        "PLAIN": "plain",
        "R": "of reviews",
    }
    assert response.json()["left_out"] == ["B", "ONLY"]


async def test_secrets_of_production_go_along_if_they_are_asked_for(house: House) -> None:
    with_config(house, "shop", *ALL, stacks=("eu-1", "us-1"), production=True)
    response = await clone(house, stack="us-1", secrets=True)
    assert response.json()["left_out"] == []
    assert set(proposed(house).values) == {"A", "B", "ONLY", "PLAIN", "R"}


async def test_without_config_nothing_is_copied_and_no_key_is_made(house: House) -> None:
    with_config(house, "shop", *ALL, production=True)
    response = await clone(house, config=False, secrets=True)
    assert response.json()["left_out"] == []
    command = proposed(house)
    assert not command.values
    assert not [row for row in keys_of(house) if row[0] == command.app_id]


def keys_of(house: House) -> list[Any]:
    with house.vault._store.engine.connect() as connection:
        return list(connection.exec_driver_sql("SELECT name FROM vault_keys WHERE kind = 'data'"))


async def test_a_key_of_its_own_makes_the_id_of_the_creation(house: House) -> None:
    with_config(house, "shop", *ALL)
    response = await clone(house, key=None)
    (event,) = house.bus.events()
    assert response.json()["command"]["id"] == event.envelope.id
    command = proposed(house)
    assert command.app_id == clone_id("new", event.envelope.id)
    assert opened_values(house, command.app_id, command.values)


async def test_the_same_key_is_the_same_clone_although_the_source_has_changed(house: House) -> None:
    with_config(house, "shop", Var("A", "1"))
    first = await clone(house)
    house.readmodel.decided(TEAM, house.bus.events()[0])
    with_config(house, "shop", Var("A", "2", sequence=2), Var("B", "3", sequence=3), production=True)
    again = await clone(house)
    assert again.json()["left_out"] == first.json()["left_out"] == []
    assert again.json()["command"]["id"] == first.json()["command"]["id"]
    for other in (
        await clone(house, stack="us-1"),
        await clone(house, deploy=True),
        await clone(house, source="shop2"),
    ):
        assert problem_of(other) == (422, "idempotency-key-reused")
    assert len(house.bus.published) == 1


FLAGS: list[dict[str, Any]] = [{}, {"secrets": True}, {"config": False}]


@pytest.mark.parametrize("decided", [False, True])
@pytest.mark.parametrize("flags", FLAGS, ids=str)
async def test_the_same_key_with_other_flags_is_refused_and_with_the_same_ones_leaves_out_the_same(
    house: House, flags: dict[str, Any], decided: bool
) -> None:
    with_config(house, "shop", *ALL, stacks=("us-1",), production=True)
    first = await clone(house, stack="us-1", **flags)
    if decided:
        for _ in range(4):
            house.readmodel.happened(TEAM, "Other")
        house.readmodel.decided(TEAM, house.bus.events()[0])
        house.parts.recent._proposals.clear()
        with_config(house, "shop", *ALL, Var("LATE", "since", sequence=9), stacks=("us-1",), production=True)
    for others in FLAGS:
        again = await clone(house, stack="us-1", **others)
        if others == flags:
            assert again.json()["left_out"] == first.json()["left_out"]
        else:
            assert problem_of(again) == (422, "idempotency-key-reused")
    assert len(house.bus.published) == 1


async def test_after_a_restart_a_clone_is_known_although_it_and_its_source_are_gone(house: House) -> None:
    with_config(house, "shop", Var("A", "1"))
    await clone(house)
    outcome = house.readmodel.decided(TEAM, house.bus.events()[0])
    house.parts.recent._proposals.clear()
    del house.readmodel.things[TEAM, "sealed-config", "shop"]

    again = await clone(house)
    waited = await house.client.post(
        "/api/v1/apps/shop/clones",
        json={"name": "new", "stack": "eu-1"},
        headers={"Idempotency-Key": "k-1", "Prefer": "wait=5"},
    )

    assert (again.status_code, waited.status_code) == (202, 200)
    assert again.json() == waited.json() == {"command": outcome.model_dump(), "left_out": []}
    assert len(house.bus.published) == 1


async def test_more_variables_than_an_app_may_have_are_refused(house: House) -> None:
    shared = [Var(f"A{number}", "1") for number in range(MOST_VARIABLES)]
    with_config(house, "shop", *shared, Var("B", "1", review=True))
    assert problem_of(await clone(house)) == (422, "config-too-large")
    assert not house.bus.published


async def test_what_is_published_and_answered_has_no_value_in_it(house: House) -> None:
    with_config(house, "shop", Var("A", CANARY))
    response = await clone(house)
    assert CANARY not in response.text
    assert CANARY.encode() not in house.bus.published[0].value
