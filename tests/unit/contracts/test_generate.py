"""Schemas, AsyncAPI and the reference follow from the messages, are fresh, and say what the messages say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from ownstack_contracts import generate
from ownstack_contracts.catalog import TYPES_BY_TOPIC
from ownstack_contracts.documents import asyncapi, meanings
from ownstack_contracts.documents.schemas import PARTS, message_schema, message_types, schemas
from ownstack_contracts.envelope import Envelope, decode
from ownstack_contracts.examples import EXAMPLES
from ownstack_contracts.golden import golden_records
from ownstack_contracts.message import Message
from ownstack_contracts.topics import TOPICS

ROOT = Path(__file__).parents[3]
LOADED_BY_THE_BASE = "import sys; import ownstack_contracts.envelope; print('yaml' in sys.modules)"


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which everything was just generated."""
    monkeypatch.chdir(tmp_path)
    assert generate.main(["--new"]) == 0
    return tmp_path


def test_what_is_checked_in_is_fresh(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    assert (generate.main(["--check"]), capsys.readouterr().err) == (0, "")


def test_the_same_is_generated_each_time() -> None:
    assert generate.rendered() == generate.rendered()


def test_check_names_what_is_stale_superfluous_or_missing(fresh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--check"]) == 0
    (fresh / "contracts/asyncapi.yaml").write_text("asyncapi: 2.0.0\n")
    (fresh / "contracts/schemas/AppCreated.1.json").unlink()
    (fresh / "contracts/schemas/Gone.1.json").write_text("{}")
    (fresh / "contracts/golden/history/AppCreated.1.json").unlink()

    assert generate.main(["--check"]) == 1

    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(";")[0] for line in lines] == [
        "contracts/schemas/AppCreated.1.json is stale",
        "contracts/asyncapi.yaml is stale",
        "contracts/schemas/Gone.1.json is superfluous",
        "contracts/golden/history/AppCreated.1.json is missing",
    ]


def test_generating_puts_right_what_check_names_but_for_golden_records(fresh: Path) -> None:
    (fresh / "contracts/asyncapi.yaml").unlink()
    (fresh / "contracts/schemas/Gone.1.json").write_text("{}")
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    assert not (fresh / "contracts/schemas/Gone.1.json").exists()


def test_a_golden_record_is_added_when_it_is_missing_and_never_rewritten(fresh: Path) -> None:
    folder = fresh / "contracts/golden/history"
    (folder / "AppCreated.1.json").write_text("kept")
    (folder / "AppDestroyed.1.json").unlink()

    assert generate.main([]) == 0
    assert not (folder / "AppDestroyed.1.json").exists()
    assert generate.main(["--new"]) == 0

    assert (folder / "AppDestroyed.1.json").exists()
    assert (folder / "AppCreated.1.json").read_text() == "kept"


def test_the_schema_of_an_earlier_version_stays(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TYPES_BY_TOPIC["ownstack.history"]["RolloutQueued"], "version", 2)
    assert generate.main([]) == 0
    assert (fresh / "contracts/schemas/RolloutQueued.1.json").exists()
    assert (fresh / "contracts/schemas/RolloutQueued.2.json").exists()


@pytest.mark.parametrize("name", [name for name, _ in schemas()])
def test_a_schema_is_json_schema(name: str) -> None:
    schema = dict(schemas())[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(("file", "value"), list(golden_records()))
def test_a_golden_record_fits_the_schemas(file: str, value: bytes) -> None:
    record = orjson.loads(value)
    Draft202012Validator(dict(schemas())["envelope.json"]).validate(record)
    Draft202012Validator(message_schema(message_types()[record["type"]])).validate(record["data"])


def test_a_schema_refuses_what_its_message_refuses() -> None:
    validator = Draft202012Validator(message_schema(message_types()["AppCreated"]))
    for data in ({}, {"app": "Shop"}, {"app": "shop", "x": 1}, {"app": "shop", "stacks": "eu-1"}):
        assert not validator.is_valid(data), data


def test_every_field_has_a_meaning_and_no_meaning_is_left_over() -> None:
    kinds: set[type[Message]] = {*message_types().values(), *PARTS}
    for kind in kinds:
        for field in kind.model_fields:
            assert meanings.meaning_of(kind, field)
    assert meanings.unused(kinds) == set()
    assert set(meanings.ENVELOPE) == set(Envelope.model_fields)


def test_asyncapi_names_every_topic_with_its_key_retention_and_messages() -> None:
    document = yaml.safe_load((ROOT / "contracts/asyncapi.yaml").read_text())
    assert document == asyncapi.document()
    assert document["asyncapi"] == "3.0.0"
    channels = {channel["address"]: channel for channel in document["channels"].values()}
    assert set(channels) == set(TOPICS)
    for name, types in TYPES_BY_TOPIC.items():
        assert set(channels[name]["messages"]) == set(types)
        assert channels[name]["x-key"] == TOPICS[name].key
    kafka = {name: channel["bindings"]["kafka"] for name, channel in channels.items()}
    assert kafka["ownstack.history"]["topicConfiguration"]["retention.ms"] == -1
    assert kafka["ownstack.commands"]["topicConfiguration"]["retention.ms"] == 14 * 24 * 3_600_000
    assert {binding["partitions"] for binding in kafka.values()} == {12}


def test_asyncapi_says_who_writes_and_who_reads() -> None:
    operations = asyncapi.document()["operations"]
    assert operations["promoter-writes-history"]["action"] == "send"
    assert operations["promoter-reads-commands"]["action"] == "receive"
    assert operations["deployers-writes-reports"]["channel"] == {"$ref": "#/channels/reports"}


def test_every_reference_in_asyncapi_leads_somewhere() -> None:
    document = asyncapi.document()
    files = dict(schemas())
    for ref in _references(document):
        if ref.startswith("./schemas/"):
            assert ref.removeprefix("./schemas/") in files
        else:
            node: Any = document
            for part in ref.removeprefix("#/").split("/"):
                node = node[part]


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [ref for value in node.values() for ref in _references(value)]
    return [ref for value in node for ref in _references(value)] if isinstance(node, list) else []


def test_a_payload_of_asyncapi_accepts_its_golden_record() -> None:
    registry: Registry[Any] = Registry().with_resources(
        (f"./schemas/{name}", Resource.from_contents({k: v for k, v in schema.items() if k != "$id"}))
        for name, schema in schemas()
    )
    messages = asyncapi.document()["components"]["messages"]
    for _, value in golden_records():
        record = orjson.loads(value)
        Draft202012Validator(messages[record["type"]]["payload"], registry=registry).validate(record)


def test_the_one_liners_of_the_reference_are_readable_commands() -> None:
    page = (ROOT / "docs/reference/messages.md").read_text()
    lines = [line for line in page.splitlines() if line.startswith("echo '")]
    types = set()
    for line in lines:
        record, _, kcat = line.removeprefix("echo '").replace("'$(uuidgen)'", "some-id").partition("' | ")
        event = decode("ownstack.commands", record.encode())
        types.add(event.envelope.type)
        assert kcat == "kcat -P -b localhost:9092 -t ownstack.commands -k acme"
        assert event.message == EXAMPLES[f"{event.envelope.type}.1"]
    assert types == set(TYPES_BY_TOPIC["ownstack.commands"])


def test_only_who_generates_needs_yaml() -> None:
    found = subprocess.run([sys.executable, "-c", LOADED_BY_THE_BASE], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
