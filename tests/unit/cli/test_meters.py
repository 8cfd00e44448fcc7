"""What a bus and its services count, as Prometheus is shown it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
from prometheus_client import REGISTRY

from ownstack.serve import figures
from ownstack.serve.meters import PrometheusMeter
from ownstack.serve.running import taking_part
from ownstack_bus.port import Bus, BusError
from ownstack_deployer.main import Deployer
from ownstack_deployer.tally import Tally as DeployerTally
from ownstack_projections.logs import LogCounts
from ownstack_projections.main import Projections
from ownstack_projections.sink import Counts
from ownstack_promoter.main import Promoter
from ownstack_promoter.tally import Tally as PromoterTally


def shown(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_a_consumer_has_joined_when_all_that_it_has_is_in_order() -> None:
    meter = PrometheusMeter()
    meter.assigned("one", [0], beginning=2)
    assert meter.joined == set()
    assert shown("ownstack_bus_partitions", consumer="one") == 1
    meter.assigned("one", [0, 1, 2])
    assert meter.joined == {"one"}
    meter.assigned("one", [0, 1], beginning=1)
    assert meter.joined == set()


def test_one_that_has_no_partition_has_joined_too() -> None:
    """There may be more members than partitions."""
    meter = PrometheusMeter()
    meter.assigned("spare", [])
    assert meter.joined == {"spare"}
    assert shown("ownstack_bus_partitions", consumer="spare") == 0


def test_the_lag_of_a_partition_that_went_to_another_process_is_shown_no_more() -> None:
    meter = PrometheusMeter()
    meter.assigned("two", [0, 1])
    for topic in ("commands", "reports"):
        meter.lag("two", topic, 0, 5)
        meter.lag("two", topic, 1, 7)
    meter.lag("three", "commands", 1, 9)

    meter.assigned("two", [0])

    assert shown("ownstack_bus_lag", consumer="two", topic="commands", partition="0") == 5
    assert shown("ownstack_bus_lag", consumer="two", topic="commands", partition="1") is None
    assert shown("ownstack_bus_lag", consumer="two", topic="reports", partition="1") is None
    assert shown("ownstack_bus_lag", consumer="three", topic="commands", partition="1") == 9
    meter.assigned("two", [0, 1])
    meter.lag("two", "commands", 1, 0)
    assert shown("ownstack_bus_lag", consumer="two", topic="commands", partition="1") == 0


def test_batches_and_restarts_are_counted() -> None:
    meter = PrometheusMeter()
    meter.batch("four", 2)
    meter.batch("four", 200)
    meter.restarted("four", 3)
    assert shown("ownstack_bus_batch_records_count", consumer="four") == 2
    assert shown("ownstack_bus_batch_records_sum", consumer="four") == 202
    assert shown("ownstack_bus_batch_records_bucket", consumer="four", le="3.0") == 1
    assert shown("ownstack_bus_owner_restarts_total", consumer="four") == 1


def test_a_promoters_counts_are_shown_while_it_runs_and_not_after() -> None:
    tally = PromoterTally(forwarded=3, grants=2, lapsed=1)
    tally.inputs["PromotionRequested"] += 4
    tally.facts["PromotionOpened"] += 5
    tally.refusals["app-unknown"] += 6
    tally.dead_letters["not-json"] += 7
    with figures.of_promoter(cast("Promoter", SimpleNamespace(tally=tally))):
        assert shown("ownstack_promoter_inputs_total", type="PromotionRequested") == 4
        assert shown("ownstack_promoter_facts_total", type="PromotionOpened") == 5
        assert shown("ownstack_promoter_refusals_total", code="app-unknown") == 6
        assert shown("ownstack_promoter_dead_letters_total", code="not-json") == 7
        assert shown("ownstack_promoter_forwarded_total") == 3
        assert shown("ownstack_promoter_grants_total") == 2
        assert shown("ownstack_promoter_leases_lapsed_total") == 1
        tally.grants += 1
        assert shown("ownstack_promoter_grants_total") == 3
    assert shown("ownstack_promoter_grants_total") is None


def test_a_deployers_counts_are_shown() -> None:
    tally = DeployerTally(beats=8)
    tally.reports["StackDeploySucceeded"] += 9
    tally.dead_letters["no-team"] += 1
    with figures.of_deployer(cast("Deployer", SimpleNamespace(tally=tally, in_flight=2))):
        assert shown("ownstack_deployer_runs_in_flight") == 2
        assert shown("ownstack_deployer_reports_total", type="StackDeploySucceeded") == 9
        assert shown("ownstack_deployer_heartbeats_total") == 8
        assert shown("ownstack_deployer_dead_letters_total", code="no-team") == 1


def test_what_projections_count_is_shown_facts_and_log_lines_apart() -> None:
    history = Counts(batches=2, facts=30, doubled=1, seconds=0.5)
    logs = LogCounts(batches=3, lines=40, dead_letters=4, seconds=0.25)
    projections = SimpleNamespace(history=SimpleNamespace(counts=history), logs=SimpleNamespace(counts=logs))
    with figures.of_projections(cast("Projections", projections)):
        assert shown("ownstack_projections_facts_total") == 30
        assert shown("ownstack_projections_doubled_total") == 1
        assert [shown("ownstack_projections_batches_total", of=of) for of in ("facts", "logs")] == [2, 3]
        assert [shown("ownstack_projections_seconds_total", of=of) for of in ("facts", "logs")] == [0.5, 0.25]
        assert shown("ownstack_projections_log_lines_total") == 40
        assert shown("ownstack_projections_dead_letters_total") == 4


class Answering:
    """A bus that answers, or does not."""

    def __init__(self, failure: BusError | None = None) -> None:
        self.failure = failure

    async def end(self, topic: str, partition: int) -> int:
        """As the port has it."""
        if self.failure is not None:
            raise self.failure
        return 7


@pytest.mark.parametrize(
    ("joined", "failure", "obstacle"),
    [
        ({"a", "b"}, None, None),
        ({"b"}, None, "Not joined, or not restored yet: a."),
        (set(), BusError("bus-unavailable", "away"), "Not joined, or not restored yet: a, b."),
        ({"a", "b"}, BusError("bus-unavailable", "nothing at 10.0.0.7"), "The bus does not answer (bus-unavailable)."),
    ],
)
async def test_a_service_is_ready_when_it_takes_part_and_the_bus_answers(
    joined: set[str], failure: BusError | None, obstacle: str | None
) -> None:
    assert await taking_part(cast("Bus", Answering(failure)), joined, "a", "b") == obstacle
