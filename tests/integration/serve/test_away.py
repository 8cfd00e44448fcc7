"""What a service says of itself while what it depends on is away: it lives, and is not ready; and then it is again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.integration.serve.processes import Installation, Process, installation
from tests.real.brokers import Cluster, cluster
from tests.real.kafka import need_brokers
from tests.real.postgres import away

LINES = 200
"""More than a log has to say of a bus that was away for a while; a client of Kafka would say so many in a second."""


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[Cluster]:
    """A Kafka of one broker, which runs, and can be stopped."""
    need_brokers()
    made = cluster(tmp_path / "kafka")
    made.start()
    try:
        yield made
    finally:
        made.stop()


def asked(process: Process, page: str) -> httpx.Response:
    """What it answers. /readyz may take its time: it asks others."""
    return httpx.get(f"{process.url()}{page}", trust_env=False, timeout=30)


def not_ready(process: Process) -> str:
    """Wait until /readyz says that it is not; returns what is in the way."""

    def obstacle() -> str | None:
        answer = asked(process, "/readyz")
        return answer.json()["detail"] if answer.status_code == 503 else None

    return process.until(obstacle)


@pytest.mark.timeout(400)
def test_without_its_bus_a_service_lives_and_is_not_ready_until_the_bus_is_back(
    brokers: Cluster, tmp_path: Path, rows: dict[str, str]
) -> None:
    env = {"OWNSTACK_BUS": f"kafka://{brokers.servers}", **rows}
    with installation(tmp_path, env) as house:
        house.right("bus", "setup", "--partitions", "3")
        services = [house.start(service) for service in ("promoter", "deployer", "projections", "api")]
        for process in services:
            process.ready()
        brokers.stop()
        for process in services:
            assert re.search("not answer|takes nothing", not_ready(process))
            assert asked(process, "/healthz").status_code == 200
            assert asked(process, "/metrics").status_code == 200
        assert "ownstack_api_lag_known 0.0" in services[-1].figures()
        brokers.start()
        for process in services:
            process.ready()
            assert process.terminate() == 0
            assert len(process.lines) < LINES


def test_without_their_database_the_projections_and_the_api_are_not_ready_until_it_is_back(house: Installation) -> None:
    services = [house.start(service) for service in ("projections", "api")]
    for process in services:
        process.ready()
    with away(house.env["OWNSTACK_DATABASE"]):
        for process in services:
            assert "database does not answer" in not_ready(process)
            assert asked(process, "/healthz").status_code == 200
            assert asked(process, "/metrics").status_code == 200
    for process in services:
        process.ready()
        assert process.terminate() == 0
