"""Turns what goes wrong below a route into problem details; nothing leaves as plain text, and no internals leave."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from ownstack_api.problems import Problem, invalid, respond
from ownstack_api.refusals import Refusals
from ownstack_bus.port import BusError
from ownstack_contracts.config import CONFIDENTIAL
from ownstack_readmodel import CursorInvalid
from ownstack_vault import SecretUnreadable, VaultUnusable

log = logging.getLogger(__name__)

Handler = Callable[[Request, Exception], Awaitable[Response]]


DATABASE_AWAY = (DBAPIError, PoolExhausted)
"""What is raised when the database refuses, or no connection to it is to be had."""


def install(app: FastAPI, database: Refusals) -> None:
    """Put the handlers of all errors into `app`. database: where its refusals are noted."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(BusError, _bus(Refusals("the bus")))
    app.add_exception_handler(CursorInvalid, _cursor)
    for away in DATABASE_AWAY:
        app.add_exception_handler(away, _database(database))
    vault = Refusals("the vault")
    app.add_exception_handler(VaultUnusable, _vault(vault))
    app.add_exception_handler(SecretUnreadable, _vault(vault))
    app.add_exception_handler(Exception, _internal)


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return respond(error)


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = error.errors()
    return respond(_not_encrypted(errors) or invalid(errors))


def _not_encrypted(errors: Sequence[Mapping[str, Any]]) -> Problem | None:
    """What is said of a command whose config values are wrong: they are plain, most likely."""
    for error in errors:
        kind, *where = error["loc"][1:4] or ("",)
        if kind in CONFIDENTIAL and where == ["data", "values"]:
            detail = f"{kind}: its values are not encrypted for the app. Nothing was published."
            hint = "PATCH /api/v1/apps/{app}/config encrypts values, as ownstack config:set does."
            return Problem(422, "config-not-encrypted", detail, hint=hint)
    return None


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return respond(Problem(404, "path-unknown", "There is nothing at this path.", hint="See /openapi.json."))
    if error.status_code == 405:
        return respond(_not_allowed(request))
    return respond(Problem(error.status_code, "http-error", HTTPStatus(error.status_code).phrase))


def _bus(refusals: Refusals) -> Handler:
    async def handle(_request: Request, error: Exception) -> Response:
        assert isinstance(error, BusError)
        refusals.note(error.code, error)
        return respond(_unavailable("bus-unavailable", "The bus takes nothing at the moment."))

    return handle


def _database(refusals: Refusals) -> Handler:
    async def handle(_request: Request, error: Exception) -> Response:
        return respond(database_away(refusals, error))

    return handle


def database_away(refusals: Refusals, error: Exception) -> Problem:
    """The database refused with `error`, one of DATABASE_AWAY: note it; the problem says that it passes."""
    cause = getattr(error, "orig", error)
    refusals.note(getattr(cause, "sqlite_errorname", type(cause).__name__), error)
    return _unavailable("database-unavailable", "The database does not answer at the moment.")


def _vault(refusals: Refusals) -> Handler:
    async def handle(_request: Request, error: Exception) -> Response:
        assert isinstance(error, VaultUnusable | SecretUnreadable)
        return respond(_unsealed(refusals, error))

    return handle


def _unsealed(refusals: Refusals, error: VaultUnusable | SecretUnreadable) -> Problem:
    """A value could not be sealed or opened: 503 where whoever runs this has to do something; else it is of one app."""
    if isinstance(error, SecretUnreadable) and not error.passing and error.code != "secret-key-wrong":
        return Problem(409, error.code, error.message, hint=error.hint)
    refusals.note(error.code, error)
    return Problem(503, error.code, error.message, hint=error.hint, headers={"Retry-After": "10"})


def _unavailable(code: str, detail: str) -> Problem:
    hint = "Try again; a command with the same Idempotency-Key, so that it counts once."
    return Problem(503, code, detail, hint=hint, headers={"Retry-After": "1"})


async def _cursor(_request: Request, error: Exception) -> Response:
    assert isinstance(error, CursorInvalid)
    return respond(Problem(422, error.code, str(error)))


async def _internal(request: Request, error: Exception) -> Response:
    """Logged here, whatever the server logs; the caller learns only that it was ours."""
    where = getattr(request.scope.get("route"), "path", "(no route)")
    log.error("%s %s failed: %s", request.method, where, type(error).__name__, exc_info=error)
    return respond(
        Problem(500, "internal-error", "Something is wrong on our side; it has been logged.", hint="Try again.")
    )


def _not_allowed(request: Request) -> Problem:
    """One path has a route per method, so what is allowed is gathered over all of them."""
    allowed = ", ".join(sorted(_methods(request)))
    return Problem(405, "method-not-allowed", f"This path can: {allowed}.", headers={"Allow": allowed})


def _methods(request: Request) -> set[str]:
    found: set[str] = set()
    for route in request.app.routes:
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            found |= set(getattr(route, "methods", None) or ())
    return found
