"""Dead letters over HTTP: a team sees its own, in pages, and sends a command again under its own name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import orjson
import pytest
from tests.unit.api.house import House, problem_of

from ownstack_api.auth import PREFIX
from ownstack_bus.embedded import EmbeddedBus
from ownstack_bus.port import Outgoing
from ownstack_contracts.dead_letters import RawRecord, dead_letter
from ownstack_contracts.envelope import Event, decode
from ownstack_contracts.topics import COMMANDS, DEAD_LETTERS

EVENT = {
    "specversion": "1.0",
    "id": "c1",
    "source": "/ci",
    "type": "AppCreated",
    "team": "acme",
    "actor": "somebody else",
    "data": {"app": "shop", "stacks": ["eu-1"]},
}


@pytest.fixture
async def bus(house: House, tmp_path: Path) -> AsyncIterator[EmbeddedBus]:
    """A bus that remembers, in place of the fake one."""
    bus = await EmbeddedBus.open(tmp_path / "bus.db", partitions=2)
    house.app.state.parts = replace(house.parts, bus=bus)
    yield bus
    await bus.close()


async def bury(bus: EmbeddedBus, value: object, key: str = "acme", topic: str = COMMANDS.name) -> None:
    whole = value if isinstance(value, bytes) else orjson.dumps(value)
    letter = dead_letter(RawRecord(topic, 0, 5, 1_800_000_000_000, key, whole), "unknown-type", "It is no message.")
    await bus.publish([Outgoing(DEAD_LETTERS.name, letter.key, letter.value, headers=letter.headers)])


async def listed(client: httpx.AsyncClient, **query: object) -> dict[str, object]:
    response = await client.get("/api/v1/dead-letters", params=query)  # type: ignore[arg-type]
    assert response.status_code == 200, response.text
    found: dict[str, object] = response.json()
    return found


async def only(client: httpx.AsyncClient) -> str:
    (letter,) = (await client.get(f"{PREFIX}/dead-letters")).json()["items"]
    return str(letter["id"])


async def commands(bus: EmbeddedBus) -> list[Event]:
    found = [record for p in range(2) async for record in bus.read(COMMANDS.name, p)]
    return [decode(record.topic, record.value) for record in found]


async def test_a_team_sees_its_own_the_newest_first(house: House, bus: EmbeddedBus) -> None:
    await bury(bus, b"{broken")
    await bury(bus, {"team": "rival", "secret": "of rival"}, key="acme")
    await bury(bus, b"keyless", key="")
    await bury(bus, EVENT, key="rival")

    assert [x["length"] for x in (await listed(house.client))["items"]] == [len(orjson.dumps(EVENT)), 7]  # type: ignore[attr-defined]
    (theirs,) = (await listed(house.other))["items"]  # type: ignore[misc]
    assert theirs["team"] == "rival"  # type: ignore[has-type]


async def test_a_list_comes_in_pages(house: House, bus: EmbeddedBus) -> None:
    for number in range(5):
        await bury(bus, b"%d" % number)
    ids, cursor = [], None
    while True:
        page = await listed(house.client, limit=2, **({"cursor": cursor} if cursor else {}))
        ids.append([x["id"] for x in page["items"]])  # type: ignore[attr-defined]
        cursor = page["next"]
        if cursor is None:
            break
    assert [len(part) for part in ids] == [2, 2, 1]
    assert len({one for part in ids for one in part}) == 5


async def test_a_cursor_of_something_else_is_refused(house: House, bus: EmbeddedBus) -> None:
    response = await house.client.get("/api/v1/dead-letters", params={"cursor": "next"})
    assert problem_of(response) == (422, "cursor-invalid")


async def test_one_is_shown_with_what_it_says(house: House, bus: EmbeddedBus) -> None:
    await bury(bus, b"{broken \xff")
    letter = (await house.client.get(f"{PREFIX}/dead-letters/{await only(house.client)}")).json()
    assert (letter["text"], letter["code"], letter["cut"]) == ("{broken \ufffd", "unknown-type", False)
    assert letter["origin"] == {"topic": COMMANDS.name, "partition": 0, "offset": 5, "at": 1_800_000_000_000}


@pytest.mark.parametrize("verb", ["get", "post"])
async def test_that_of_another_team_is_unknown(house: House, bus: EmbeddedBus, verb: str) -> None:
    await bury(bus, EVENT)
    path = f"{PREFIX}/dead-letters/{await only(house.client)}" + ("/resend" if verb == "post" else "")
    response = await getattr(house.other, verb)(path)
    assert problem_of(response) == (404, "dead-letter-unknown")


async def test_a_command_is_sent_again_under_a_new_id_and_the_callers_name(house: House, bus: EmbeddedBus) -> None:
    await bury(bus, EVENT)
    path = f"{PREFIX}/dead-letters/{await only(house.client)}/resend"
    first = await house.client.post(path, headers={"Idempotency-Key": "again"})
    again = await house.client.post(path, headers={"Idempotency-Key": "again"})
    assert first.status_code == again.status_code == 202
    assert first.headers["location"] == f"{PREFIX}/commands/again"
    (event,) = await commands(bus)
    assert (event.envelope.id, event.envelope.team, event.envelope.actor) == ("again", "acme", "token:ci")
    assert event.envelope.data == EVENT["data"]


@pytest.mark.parametrize(
    ("value", "topic", "code"),
    [
        (b'{"type":"ConfigSet"}', COMMANDS.name, "dead-letter-cut"),
        (b"{broken", COMMANDS.name, "dead-letter-not-an-event"),
        ({**EVENT, "type": "AppInvented"}, COMMANDS.name, "dead-letter-unreadable"),
        ({**EVENT, "type": "Heartbeat"}, "ownstack.reports", "dead-letter-not-a-command"),
    ],
)
async def test_what_can_not_be_sent_again_is_refused(
    house: House, bus: EmbeddedBus, value: object, topic: str, code: str
) -> None:
    await bury(bus, value, topic=topic)
    response = await house.client.post(f"{PREFIX}/dead-letters/{await only(house.client)}/resend")
    assert problem_of(response) == (409, code)
    assert response.json()["hint"]
    assert await commands(bus) == []
