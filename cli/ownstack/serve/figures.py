"""What the services count, as figures for Prometheus: read off them when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from ownstack_deployer.main import Deployer
    from ownstack_projections.main import Projections
    from ownstack_promoter.main import Promoter

Read = Callable[[], Iterator[Metric]]


class _Figures(Collector):
    def __init__(self, read: Read) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """As Prometheus has it."""
        return self._read()

    def describe(self) -> list[Metric]:
        """Nothing is read when the figures are registered."""
        return []


@contextmanager
def _shown(read: Read) -> Iterator[None]:
    figures = _Figures(read)
    REGISTRY.register(figures)
    try:
        yield
    finally:
        REGISTRY.unregister(figures)


def of_promoter(promoter: Promoter) -> AbstractContextManager[None]:
    """Meanwhile, show what a promoter counts."""
    tally = promoter.tally

    def read() -> Iterator[Metric]:
        yield _by("ownstack_promoter_inputs", "Inputs decided on, by type.", "type", tally.inputs)
        yield _by("ownstack_promoter_facts", "Facts written, by type.", "type", tally.facts)
        yield _by("ownstack_promoter_refusals", "Commands rejected, by code.", "code", tally.refusals)
        yield _by("ownstack_promoter_dead_letters", "Inputs not taken, by code.", "code", tally.dead_letters)
        yield _counted("ownstack_promoter_forwarded", "Inputs sent on to their own partition.", tally.forwarded)
        yield _counted("ownstack_promoter_grants", "Jobs granted to runs.", tally.grants)
        yield _counted("ownstack_promoter_leases_lapsed", "Leases that lapsed.", tally.lapsed)

    return _shown(read)


def of_deployer(deployer: Deployer) -> AbstractContextManager[None]:
    """Meanwhile, show what a deployer counts."""
    tally = deployer.tally

    def read() -> Iterator[Metric]:
        yield GaugeMetricFamily("ownstack_deployer_runs_in_flight", "Runs under way.", deployer.in_flight)
        yield _by("ownstack_deployer_reports", "Reports said: claims, phases and ends, by type.", "type", tally.reports)
        yield _counted("ownstack_deployer_heartbeats", "Heartbeats said.", tally.beats)
        yield _by("ownstack_deployer_dead_letters", "Jobs and answers not taken, by code.", "code", tally.dead_letters)

    return _shown(read)


def of_projections(projections: Projections) -> AbstractContextManager[None]:
    """Meanwhile, show what projections count."""
    history, logs = projections.history.counts, projections.logs.counts

    def read() -> Iterator[Metric]:
        yield _counted("ownstack_projections_facts", "Facts shown.", history.facts)
        yield _counted("ownstack_projections_doubled", "Facts that stood twice, and were skipped.", history.doubled)
        yield _by(
            "ownstack_projections_batches", "Batches written.", "of", {"facts": history.batches, "logs": logs.batches}
        )
        yield _by(
            "ownstack_projections_seconds", "Spent on batches.", "of", {"facts": history.seconds, "logs": logs.seconds}
        )
        yield _counted("ownstack_projections_log_lines", "Log lines stored.", logs.lines)
        yield _counted("ownstack_projections_dead_letters", "Records of logs not taken.", logs.dead_letters)

    return _shown(read)


def _counted(name: str, meaning: str, value: float) -> Metric:
    return CounterMetricFamily(name, meaning, value)


def _by(name: str, meaning: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(name, meaning, labels=[label])
    for key, value in sorted(values.items()):
        family.add_metric([key], value)
    return family
