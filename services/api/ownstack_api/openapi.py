"""The OpenAPI document: what FastAPI knows of the routes, and the problems that each may answer with."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ownstack_api.auth import PREFIX
from ownstack_api.problems import MEDIA_TYPE, ProblemDetails

Document = dict[str, Any]

_SCHEMAS = "#/components/schemas/"
_REASONS = {
    400: "The body is not JSON.",
    401: "No token or signature, or none that is valid.",
    403: "It is not allowed: why, and what to do.",
    404: "There is no such thing in this team.",
    405: "This path has no such method.",
    408: "The body did not come in time.",
    409: "It was refused: why, and what to do.",
    413: "The body is too large.",
    415: "The body is not `application/json`.",
    422: "The request can be read, but does not hold; `errors` says where.",
    429: "Too many open streams.",
    500: "Our fault; it has been logged.",
    503: "It can't be done at the moment; nothing has happened.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These statuses as problem details, for the `responses` of a route."""
    return {status: _problem(status) for status in statuses}


def install(app: FastAPI) -> None:
    """Make `app` answer with our document at `/openapi.json`."""
    app.openapi = lambda: document(app)  # type: ignore[method-assign] # FastAPI's own way to extend it


def document(app: FastAPI) -> Document:
    """The OpenAPI document of `app`, made once."""
    if app.openapi_schema is None:
        app.openapi_schema = _build(app)
    return app.openapi_schema


def _build(app: FastAPI) -> Document:
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    details = ProblemDetails.model_json_schema(ref_template=_SCHEMAS + "{model}")
    schemas.update(details.pop("$defs", {}))
    schemas["ProblemDetails"] = details
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer", "description": "A team's token."}}
    for path, operation in _operations(found):
        _complete(path, operation)
    return found


def _operations(found: Document) -> Iterator[tuple[str, Document]]:
    for path, methods in found["paths"].items():
        for operation in methods.values():
            yield path, operation


def _complete(path: str, operation: Document) -> None:
    """Add what follows from an operation's shape: whom it lets in, what it reads, and that we may be at fault."""
    statuses = {500}
    if path.startswith(PREFIX):
        operation["security"] = [{"token": []}]
        statuses.add(401)
    if "requestBody" in operation:
        statuses |= {400, 408, 413, 415}
    responses = operation["responses"]
    if "422" in responses:
        statuses.add(422)
    responses.update({str(status): _problem(status) for status in sorted(statuses)})
    operation["responses"] = dict(sorted(responses.items()))


def _problem(status: int) -> Document:
    response: Document = {
        "description": f"{HTTPStatus(status).phrase}. {_REASONS[status]}",
        "content": {MEDIA_TYPE: {"schema": {"$ref": f"{_SCHEMAS}ProblemDetails"}}},
    }
    if status == 401:
        response["headers"] = {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}}
    return response
