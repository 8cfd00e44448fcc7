"""Tokens that registries hand out, kept as long as they hold."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import orjson

from ownstack_deployer.registry.credentials import Credentials

MOST = 500
LEAST_LIFE = 60.0
"""Seconds that a token holds if nothing is said of it, as the specification has it."""
MARGIN = 10.0
_SHOWN = re.compile(r"[\x21-\x7e]{1,65536}", re.ASCII)

Key = tuple[str, tuple[str, ...], Credentials | None]
"""The address of the registry, the scopes, and who we are."""


class Tokens:
    """What a deployer has been handed. Nothing of it outlives the process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[Key, tuple[str, float]] = OrderedDict()

    def find(self, key: Key) -> str | None:
        """One that still holds."""
        token, until = self._kept.get(key, ("", 0.0))
        return token if token and self._clock() < until else None

    def keep(self, key: Key, token: str, life: float) -> None:
        """life: seconds that it holds."""
        self._kept[key] = (token, self._clock() + life - MARGIN)
        self._kept.move_to_end(key)
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)


def read(content: bytes) -> tuple[str, float] | None:
    """The token of an answer, and how many seconds it holds; None: there is none in it."""
    try:
        answer: Any = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(answer, dict):
        return None
    token, life = answer.get("token") or answer.get("access_token"), answer.get("expires_in")
    if not isinstance(token, str) or not _SHOWN.fullmatch(token):
        return None
    return token, float(life) if isinstance(life, int) and 0 < life < 10**6 else LEAST_LIFE
