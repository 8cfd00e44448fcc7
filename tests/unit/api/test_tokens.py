"""Tokens over HTTP: made, shown once, listed, revoked; those of a team are its own."""

from __future__ import annotations

import asyncio

from tests.unit.api.house import NOW, House, problem_of


async def test_a_caller_learns_who_they_are(house: House) -> None:
    me = (await house.client.get("/api/v1/me")).json()
    assert (me["team"], me["actor"]) == ("acme", "token:ci")
    assert me["token"] == (await house.client.get("/api/v1/tokens")).json()["items"][0]["id"]


async def test_a_new_token_speaks_for_the_team_under_its_own_name(house: House) -> None:
    response = await house.client.post("/api/v1/tokens", json={"name": "bot"})
    assert response.status_code == 201
    made = response.json()
    assert made["token"]["actor"] == "token:bot"
    assert (made["token"]["created_at"], made["token"]["revoked_at"]) == (NOW, None)

    await house.anonymous.delete("/api/v1/apps/shop", headers={"Authorization": f"Bearer {made['secret']}"})
    (event,) = house.bus.events()
    assert (event.envelope.team, event.envelope.actor) == ("acme", "token:bot")


async def test_the_secret_is_shown_once(house: House) -> None:
    secret = (await house.client.post("/api/v1/tokens", json={"name": "bot"})).json()["secret"]
    listed = await house.client.get("/api/v1/tokens")
    assert secret not in listed.text
    assert {token["ending"] for token in listed.json()["items"]} == {house.secret[-4:], secret[-4:]}


async def test_a_name_is_taken_while_its_token_is_valid(house: House) -> None:
    first = (await house.client.post("/api/v1/tokens", json={"name": "bot"})).json()["token"]
    assert problem_of(await house.client.post("/api/v1/tokens", json={"name": "bot"})) == (409, "token-name-taken")
    assert (await house.other.post("/api/v1/tokens", json={"name": "bot"})).status_code == 201

    await house.client.delete(f"/api/v1/tokens/{first['id']}")
    assert (await house.client.post("/api/v1/tokens", json={"name": "bot"})).status_code == 201


async def test_a_revoked_token_is_worth_nothing_and_stays_listed(house: House) -> None:
    made = (await house.client.post("/api/v1/tokens", json={"name": "bot"})).json()
    path = f"/api/v1/tokens/{made['token']['id']}"

    revoked, again = await house.client.delete(path), await house.client.delete(path)

    assert revoked.json() == again.json() == {**made["token"], "revoked_at": NOW}
    response = await house.anonymous.get("/api/v1/me", headers={"Authorization": f"Bearer {made['secret']}"})
    assert problem_of(response) == (401, "token-unknown")
    listed = (await house.client.get("/api/v1/tokens")).json()["items"]
    assert {token["name"]: token["revoked_at"] for token in listed} == {"ci": None, "bot": NOW}


async def test_another_teams_token_is_unknown(house: House) -> None:
    mine = (await house.client.get("/api/v1/me")).json()["token"]
    assert problem_of(await house.other.delete(f"/api/v1/tokens/{mine}")) == (404, "token-unknown")
    assert (await house.client.get("/api/v1/me")).status_code == 200


async def test_tokens_come_in_pages(house: House) -> None:
    names = [f"bot-{number}" for number in range(4)]
    await asyncio.gather(*(house.client.post("/api/v1/tokens", json={"name": name}) for name in names))

    found, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await house.client.get("/api/v1/tokens", params=query)).json()
        found += [token["name"] for token in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert sorted(found) == ["bot-0", "bot-1", "bot-2", "bot-3", "ci"]
