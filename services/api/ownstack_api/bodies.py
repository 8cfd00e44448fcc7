"""Reads JSON bodies strictly: the right media type, and nothing of which two readers could think differently."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from fastapi import Request, Response
from fastapi.routing import APIRoute

from ownstack_api.problems import Problem

MEDIA_TYPE = "application/json"


class StrictRequest(Request):
    """A request whose body is JSON as RFC 8259 and RFC 7493 have it: UTF-8, no key twice, no NaN."""

    _parsed: Any = None

    async def check(self) -> None:
        """Read the body, if there is one. Raises Problem: 415 for another media type, 400 if it is not JSON."""
        if body := await self.body():
            _check_media_type(self.headers.getlist("content-type"))
            self._parsed = _parse(body)

    async def json(self) -> Any:
        """The body, once it was checked."""
        return self._parsed


class StrictRoute(APIRoute):
    """A route that reads its body, if it has one, as a StrictRequest."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, which gets a StrictRequest."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def strict(request: Request) -> Response:
            request = StrictRequest(request.scope, request.receive)
            await request.check()
            return await handle(request)

        return strict


def _check_media_type(given: list[str]) -> None:
    if len(given) != 1 or given[0].partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise Problem(415, "not-json-type", f"The body must be sent as `Content-Type: {MEDIA_TYPE}`.")


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_refuse)
    except RecursionError:
        raise _not_json("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise _not_json("it is not UTF-8") from None
    except ValueError as error:  # says where, and repeats nothing
        raise _not_json(str(error)[:200]) from None


def _not_json(why: str) -> Problem:
    return Problem(400, "not-json", f"The body is not JSON (UTF-8, RFC 8259) that can be read: {why}.")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has the same key twice")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")
