"""Commands: each is published once, under its key; and who waits learns the outcome."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import fields

import httpx
import pytest
from sqlalchemy.exc import OperationalError
from tests.unit.api.house import OTHER_TEAM, TEAM, House, problem_of

from ownstack_bus.port import BusError


async def test_without_a_key_each_command_has_an_id_of_its_own(house: House) -> None:
    first = await house.client.delete("/api/v1/apps/shop")
    second = await house.client.delete("/api/v1/apps/shop")

    ids = [event.envelope.id for event in house.bus.events()]
    assert ids == [response.json()["command"]["id"] for response in (first, second)]
    assert len(set(ids)) == 2


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("given", "passed_on"),
    [
        (TRACE, TRACE),
        (TRACE.upper(), None),
        ("00-" + "0" * 32 + "-b7ad6b7169203331-01", None),
        ("ff" + TRACE[2:], None),
        ("x" * 5_000, None),
        ("", None),
    ],
)
async def test_a_valid_traceparent_is_passed_on(house: House, given: str, passed_on: str | None) -> None:
    await house.client.delete("/api/v1/apps/shop", headers={"traceparent": given})
    assert house.bus.events()[0].envelope.traceparent == passed_on


async def destroy(house: House, key: str, **headers: str) -> httpx.Response:
    return await house.client.delete("/api/v1/apps/shop", headers={"Idempotency-Key": key, **headers})


async def test_the_same_key_with_the_same_body_is_answered_the_same_and_published_once(house: House) -> None:
    first, second = await destroy(house, "k-1"), await destroy(house, "k-1")
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert len(house.bus.published) == 1


async def test_two_at_once_with_the_same_key_are_published_once_and_both_wait_for_that(house: House) -> None:
    house.bus.gate = asyncio.Event()
    both = [asyncio.create_task(destroy(house, "k-1")) for _ in range(2)]
    await house.bus.waiting.wait()
    house.bus.gate.set()

    assert [response.status_code for response in await asyncio.gather(*both)] == [202, 202]
    assert len(house.bus.published) == 1


@pytest.mark.parametrize("code", [None, "app-unknown"])
async def test_the_same_key_is_known_by_its_outcome_when_this_process_never_saw_the_command(
    house: House, code: str | None
) -> None:
    await destroy(house, "k-1")
    outcome = house.readmodel.decided(TEAM, house.bus.events()[0], code)
    house.parts.recent._proposals.clear()  # as after a restart

    same = await destroy(house, "k-1")
    other = await house.client.delete("/api/v1/apps/other", headers={"Idempotency-Key": "k-1"})

    assert same.json()["command"] == outcome.model_dump()
    assert problem_of(other) == (422, "idempotency-key-reused")
    assert len(house.bus.published) == 1


async def test_the_same_key_with_another_body_is_refused(house: House) -> None:
    await destroy(house, "k-1")
    other = await house.client.delete("/api/v1/apps/other", headers={"Idempotency-Key": "k-1"})
    assert problem_of(other) == (422, "idempotency-key-reused")
    assert len(house.bus.published) == 1


async def test_another_team_has_keys_of_its_own(house: House) -> None:
    await destroy(house, "k-1")
    response = await house.other.delete("/api/v1/apps/other", headers={"Idempotency-Key": "k-1"})
    assert response.status_code == 202
    assert [event.envelope.team for event in house.bus.events()] == [TEAM, OTHER_TEAM]


@pytest.mark.parametrize("key", ["", "a" * 65, "-a", "a b", "ä", "a/b", 'a"', "../a", "a;rm -rf"])
async def test_a_key_that_can_be_no_id_is_refused(house: House, key: str) -> None:
    response = await house.client.delete("/api/v1/apps/shop", headers=[("Idempotency-Key", key.encode())])  # type: ignore[list-item]
    assert problem_of(response) == (422, "invalid-idempotency-key")
    assert not house.bus.published


async def test_two_keys_are_refused(house: House) -> None:
    response = await house.client.delete("/api/v1/apps/x", headers=[("Idempotency-Key", "a"), ("Idempotency-Key", "b")])
    assert problem_of(response) == (422, "invalid-idempotency-key")


async def test_what_the_bus_did_not_take_is_said_and_can_be_sent_again(house: House) -> None:
    house.bus.failure = BusError("disk-full", "secret path /var/x")
    response = await destroy(house, "k-1")
    assert problem_of(response) == (503, "bus-unavailable")
    assert "/var/x" not in response.text

    house.bus.failure = None
    assert (await destroy(house, "k-1")).status_code == 202
    assert len(house.bus.published) == 1


async def test_of_what_was_published_little_is_remembered(house: House) -> None:
    body = {"name": "shop", "stacks": [f"stack-{number}" for number in range(1_000)]}
    assert (await house.client.post("/api/v1/apps", json=body, headers={"Idempotency-Key": "k"})).status_code == 202
    remembered = house.parts.recent.find(TEAM, "k")
    assert remembered is not None
    assert max(sys.getsizeof(getattr(remembered, field.name)) for field in fields(remembered)) < 1_000
    assert (await house.client.post("/api/v1/apps", json=body, headers={"Idempotency-Key": "k"})).status_code == 202
    body["stacks"] = ["another", *body["stacks"][1:]]
    other = await house.client.post("/api/v1/apps", json=body, headers={"Idempotency-Key": "k"})
    assert problem_of(other) == (422, "idempotency-key-reused")


async def test_who_waits_gets_the_admitted_command(house: House) -> None:
    house.bus.gate = asyncio.Event()
    waiting = asyncio.create_task(destroy(house, "k-1", Prefer="wait=10"))
    await house.bus.waiting.wait()
    house.bus.gate.set()
    await published(house)
    outcome = house.readmodel.decided(TEAM, house.bus.events()[0])

    response = await waiting
    assert response.status_code == 200
    assert response.headers["preference-applied"] == "wait=10"
    assert response.json() == {"command": outcome.model_dump()}


async def test_who_waits_for_a_rejected_command_gets_why_and_what_to_do(house: House) -> None:
    waiting = asyncio.create_task(destroy(house, "k-1", Prefer="wait=10"))
    await published(house)
    outcome = house.readmodel.decided(TEAM, house.bus.events()[0], "app-unknown")

    response = await waiting
    assert problem_of(response) == (409, "app-unknown")
    body = response.json()
    assert (body["detail"], body["hint"]) == ("It does not hold.", "do this")
    assert body["command"] == outcome.model_dump()
    assert response.headers["location"] == "/api/v1/commands/k-1"


async def test_who_waits_when_the_house_closes_is_told_that_it_is_accepted(house: House) -> None:
    waiting = asyncio.create_task(destroy(house, "k-1", Prefer="wait=60"))
    await published(house)
    house.parts.stop()
    response = await waiting
    assert (response.status_code, response.json()["command"]["status"]) == (202, "accepted")
    assert house.readmodel.changes.watches == 0


async def test_a_database_that_is_lost_while_somebody_waits_makes_a_published_command_no_failure(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: object, **__: object) -> None:
        raise OperationalError("SELECT", None, Exception("gone"))

    monkeypatch.setattr(house.readmodel, "wait_for_command", lost)
    response = await house.client.delete("/api/v1/apps/shop", headers={"Prefer": "wait=60"})
    (event,) = house.bus.events()
    assert (response.status_code, response.json()["command"]["status"]) == (202, "accepted")
    assert response.headers["location"] == f"/api/v1/commands/{event.envelope.id}"


async def test_an_outcome_that_does_not_come_in_time_is_answered_with_202(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def in_vain(_team: str, _command: str, timeout: float) -> None:
        assert timeout == 1

    monkeypatch.setattr(house.readmodel, "wait_for_command", in_vain)
    response = await destroy(house, "k-1", Prefer="wait=1")
    assert (response.status_code, response.headers["preference-applied"]) == (202, "wait=1")


async def test_a_command_is_found_before_and_after_it_was_decided(house: House) -> None:
    await destroy(house, "k-1")
    before = await house.client.get("/api/v1/commands/k-1")
    assert (before.json()["status"], before.json()["actor"]) == ("accepted", "token:ci")

    house.readmodel.decided(TEAM, house.bus.events()[0])
    assert (await house.client.get("/api/v1/commands/k-1")).json()["status"] == "admitted"
    assert problem_of(await house.other.get("/api/v1/commands/k-1")) == (404, "command-unknown")
    assert problem_of(await house.client.get("/api/v1/commands/k-2")) == (404, "command-unknown")


async def published(house: House) -> None:
    """Return once something was published."""
    while not house.bus.published:
        await asyncio.sleep(0)
