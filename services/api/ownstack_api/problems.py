"""Errors as callers see them: problem details (RFC 9457), each with a stable code, a sentence, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import pairwise
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from ownstack_api.sentences import sentence
from ownstack_contracts.names import CONFIG_KEY_PATTERN

MEDIA_TYPE = "application/problem+json"
URN = "urn:ownstack:problem:"

_CONFIG_KEY = re.compile(CONFIG_KEY_PATTERN)
_NO_STEP = re.compile(r"constrained-str$|literal\[|\[key\]$")
"""How pydantic tells apart the kinds that a field may be of, and a key from its value: nothing that was sent so."""


class FieldError(BaseModel):
    """One thing that is wrong with a request: where (`stacks.0` in the body, `query.limit`) and what."""

    field: str
    message: str


class ProblemDetails(BaseModel):
    """A problem as it is sent; `type` is `urn:ownstack:problem:` and the code."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(pattern=rf"^{URN}[a-z0-9-]+$")
    title: str
    status: int
    detail: str
    code: str
    hint: str | None = None
    errors: list[FieldError] | None = None


class Problem(Exception):
    """Raised anywhere below a route; the caller gets it as problem details."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        hint: str | None = None,
        errors: Sequence[FieldError] | None = None,
        headers: Mapping[str, str] | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.hint = hint
        self.errors = errors
        self.headers = dict(headers or {})
        self.extensions = dict(extensions or {})


def respond(problem: Problem) -> Response:
    """The response that says this problem."""
    members: dict[str, Any] = {
        "type": URN + problem.code,
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "hint": problem.hint,
        "errors": None if problem.errors is None else [error.model_dump() for error in problem.errors],
        **problem.extensions,
    }
    body = orjson.dumps({name: value for name, value in members.items() if value is not None})
    return Response(body, problem.status, problem.headers, MEDIA_TYPE)


def invalid(errors: Sequence[Mapping[str, Any]], where: tuple[str, ...] = ()) -> Problem:
    """A request that was read but does not hold, from pydantic's errors, whose places are put below `where`.

    Of a field that could be one of several kinds, and is none, the first kind speaks.
    """
    said: dict[str, str] = {}
    for error in errors[:20]:
        said.setdefault(_place((*where, *error["loc"])), sentence(error))
    found = [FieldError(field=field, message=message) for field, message in said.items()]
    return Problem(422, "invalid-request", f"{found[0].field}: {found[0].message}.", errors=found)


def unknown(kind: str, name: str, hint: str | None = None) -> Problem:
    """There is no such thing, or it is another team's, which is the same to this caller."""
    return Problem(404, f"{kind}-unknown", f"There is no {kind} {name!r}.", hint=hint)


def _place(parts: Sequence[object]) -> str:
    """Within the body a place is named by itself."""
    steps = list(_steps(parts))
    return ".".join(steps[1:] if steps[0] == "body" and len(steps) > 1 else steps)


def _steps(parts: Sequence[object]) -> Iterator[str]:
    """Steps of a place may be what the caller sent as a key: cut to a length that can be read. A key among config
    values that can be no name is not repeated: it may be a value that got there by mistake."""
    for above, step in pairwise(("", *parts)):
        if _NO_STEP.match(str(step)) is not None:
            continue
        text = str(step)[:80].encode("utf-8", "replace").decode()
        yield "(a name)" if above == "values" and _CONFIG_KEY.fullmatch(text) is None else text
