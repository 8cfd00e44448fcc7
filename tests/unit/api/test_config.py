"""Config over HTTP: values are encrypted before anything is published; one is shown to who asks, and that is logged."""

from __future__ import annotations

import json
import logging
from typing import Any

import httpx
import pytest
from tests.unit.api.house import NOW, TEAM, House, problem_of
from tests.unit.api.variables import CANARY, Var, opened_values, with_config

from ownstack_api.sealing import MOST_VALUE_BYTES
from ownstack_contracts.config import MOST_VARIABLES, ConfigSet
from ownstack_readmodel import SealedConfig, SealedVariable
from ownstack_readmodel.views import ConfigView, VariableView
from ownstack_vault import Slot

PATH = "/api/v1/apps/shop/config"


async def change(house: House, body: dict[str, Any], **headers: str) -> httpx.Response:
    content = json.dumps(body).encode()  # in ASCII: it can also say what is no text
    return await house.client.patch(PATH, content=content, headers={"Content-Type": "application/json", **headers})


def proposed(house: House) -> ConfigSet:
    """The one command that was published."""
    (event,) = house.bus.events()
    assert isinstance(event.message, ConfigSet)
    return event.message


async def test_values_are_published_sealed_for_the_app_and_no_other_way(house: House) -> None:
    app_id = with_config(house, "shop")
    response = await change(house, {"values": {"A": CANARY, "EMPTY": "", "LINES": "a\nb\t€", "OLD": None, "B": None}})

    assert response.status_code == 202
    command = proposed(house)
    assert (command.app, command.app_id, command.stack, command.review) == ("shop", app_id, None, False)
    assert opened_values(house, app_id, command.values) == {"A": CANARY, "EMPTY": "", "LINES": "a\nb\t€"}
    assert [value.secret for value in command.values.values()] == [True] * 3
    assert (command.unset, command.prune, command.deploy) == (("B", "OLD"), False, True)
    assert CANARY.encode() not in house.bus.published[0].value
    assert CANARY not in response.text


@pytest.mark.parametrize(
    ("body", "stack", "review"), [({"stack": "eu-1"}, "eu-1", False), ({"review": True}, None, True)]
)
async def test_a_value_is_sealed_for_its_scope(
    house: House, body: dict[str, Any], stack: str | None, review: bool
) -> None:
    app_id = with_config(house, "shop")
    await change(house, {"values": {"A": "1"}, "secret": False, "prune": True, "deploy": False, **body})

    command = proposed(house)
    assert (command.stack, command.review, command.prune, command.deploy) == (stack, review, True, False)
    assert not command.values["A"].secret
    slot = Slot(TEAM, app_id, "A", stack, review)
    assert house.vault.secrets.unseal({slot: command.values["A"].sealed}) == {slot: "1"}


async def test_equal_values_have_the_fingerprint_of_the_team(house: House) -> None:
    with_config(house, "shop")
    await change(house, {"values": {"A": "1", "B": "1", "C": "2"}})
    a, b, c = (value.fingerprint for value in proposed(house).values.values())
    assert (a == b, a == c) == (True, False)
    elsewhere = Slot(TEAM, "blog.1", "A")
    assert house.vault.secrets.seal({elsewhere: "1"}, NOW)[elsewhere].fingerprint == a


async def test_the_same_key_with_the_same_values_is_the_same_command(house: House) -> None:
    with_config(house, "shop")
    body = {"values": {"A": CANARY, "X": None, "Y": None}}
    first = await change(house, body, **{"Idempotency-Key": "k-1"})
    again = await change(house, {"values": {"Y": None, "X": None, "A": CANARY}}, **{"Idempotency-Key": "k-1"})
    other = await change(house, {"values": {"A": "2", "X": None, "Y": None}}, **{"Idempotency-Key": "k-1"})

    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert problem_of(other) == (422, "idempotency-key-reused")
    assert len(house.bus.published) == 1


async def test_after_a_restart_an_admitted_key_is_known_with_its_values(house: House) -> None:
    with_config(house, "shop")
    await change(house, {"values": {"A": "1"}}, **{"Idempotency-Key": "k-1"})
    outcome = house.readmodel.decided(TEAM, house.bus.events()[0])
    house.parts.recent._proposals.clear()

    same = await change(house, {"values": {"A": "1"}}, **{"Idempotency-Key": "k-1"})
    other = await change(house, {"values": {"A": "2"}}, **{"Idempotency-Key": "k-1"})

    assert same.json()["command"] == outcome.model_dump()
    assert problem_of(other) == (422, "idempotency-key-reused")
    assert len(house.bus.published) == 1


