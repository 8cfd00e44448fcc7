"""Each service as a process of its own: comes up, says so, shows its figures, and ends in good order."""

from __future__ import annotations

import httpx
import pytest
from tests.integration.serve.processes import Installation

pytestmark = pytest.mark.timeout(300)
FIGURES = {
    "api": ["ownstack_readmodel_lag{", "ownstack_api_requests_total{", "ownstack_api_streams_open "],
    "promoter": [
        "# TYPE ownstack_promoter_inputs_total counter",
        "# TYPE ownstack_promoter_facts_total counter",
        "# TYPE ownstack_promoter_refusals_total counter",
        "ownstack_promoter_grants_total 0.0",
        "ownstack_promoter_leases_lapsed_total 0.0",
        'ownstack_bus_partitions{consumer="promoter"} 12.0',
    ],
    "deployer": ["ownstack_deployer_runs_in_flight 0.0", 'ownstack_bus_partitions{consumer="deployer"} 12.0'],
    "projections": ["ownstack_projections_facts_total 0.0", "ownstack_projections_batches_total"],
}


@pytest.mark.parametrize("service", FIGURES)
def test_a_service_comes_up_shows_its_figures_and_ends_with_zero(house: Installation, service: str) -> None:
    process = house.start(service)
    url = process.ready()
    assert httpx.get(f"{url}/healthz", trust_env=False).json() == {"status": "ok"}
    figures = process.figures()
    assert [wanted for wanted in FIGURES[service] if wanted not in figures] == []
    assert "python_info" in figures
    assert process.terminate() == 0
    assert process.said.count("\n") == len(process.lines) >= 2
    assert {"time", "level", "part", "message"} <= process.lines[0].keys()
