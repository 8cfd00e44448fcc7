"""`ownstack bus setup` on a real cluster, as it is typed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.real.kafka import kafka, new_prefix

from ownstack.exits import Exit
from ownstack.main import main
from ownstack_bus.kafka import KafkaSettings
from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.starting import started
from ownstack_bus.kafka.topics import Setup, check
from ownstack_contracts.topics import HISTORY, TOPICS

Run = Callable[..., tuple[int, str, str]]
ONE_COPY = "1 copy: one lost disk loses the history. On three brokers or more, make the topics with --replication 3."


@pytest.fixture
def clients() -> Iterator[Clients]:
    clients = Clients(kafka(), KafkaSettings(prefix=new_prefix()))
    yield clients
    asyncio.run(delete(clients))


async def delete(clients: Clients) -> None:
    async with started(clients, clients.admin()) as admin:
        there = set(await admin.list_topics())
        await admin.delete_topics([name for name in map(clients.topic, TOPICS) if name in there])


@pytest.fixture
def setup(clients: Clients, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("OWNSTACK_BUS", f"kafka://{clients.servers}")
    monkeypatch.setenv("OWNSTACK_KAFKA_PREFIX", clients.settings.prefix)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["bus", "setup", *arguments])
        return code, *capsys.readouterr()

    return run


def document(text: str) -> Any:
    return orjson.loads(text)


def test_it_makes_the_topics_and_the_second_time_says_that_all_is_right(setup: Run, clients: Clients) -> None:
    code, out, _ = setup("--partitions", "2")
    assert (code, out.splitlines()) == (
        Exit.OK,
        [f"{name} is made, 2 partitions, 1 copy" for name in TOPICS] + [ONE_COPY],
    )
    assert asyncio.run(check(clients)) == dict.fromkeys(TOPICS, 2)
    right = "All topics are there, and as they must be: 2 partitions, 1 copy."
    code, out, _ = setup("--partitions", "2")
    assert (code, out.splitlines()) == (Exit.OK, [right, ONE_COPY])


def test_of_several_copies_it_says_how_many_and_warns_of_nothing(setup: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def three(*_: object) -> Setup:
        return Setup([HISTORY.name], [], 1, 3)

    monkeypatch.setattr("ownstack_bus.kafka.topics.set_up", three)
    assert setup()[:2] == (Exit.OK, "ownstack.history is made, 1 partition, 3 copies\n")
    assert document(setup("--json")[1])["replication"] == 3


def test_it_says_line_by_line_what_differs(setup: Run, clients: Clients) -> None:
    setup("--partitions", "2")
    code, out, err = setup("--partitions", "3")
    assert (code, out.splitlines()) == (
        Exit.FAILED,
        [f"{name}: partitions is 2, and must be 3" for name in TOPICS],
    )
    assert "6 settings of topics are not as they must be" in err
    assert asyncio.run(check(clients)) == dict.fromkeys(TOPICS, 2), "nothing was changed"


def test_scripts_get_the_same_as_json(setup: Run, clients: Clients) -> None:
    code, out, _ = setup("--partitions", "2", "--json")
    assert (code, document(out)) == (Exit.OK, {"created": list(TOPICS), "differences": [], "replication": 1})
    code, _, err = setup("--partitions", "3", "--json")
    error = document(err)["error"]
    assert (code, error["code"]) == (Exit.FAILED, "bus-topics-differ")
    first = {"topic": "ownstack.commands", "setting": "partitions", "found": "2", "wanted": "3"}
    assert error["differences"][0] == first


def test_an_embedded_bus_needs_none(setup: Run, tmp_path: Path) -> None:
    file = tmp_path / "bus.db"
    code, out, _ = setup("--bus", f"sqlite:///{file}")
    assert (code, file.exists()) == (Exit.OK, False)
    assert "needs no setup" in out


def test_a_url_that_names_no_bus_is_refused(setup: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert setup("--bus", "amqp://host")[0] == Exit.USAGE
    monkeypatch.delenv("OWNSTACK_BUS")
    code, _, err = setup()
    assert (code, "OWNSTACK_BUS" in err) == (Exit.USAGE, True)


def test_a_cluster_that_is_away_is_said(setup: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWNSTACK_KAFKA_REQUEST_TIMEOUT", "2")
    code, _, err = setup("--bus", "kafka://127.0.0.1:1", "--json")
    assert (code, document(err)["error"]["code"]) == (Exit.UNAVAILABLE, "bus-unavailable")


def test_more_copies_than_brokers_are_refused(setup: Run) -> None:
    code, _, err = setup("--replication", "9", "--json")
    assert (code, document(err)["error"]["code"]) == (Exit.FAILED, "bus-replication")


def test_a_setting_that_makes_no_sense_is_named(setup: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWNSTACK_KAFKA_SECURITY_PROTOCOL", "magic")
    code, _, err = setup("--json")
    error = document(err)["error"]
    assert (code, error["code"]) == (Exit.USAGE, "settings-invalid")
    assert "OWNSTACK_KAFKA_SECURITY_PROTOCOL" in error["message"]
