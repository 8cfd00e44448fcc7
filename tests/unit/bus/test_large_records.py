"""Keys and headers are bytes of a record too: what is written with them fits, and what can't be written is told."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord
from tests.unit.promoter.owner import Owned

from ownstack_bus.dead_letters import KEY_BYTES, letter_for
from ownstack_bus.kafka import intake
from ownstack_bus.kafka.clients import MAX_RECORD_BYTES, Clients
from ownstack_bus.kafka.intake import Intake
from ownstack_bus.kafka.publishing import place_of
from ownstack_bus.kafka.settings import KafkaSettings
from ownstack_bus.port import BusError, Outgoing, Record
from ownstack_contracts.envelope import encode
from ownstack_contracts.teams import TeamCreated
from ownstack_contracts.topics import COMMANDS, DEAD_LETTERS

C = COMMANDS.name
LARGE = 2 * MAX_RECORD_BYTES


def test_a_letter_keeps_its_key_up_to_a_bound_and_no_half_letters() -> None:
    letter = letter_for(Record(C, 0, 7, 0, "a" + "\ufffd" * 900_000, b"?"), "not-json", "It is not JSON.")
    assert letter.key == "a" + "\ufffd" * 341
    assert len(letter.key.encode()) == KEY_BYTES
    assert place_of(letter, 1) == 0
    assert letter_for(Record(C, 0, 7, 0, "acme", b"?"), "not-json", "It is not JSON.").key == "acme"


@pytest.mark.parametrize(
    "record",
    [
        Outgoing(C, "k" * LARGE, b""),
        Outgoing(C, "\ufffd" * (LARGE // 3), b""),
        Outgoing(C, "acme", b"", headers=(("h", b"v" * LARGE),)),
        Outgoing(C, "acme", b"", headers=(("h" * LARGE, b""),)),
        Outgoing(C, "acme", b"", headers=(("h", b""),) * (LARGE // 8)),
        Outgoing(C, "k" * MAX_RECORD_BYTES, b"v" * MAX_RECORD_BYTES),
    ],
)
def test_a_record_whose_key_or_headers_are_too_large_is_refused(record: Outgoing) -> None:
    with pytest.raises(BusError) as refused:
        place_of(record, 1)
    assert refused.value.code == "record-too-large"


def test_the_largest_value_is_written_with_a_key_and_headers() -> None:
    assert place_of(Outgoing(C, "k" * 900_000, b"v" * MAX_RECORD_BYTES, headers=(("h", b"v"),)), 1) == 0


def test_an_intake_is_full_of_headers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "FULL_BYTES", 1_000)
    waiting = Intake([C], Clients("", KafkaSettings()).record)
    headers: Any = (("name", b"v" * 1_000), ("none", None))
    waiting.add(C, [ConsumerRecord(C, 0, 0, 0, 1, b"acme", b"", None, 4, 0, headers)], end=1)
    assert waiting.is_full(C)
    waiting.passed(*waiting.peek())
    assert waiting.has_room(C)


@pytest.mark.parametrize("headers", [(("h", b"v" * 300_000),), (("h" * 300_000, b""),), (("h", b""),) * 40_000])
def test_a_forwarded_record_whose_headers_are_too_large_is_a_dead_letter(
    headers: tuple[tuple[str, bytes], ...],
) -> None:
    owned = Owned(teams=("acme",))
    value = encode(TeamCreated(), source="/x", team="elsewhere")
    (out,) = owned.handle(owned.raw(C, value)._replace(headers=headers))
    assert (out.topic, dict(out.headers)["reason-code"]) == (DEAD_LETTERS.name, b"too-large")


def test_a_dead_letter_of_a_promoter_fits_whatever_the_key_was() -> None:
    owned = Owned(teams=("acme",))
    (out,) = owned.handle(owned.raw(C, b"{broken")._replace(key="\ufffd" * 900_000))
    assert (out.topic, len(out.key)) == (DEAD_LETTERS.name, 341)
