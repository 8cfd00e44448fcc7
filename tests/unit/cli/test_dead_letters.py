"""`ownstack dead-letter`, through a server and straight from a bus."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake import Fake, accepted, admitted, ok, page, problem

from ownstack_bus.embedded import EmbeddedBus
from ownstack_bus.port import Outgoing, Record
from ownstack_contracts.dead_letters import RawRecord, dead_letter
from ownstack_contracts.topics import COMMANDS, DEAD_LETTERS

EVENT = {"specversion": "1.0", "id": "c1", "source": "/ci", "type": "AppInvented", "team": "acme", "data": {}}
LETTER: dict[str, Any] = {
    "id": "3-7",
    "at": 1_800_000_000_000,
    "team": "acme",
    "key": "acme",
    "code": "unknown-type",
    "reason": "'AppInvented' is no message.",
    "origin": {"topic": "ownstack.commands", "partition": 3, "offset": 9, "at": 1_800_000_000_000},
    "sha256": "ab" * 32,
    "length": 70_000,
    "cut": True,
}


class TestThroughAServer:
    """With a team's token."""

    def test_a_list_is_a_line_for_each(self, fake: Fake, ownstack: Run) -> None:
        fake.on("GET", "/dead-letters", page(LETTER))
        ended = ownstack("dead-letter", "list")
        assert ended.code == 0
        assert "3-7" in ended.out
        assert "'AppInvented' is no message." in ended.out
        assert ownstack("dead-letter", "list", "--json").json == [LETTER]

    def test_what_it_says_can_do_nothing_to_a_terminal(self, fake: Fake, ownstack: Run) -> None:
        fake.on("GET", "/dead-letters/3-7", ok({**LETTER, "text": "\x1b[2Jgone\x07"}))
        ended = ownstack("dead-letter", "show", "3-7")
        assert ended.code == 0
        assert "\\x1b[2Jgone\\x07" in ended.out
        assert "70000, not all of them kept" in ended.out

    def test_sending_again_waits_for_what_becomes_of_it(self, fake: Fake, ownstack: Run) -> None:
        fake.on("POST", "/dead-letters/3-7/resend", accepted("AppCreated"), admitted("AppCreated"))
        ended = ownstack("dead-letter", "resend", "3-7", "--id", "again")
        assert ended.code == 0, ended.err
        assert ended.out == "3-7 was sent again, and admitted as AppCreated c1.\n"
        assert {asked.headers["Idempotency-Key"] for asked in fake.to("/dead-letters/3-7/resend")} == {"again"}

    def test_a_refusal_says_what_to_do(self, fake: Fake, ownstack: Run) -> None:
        refused = problem(409, "dead-letter-cut", "Only a part was kept.", "Whoever published it must do so again.")
        fake.on("POST", "/dead-letters/3-7/resend", refused)
        ended = ownstack("dead-letter", "resend", "3-7")
        assert ended.code == 3
        assert "must do so again" in ended.err


class TestStraightFromABus:
    """For whoever runs the installation."""

    @pytest.fixture
    def bus(self, tmp_path: Path) -> str:
        url = f"sqlite:///{tmp_path}/own stack.db"
        write(tmp_path / "own stack.db", EVENT, b"{broken")
        return url

    def test_it_shows_those_of_all_teams(self, bus: str, ownstack: Run) -> None:
        found = ownstack("dead-letter", "list", "--bus", bus, "--json").json
        assert {(x["team"], x["length"]) for x in found} == {("acme", len(orjson.dumps(EVENT))), (None, 7)}
        assert len(ownstack("dead-letter", "list", "--bus", bus, "--limit", "1", "--json").json) == 1

    def test_it_is_asked_where_the_environment_says_so(
        self, bus: str, ownstack: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OWNSTACK_BUS", bus)
        assert len(ownstack("dead-letter", "list", "--json").json) == 2

    def test_one_is_sent_again_under_a_new_id(self, bus: str, ownstack: Run) -> None:
        letters = ownstack("dead-letter", "list", "--bus", bus, "--json").json
        (event,) = [x["id"] for x in letters if x["team"] == "acme"]
        assert (
            ownstack("dead-letter", "show", event, "--bus", bus, "--json").json["text"] == orjson.dumps(EVENT).decode()
        )

        sent = ownstack("dead-letter", "resend", event, "--bus", bus, "--json").json

        assert sent["id"] != "c1"
        assert (sent["topic"], sent["letter"]) == ("ownstack.commands", event)
        (record,) = read(bus)
        assert record.key == "acme"
        assert orjson.loads(record.value) == {**EVENT, "id": sent["id"], "causationid": "c1"}

    def test_what_can_not_be_sent_again_is_refused(self, bus: str, ownstack: Run) -> None:
        letters = ownstack("dead-letter", "list", "--bus", bus, "--json").json
        (broken,) = [x["id"] for x in letters if x["team"] is None]
        ended = ownstack("dead-letter", "resend", broken, "--bus", bus, "--json")
        assert (ended.code, ended.error["code"]) == (3, "dead-letter-not-an-event")
        assert read(bus) == []

    def test_one_that_is_not_there_is_unknown(self, bus: str, ownstack: Run) -> None:
        for verb in ("show", "resend"):
            ended = ownstack("dead-letter", verb, "0-99", "--bus", bus, "--json")
            assert (ended.code, ended.error["code"]) == (3, "dead-letter-unknown")

    def test_a_bus_that_is_not_there_is_not_made(self, tmp_path: Path, ownstack: Run) -> None:
        ended = ownstack("dead-letter", "list", "--bus", f"sqlite:///{tmp_path}/other.db", "--json")
        assert (ended.code, ended.error["code"]) == (4, "bus-missing")
        assert not (tmp_path / "other.db").exists()

    def test_what_is_no_bus_is_refused(self, ownstack: Run) -> None:
        ended = ownstack("dead-letter", "list", "--bus", "amqp://somewhere", "--json")
        assert (ended.code, ended.error["code"]) == (4, "bus-url")

    def test_a_wrong_setting_is_named_and_not_repeated(self, ownstack: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OWNSTACK_KAFKA_SECURITY_PROTOCOL", "hunter2")
        ended = ownstack("dead-letter", "list", "--bus", "kafka://127.0.0.1:1", "--json")
        assert (ended.code, ended.error["code"]) == (2, "settings-invalid")
        assert "OWNSTACK_KAFKA_SECURITY_PROTOCOL" in ended.error["message"]
        assert "hunter2" not in ended.err


def write(path: Path, event: dict[str, Any], garbage: bytes) -> None:
    async def written() -> None:
        bus = await EmbeddedBus.open(path, partitions=12)
        for key, value in (("acme", orjson.dumps(event)), ("", garbage)):
            letter = dead_letter(RawRecord(COMMANDS.name, 0, 5, 1_800_000_000_000, key, value), "unknown-type", "No.")
            await bus.publish([Outgoing(DEAD_LETTERS.name, letter.key, letter.value, headers=letter.headers)])
        await bus.close()

    asyncio.run(written())


def read(url: str) -> list[Record]:
    async def found() -> list[Record]:
        bus = await EmbeddedBus.open(Path(url.removeprefix("sqlite:///")), partitions=12)
        records = [record for p in range(12) async for record in bus.read(COMMANDS.name, p)]
        await bus.close()
        return records

    return asyncio.run(found())
