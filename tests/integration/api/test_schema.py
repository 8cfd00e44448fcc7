"""Schemathesis over the OpenAPI document, against the running circle: no 5xx, and answers as the document says."""

from __future__ import annotations

import asyncio
import copy
import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from tests.integration.api.circle import TEAM, running

from ownstack_api.generate import TARGET

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[3] / TARGET).read_text())
STREAMS = ("/api/v1/events", "/api/v1/apps/{app}/logs/events")
"""They don't end; test_circle.py reads them."""

KNOWN: dict[str, str | int] = {
    "app": "shop",
    "stack": "eu-1",
    "production": "shop",
    "stage": "shop-staging",
    "rollout": "d-1",
    "promotion": "p-1",
    "deployment": "d-1.eu-1",
    "command": "d-1",
    "release": 1,
    "run": "x-1",
    "variable": "RAILS_ENV",
}
"""What there is, so that not all is 404."""


def described() -> dict[str, Any]:
    """The document, with examples of what there is."""
    document = copy.deepcopy(DOCUMENT)
    for methods in document["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path" and parameter["name"] in KNOWN:
                    parameter["example"] = KNOWN[parameter["name"]]
    return document


class Served(NamedTuple):
    """Where the circle is, and the header that lets in."""

    url: str
    headers: dict[str, str]
    session: requests.Session


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The circle, on a loop of its own: Schemathesis is not asynchronous."""
    found: Future[tuple[str, str]] = Future()
    loop, done = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with running(tmp_path_factory.mktemp("circle")) as circle:
            found.set_result((circle.url, circle.secrets[TEAM]))
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    url, secret = found.result(timeout=30)
    headers = {"Authorization": f"Bearer {secret}"}
    with requests.Session() as session, httpx.Client(base_url=url, headers=headers, timeout=30) as client:
        _settle(client)
        yield Served(url, headers, session)
    loop.call_soon_threadsafe(done.set)
    thread.join(timeout=30)
    loop.close()


def _settle(client: httpx.Client) -> None:
    commands: list[tuple[str, str, dict[str, Any]]] = [
        ("s-1", "/stacks", {"name": "eu-1", "driver": "noop"}),
        ("a-1", "/apps", {"name": "shop", "stacks": ["eu-1"]}),
        ("a-2", "/apps", {"name": "shop-staging", "stacks": ["eu-1"]}),
        ("l-1", "/pipelines", {"production": "shop"}),
        ("l-2", "/pipelines/shop/stages", {"staging": "shop-staging"}),
        ("d-1", "/apps/shop/deployments", {"image": f"shop@sha256:{'a' * 64}"}),
        ("x-1", "/apps/shop/runs", {"stack": "eu-1", "command": ["true"]}),
    ]
    for key, path, body in commands:
        headers = {"Idempotency-Key": key, "Prefer": "wait=30"}
        assert client.post(f"/api/v1{path}", json=body, headers=headers).status_code == 200
    config = {"values": {"RAILS_ENV": "production"}}
    assert client.patch("/api/v1/apps/shop/config", json=config, headers={"Prefer": "wait=30"}).status_code == 200


UNSAID = [positive_data_acceptance]
"""Not all that is refused can be said in a schema: a cursor that no list has given, two ways to go at once."""

COMMANDS = "/api/v1/commands"

every_route = schemathesis.openapi.from_dict(described()).exclude(path=[*STREAMS, COMMANDS])
every_command = schemathesis.openapi.from_dict(described()).include(path=COMMANDS)
every_command.config.phases.update(phases=["examples", "fuzzing"])  # over 20 kinds: covering each takes too long
for schema in (every_route, every_command):
    refused = schema.config.checks.negative_data_rejection
    refused.expected_statuses = [*refused.expected_statuses, "413"]  # too large is seen before too many

bounded = settings(
    max_examples=5,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@every_route.parametrize()
@bounded
def test_each_route_answers_as_the_document_says(case: schemathesis.Case, served: Served) -> None:
    case.call_and_validate(served.url, served.session, served.headers, excluded_checks=UNSAID, timeout=30)


@every_command.parametrize()
@settings(bounded, max_examples=60)
def test_each_command_is_answered_as_the_document_says(case: schemathesis.Case, served: Served) -> None:
    case.call_and_validate(served.url, served.session, served.headers, excluded_checks=UNSAID, timeout=30)
