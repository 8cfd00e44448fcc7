"""Golden records: what was once written stays readable, as the same message, with the same hash."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from ownstack_contracts.catalog import DEPLOY_TYPES, TYPES_BY_TOPIC
from ownstack_contracts.envelope import canonical, decode
from ownstack_contracts.examples import EXAMPLES, example_id
from ownstack_contracts.golden import golden_file, golden_records, topics_of
from ownstack_contracts.history import is_intact
from ownstack_contracts.reviews import clone_id, review_app
from ownstack_contracts.topics import DEPLOYS

FOLDER = Path(__file__).parents[3] / "contracts" / "golden"
FILES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.json"))


@pytest.mark.parametrize("file", FILES)
def test_a_golden_record_is_read_as_the_message_that_it_was(file: str) -> None:
    value = (FOLDER / file).read_bytes()
    example = EXAMPLES[Path(file).stem]
    for topic in topics_of(file):
        event = decode(topic, value)
        assert event.message == example
        assert type(event.message) is type(example)


@pytest.mark.parametrize("file", [file for file in FILES if file.startswith("history/")])
def test_a_golden_fact_is_intact(file: str) -> None:
    assert is_intact((FOLDER / file).read_bytes())


@pytest.mark.parametrize("file", FILES)
def test_a_golden_record_is_canonical(file: str) -> None:
    value = (FOLDER / file).read_bytes()
    assert canonical(orjson.loads(value)) + b"\n" == value


@pytest.mark.parametrize(("file", "value"), list(golden_records()))
def test_what_is_written_today_is_what_the_golden_record_says(file: str, value: bytes) -> None:
    assert (FOLDER / file).read_bytes() == value


def test_every_type_of_every_topic_has_a_golden_record_in_its_present_version() -> None:
    wanted = {
        golden_file(topic, f"{name}.{kind.version}")
        for topic, types in TYPES_BY_TOPIC.items()
        for name, kind in types.items()
        if topic != DEPLOYS.name
    }
    assert wanted <= set(FILES)


def test_the_facts_on_deploys_are_in_the_history_too() -> None:
    assert DEPLOY_TYPES.items() <= TYPES_BY_TOPIC["ownstack.history"].items()


def test_every_example_is_listed_under_its_type_and_version() -> None:
    assert all(EXAMPLES[name] is message for name, message in ((example_id(m), m) for m in EXAMPLES.values()))


def test_examples_of_clones_have_the_ids_that_their_commands_give_them() -> None:
    for file in ("AppCloned", "ReviewAppOpened"):
        record = orjson.loads((FOLDER / "commands" / f"{file}.1.json").read_bytes())
        data = record["data"]
        app = data.get("app") or review_app(data["production"], data["number"])
        assert data["app_id"] == clone_id(app, record["id"])