async def test_of_a_rejected_key_the_outcome_is_told_as_its_values_are_kept_nowhere(house: House) -> None:
    with_config(house, "shop")
    await change(house, {"values": {"A": "1"}}, **{"Idempotency-Key": "k-1"})
    outcome = house.readmodel.decided(TEAM, house.bus.events()[0], "config-too-large", keep=False)
    house.parts.recent._proposals.clear()

    told = await change(house, {"values": {"A": "1"}}, **{"Idempotency-Key": "k-1"})
    waited = await change(house, {"values": {"A": "1"}}, **{"Idempotency-Key": "k-1", "Prefer": "wait=10"})

    assert told.json()["command"] == outcome.model_dump()
    assert problem_of(waited) == (409, "config-too-large")
    assert len(house.bus.published) == 1


async def test_an_unknown_app_is_said_before_anything_is_sealed(house: House) -> None:
    for response in (
        await change(house, {"values": {"A": CANARY}}),
        await house.client.get(PATH),
        await house.client.get(f"{PATH}/A"),
        await house.client.post("/api/v1/apps/shop/clones", json={"name": "new", "stack": "eu-1"}),
    ):
        assert problem_of(response) == (404, "app-unknown")
        assert "ownstack app list" in response.json()["hint"]
        assert CANARY not in response.text
    assert not house.bus.published


async def test_what_is_of_another_team_is_unknown(house: House) -> None:
    with_config(house, "shop", Var("A", CANARY))
    assert problem_of(await house.other.get(f"{PATH}/A")) == (404, "app-unknown")
    assert problem_of(await house.other.patch(PATH, json={"values": {"A": "1"}})) == (404, "app-unknown")


