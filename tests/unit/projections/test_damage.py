"""What the projection does about a history that is not as it must be, and about others that write beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from sqlalchemy import delete
from tests.bench.histories import Chronicle, promoted
from tests.unit.projections.house import House, at_new_offsets, dump

from ownstack_bus.port import Record
from ownstack_contracts.catalog import HISTORY_TYPES
from ownstack_contracts.history import hash_of
from ownstack_projections.domain import projected_types
from ownstack_projections.stopped import FactNotProjected, FactUnknown, HistoryDamaged, Outrun
from ownstack_readmodel.tables import APPS


def changed(record: Record, change: Callable[[dict[str, Any]], None], *, sealed: bool = True) -> Record:
    """The record with another content; `sealed`: with the hash that fits it."""
    attributes = orjson.loads(record.value)
    change(attributes)
    if sealed:
        attributes["hash"] = hash_of(attributes)
    return record._replace(value=orjson.dumps(attributes, option=orjson.OPT_SORT_KEYS))


async def stops(house: House, records: list[Record], kind: type[Exception], said: str) -> None:
    """The projection stops at the tenth record: what comes before is stored, the rest is not."""
    with pytest.raises(kind, match=said):
        await house.take(records)
    assert await house.readmodel.last_sequence("acme") == 9
    assert await house.readmodel.positions() == {0: 9}


async def test_a_missing_fact_stops_it(house: House, chronicle: Chronicle) -> None:
    records = chronicle.records[:9] + chronicle.records[10:]
    await stops(house, records, HistoryDamaged, "fact 11 of team acme is out of place: it is ahead")


async def test_an_altered_fact_stops_it(house: House, chronicle: Chronicle) -> None:
    records = list(chronicle.records)
    records[9] = changed(records[9], lambda a: a.update(actor="token:eve"), sealed=False)
    await stops(house, records, HistoryDamaged, "ownstack.history/0/9: its hash is not the hash of its content")


async def test_an_altered_fact_that_was_sealed_again_stops_it_at_the_next(house: House, chronicle: Chronicle) -> None:
    records = list(chronicle.records)
    records[8] = changed(records[8], lambda a: a.update(actor="token:eve"))
    await stops(house, records, HistoryDamaged, "sealed after another fact than the one before it")


async def test_another_fact_with_the_same_sequence_stops_it(house: House, chronicle: Chronicle) -> None:
    records = list(chronicle.records[:9])
    records.append(changed(records[8], lambda a: a.update(actor="token:eve")))
    await stops(house, records, HistoryDamaged, "there is another fact 9 before it")


async def test_a_type_that_is_not_known_stops_it(house: House, chronicle: Chronicle) -> None:
    records = list(chronicle.records)
    records[9] = changed(records[9], lambda a: a.update(type="StackPainted", dataschema="urn:ownstack:StackPainted:1"))
    await stops(house, records, FactUnknown, "a fact 'StackPainted' .* is not known here")


async def test_a_version_that_is_not_known_stops_it(house: House, chronicle: Chronicle) -> None:
    records = list(chronicle.records)
    records[9] = changed(records[9], lambda a: a.update(dataschema=a["dataschema"][:-1] + "2"))
    await stops(house, records, FactUnknown, "not known here")


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"null", b"1", b"{}", b'{"type":[]}', b'{"type":{}}', b'"type"'])
async def test_bytes_that_are_no_fact_stop_it(house: House, chronicle: Chronicle, value: bytes) -> None:
    records = list(chronicle.records)
    records[9] = records[9]._replace(value=value)
    await stops(house, records, HistoryDamaged, "it is no fact")


async def test_a_wrong_field_stops_it(house: House, chronicle: Chronicle) -> None:
    records = list(chronicle.records)
    records[9] = changed(records[9], lambda a: a["data"].update(app=12))
    await stops(house, records, HistoryDamaged, "of its fields are not as its type has them")


async def test_a_fact_written_in_another_form_is_the_same_fact(house: House, chronicle: Chronicle) -> None:
    records = [
        record._replace(value=orjson.dumps(orjson.loads(record.value), option=orjson.OPT_INDENT_2))
        for record in chronicle.records
    ]
    await house.take(records)
    assert await house.readmodel.last_sequence("acme") == len(records)


async def test_facts_that_come_twice_are_skipped_and_counted(house: House, chronicle: Chronicle) -> None:
    await house.take(chronicle.records)
    once = dump(house.readmodel, but=("rm_positions",))
    await house.take(at_new_offsets(chronicle.records * 2))
    assert dump(house.readmodel, but=("rm_positions",)) == once
    assert house.sink.counts.doubled == house.sink.counts.facts == len(chronicle.records)


async def test_a_projection_that_was_replaced_writes_nothing_and_stops(house: House, chronicle: Chronicle) -> None:
    await house.take(chronicle.records[:10])
    zombie = House(house.readmodel)
    await zombie.restart()
    await house.take(chronicle.records)
    stored = dump(house.readmodel)
    promoted(chronicle, 1)
    with pytest.raises(Outrun, match="is projected by somebody else as well"):
        await zombie.take(chronicle.records)
    assert dump(house.readmodel) == stored


async def test_two_that_begin_at_once_do_not_both_write(house: House, chronicle: Chronicle) -> None:
    second = House(house.readmodel)
    await second.sink.positions()
    await house.take(chronicle.records)
    with pytest.raises(Outrun):
        await second.sink.apply(0, chronicle.records)


async def test_a_fact_that_does_not_fit_the_rows_writes_nothing_of_its_batch(
    house: House, chronicle: Chronicle
) -> None:
    await house.take(chronicle.records)
    with house.readmodel.writing() as connection:
        connection.execute(delete(APPS))
    stored = dump(house.readmodel)
    promoted(chronicle, 1)
    await house.restart()
    with pytest.raises(FactNotProjected, match="This is a fault of ours"):
        await house.take(chronicle.records)
    assert dump(house.readmodel) == stored


async def test_after_an_error_it_goes_on_from_what_is_stored(house: House, chronicle: Chronicle) -> None:
    promoted(chronicle, 1)
    await house.take(chronicle.records[:10])
    with pytest.raises(HistoryDamaged):
        await house.take([*chronicle.records[:20], *chronicle.records[21:]])
    await house.restart()
    await house.take(chronicle.records)
    assert await house.readmodel.last_sequence("acme") == len(chronicle.records)


def test_what_leaves_no_rows_of_its_own_is_meant_to() -> None:
    """A new type of fact is either projected or named here."""
    only_history = {
        "AppImportFailed",
        "AppImportRequested",
        "CheckRequested",
        "DecisionCut",
        "DeployRequested",
        "ImageJobClosed",
        "LookRequested",
        "PromotionRequested",
        "ReviewAppOpened",
        "RollbackRequested",
        "RunRequested",
        "StackCheckRequested",
        "StackRetryRequested",
    }
    assert {kind.type_name() for kind in set(HISTORY_TYPES.values()) - projected_types()} == only_history
