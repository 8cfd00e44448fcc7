"""What the server answers: JSON, or problem details (RFC 9457), which end the command."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson

from ownstack.exits import Exit, Failure

if TYPE_CHECKING:
    import httpx

Json = dict[str, Any]

_PASSING = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
_NOT_LET_IN = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}


def document(response: httpx.Response) -> Json:
    """The JSON object of an answer. Raises Failure `not-ownstack` if it has none."""
    found = _object(response)
    if found is None:
        raise _not_ours(response)
    return found


def check(response: httpx.Response) -> None:
    """Raises the Failure that an answer stands for, if it is none of success. Reads a stream only then."""
    if response.is_success:
        return
    response.read()
    problem = _object(response) or {}
    if response.status_code in _PASSING:
        message = problem.get("detail") or f"The server can't at the moment ({response.status_code})."
        raise Failure("unavailable", str(message), hint="Try again.", exit_code=Exit.UNAVAILABLE)
    if "code" not in problem:
        raise _not_ours(response)
    raise _refused(response.status_code, problem)


def _object(response: httpx.Response) -> Json | None:
    try:
        found = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _refused(status: int, problem: Json) -> Failure:
    about: Json = {name: problem[name] for name in ("errors", "command") if name in problem}
    return Failure(
        str(problem["code"]),
        str(problem.get("detail", problem["code"])),
        hint=problem.get("hint"),
        exit_code=_exit_of(status, str(problem["code"])),
        about={"status": status, **about},
    )


def _exit_of(status: int, code: str) -> Exit:
    if code == "invalid-request":
        return Exit.USAGE
    return Exit.UNAVAILABLE if status in _NOT_LET_IN or status >= 500 else Exit.REJECTED


def _not_ours(response: httpx.Response) -> Failure:
    return Failure(
        "not-ownstack",
        f"{response.url.copy_with(query=None)} answered {response.status_code}, but not as OwnStack does.",
        hint="Is the URL right? `ownstack login URL` changes it.",
        exit_code=Exit.UNAVAILABLE,
    )