async def test_a_value_may_have_60_000_bytes(house: House) -> None:
    app_id = with_config(house, "shop")
    long = "ä" * (MOST_VALUE_BYTES // 2)
    assert (await change(house, {"values": {"A": long}})).status_code == 202
    assert opened_values(house, app_id, proposed(house).values) == {"A": long}


WRONG: dict[str, Any] = {
    "too long": {"values": {"A": CANARY + "x" * MOST_VALUE_BYTES}},
    "too long in UTF-8": {"values": {"A": CANARY + "ä" * (MOST_VALUE_BYTES // 2)}},
    "a NUL": {"values": {"A": f"{CANARY}\0"}},
    "a lone surrogate": {"values": {"A": f"{CANARY}\ud83d"}},
    "a number": {"values": {"A": 7, "B": CANARY}},
    "a list": {"values": {"A": [CANARY]}},
    "an object": {"values": {"A": {CANARY: CANARY}}},
    "values as text": {"values": CANARY},
    "values as a list": {"values": [CANARY]},
    "no values": {"A": CANARY},
    "a name that is none": {"values": {"A-B": CANARY}},
    "a whole line as a name": {"values": {f"A={CANARY}": CANARY}},
    "a name without end": {"values": {"A" * 256: CANARY}},
    "too many": {"values": {f"A{number}": CANARY for number in range(MOST_VARIABLES + 1)}},
    "another field": {"values": {"A": CANARY}, "value": CANARY},
    "two scopes": {"values": {"A": CANARY}, "stack": "eu-1", "review": True},
    "a stack that is none": {"values": {"A": CANARY}, "stack": "EU"},
    "a flag as text": {"values": {"A": CANARY}, "deploy": CANARY},
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
async def test_what_does_not_hold_is_refused_without_repeating_it(
    house: House, body: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with_config(house, "shop")
    response = await change(house, body)
    assert problem_of(response) == (422, "invalid-request")
    assert CANARY not in response.text + caplog.text
    assert not house.bus.published


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"values": {"A": "%s', (400, "not-json")),
        (b'{"values": {"A": %s}}', (400, "not-json")),
        (b'{"values": {"A": "%s", "A": "2"}}', (400, "not-json")),
        (b'{"values": {"A": "%s\xff"}}', (400, "not-json")),
        (b'{"values": {"A": "%s' + b"x" * 300_000 + b'"}}', (413, "body-too-large")),
    ],
)
async def test_a_body_that_can_not_be_read_is_not_repeated(
    house: House, content: bytes, expected: tuple[int, str]
) -> None:
    with_config(house, "shop")
    headers = {"Content-Type": "application/json"}
    response = await house.client.patch(PATH, content=content.replace(b"%s", CANARY.encode()), headers=headers)
    assert problem_of(response) == expected
    assert CANARY not in response.text
    assert "0xff" not in response.text


@pytest.mark.parametrize("kind", ["ConfigSet", "AppCloned", "ReviewAppOpened"])
@pytest.mark.parametrize(
    "value", [CANARY, {"sealed": CANARY, "fingerprint": "0" * 32}, {"sealed": f"v1.{CANARY}"}, [CANARY]]
)
async def test_plain_values_in_a_command_are_refused_by_what_they_are(house: House, kind: str, value: Any) -> None:
    body = {"type": kind, "data": {"app": "shop", "app_id": "shop.1", "values": {"A": value}}}
    response = await house.client.post("/api/v1/commands", json=body)
    assert problem_of(response) == (422, "config-not-encrypted")
    assert CANARY not in response.text
    assert not house.bus.published


async def test_a_command_that_is_wrong_elsewhere_is_told_where(house: House) -> None:
    response = await house.client.post("/api/v1/commands", json={"type": "ConfigSet", "data": {"app": "shop"}})
    assert problem_of(response) == (422, "invalid-request")
    assert response.json()["errors"][0]["field"] == "ConfigSet.data.app_id"


async def test_the_config_of_an_app_is_shown_without_values(house: House) -> None:
    variable = VariableView(
        name="A", stack=None, review=False, secret=True, fingerprint="0" * 32, actor="token:ci", at=NOW, sequence=3
    )
    view = ConfigView(app="shop", app_id="shop.1", variables=[variable])
    house.readmodel.hold(TEAM, "config", "shop", view)
    assert (await house.client.get(PATH)).json() == view.model_dump()


@pytest.fixture
async def shop(house: House) -> House:
    """An app with a variable that has a value of its own on eu-1, and another one for review apps."""
    variables = [Var("A", CANARY), Var("A", "of eu-1", stack="eu-1"), Var("R", "of reviews", review=True)]
    with_config(house, "shop", *variables, stacks=("eu-1", "us-1"))
    return house


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("A", {"value": CANARY, "stack": None, "review": False}),
        ("A?stack=eu-1", {"value": "of eu-1", "stack": "eu-1", "review": False}),
        ("A?stack=us-1", {"value": CANARY, "stack": None, "review": False}),
        ("R?review=true", {"value": "of reviews", "stack": None, "review": True}),
    ],
)
async def test_a_value_is_shown_to_who_asks(
    shop: House, asked: str, answer: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ownstack_api")
    response = await shop.client.get(f"{PATH}/{asked}")
    name = asked.partition("?")[0]
    assert response.json() == {"name": name, **answer}
    assert response.headers["cache-control"] == "no-store"
    assert caplog.messages == [f"token:ci read the variable {name} of shop"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("B", (404, "variable-unknown")),
        ("R", (404, "variable-unknown")),
        ("R?stack=eu-1", (404, "variable-unknown")),
        ("A?review=true", (404, "variable-unknown")),
        ("A?stack=ap-1", (404, "stack-not-of-app")),
        ("A?stack=eu-1&review=true", (422, "invalid-request")),
        ("A-B", (422, "invalid-request")),
        ("A?review=perhaps", (422, "invalid-request")),
    ],
)
async def test_what_there_is_not_is_not_shown_and_not_logged(
    shop: House, asked: str, expected: tuple[int, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ownstack_api")
    assert problem_of(await shop.client.get(f"{PATH}/{asked}")) == expected
    assert not caplog.messages


async def test_a_value_that_was_altered_is_not_shown(house: House) -> None:
    with_config(house, "shop", Var("B", "2"))
    forged = SealedVariable("A", None, False, True, "v1." + "A" * 60, "0" * 32)
    house.readmodel.hold(TEAM, "sealed-config", "shop", SealedConfig("shop.1", ("eu-1",), False, (forged,)))
    assert problem_of(await house.client.get(f"{PATH}/A")) == (409, "config-damaged")
    clone = await house.client.post("/api/v1/apps/shop/clones", json={"name": "new", "stack": "eu-1"})
    assert problem_of(clone) == (409, "config-damaged")
    assert not house.bus.published
