"""Reads `Prefer: wait=…` (RFC 7240): how long a caller would like to wait for the outcome of a command."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Header, Request

MAX_WAIT = 60
"""Seconds. Who asks for more waits this long."""

_WAIT = re.compile(r'wait\s*=\s*"?([0-9]{1,9})"?\s*', re.ASCII | re.IGNORECASE)


def wait_of(values: list[str]) -> int:
    """The seconds to wait by these `Prefer` headers, 0 if they do not say; what can't be read is no preference."""
    for preference in ",".join(values).split(","):
        if found := _WAIT.fullmatch(preference.partition(";")[0].strip()):
            return min(int(found[1]), MAX_WAIT)
    return 0


async def _wait(
    request: Request,
    _prefer: Annotated[
        str | None,
        Header(alias="Prefer", description=f"`wait=N`: answer with the outcome, after N s (≤ {MAX_WAIT}) at most."),
    ] = None,
) -> int:
    return wait_of(request.headers.getlist("prefer"))


Wait = Annotated[int, Depends(_wait)]
