"""The OpenAPI document: checked in, fresh, and whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from tests.unit.api.house import House

from ownstack_api import generate
from ownstack_api.app import ROUTES

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(generate.rendered())
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


async def test_the_app_serves_what_is_checked_in(house: House, document: dict[str, Any]) -> None:
    served = (await house.anonymous.get("/openapi.json")).json()
    assert served == document == json.loads((ROOT / generate.TARGET).read_text())


def test_a_stale_document_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert generate.main(["--check"]) == 1
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    (tmp_path / generate.TARGET).write_text("{}")
    assert generate.main(["--check"]) == 1


def test_every_operation_says_what_it_does_and_which_problems_it_may_answer_with(document: dict[str, Any]) -> None:
    ids = set()
    for path, method, operation in operations(document):
        assert operation["description"].endswith((".", "`Last-Event-ID`")), (path, method)
        ids.add(operation["operationId"])
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"], (path, method, status)
        if path.startswith("/api/v1"):
            assert operation["security"] == [{"token": []}]
            assert "401" in operation["responses"]
    assert len(ids) == len(list(operations(document)))


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def references(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= schemas


def test_no_dependency_takes_a_thread() -> None:
    def calls(dependant: Dependant) -> Iterator[Callable[..., Any]]:
        for dependency in dependant.dependencies:
            assert dependency.call is not None
            yield dependency.call
            yield from calls(dependency)

    found = {call for route in ROUTES if isinstance(route, APIRoute) for call in calls(route.dependant)}
    assert len(found) > 5
    assert all(iscoroutinefunction(call) for call in found)
