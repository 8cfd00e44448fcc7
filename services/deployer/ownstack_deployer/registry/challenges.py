"""What a registry asks for: reads `WWW-Authenticate` (RFC 9110, 11.6.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - a word of the grammar
_PARAMETER = re.compile(rf'[\s,]*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))')
_SCHEME = re.compile(rf"[\s,]*({_TOKEN})(?=\s|,|$)(?!\s*=)")
_ESCAPED = re.compile(r"\\(.)")
MOST = 8_192
"""Characters of one header that are read."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to be let in. `scheme` and the names of parameters in lower case."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)


def challenges(headers: Sequence[str]) -> list[Challenge]:
    """All ways that these headers name, in order. What can't be read is left out."""
    return [challenge for header in headers for challenge in _read(header[:MOST])]


def _read(header: str) -> Iterator[Challenge]:
    at = 0
    while scheme := _SCHEME.match(header, at):
        at = scheme.end()
        challenge = Challenge(scheme[1].lower())
        while parameter := _PARAMETER.match(header, at):
            at = parameter.end()
            quoted, word = parameter[2], parameter[3]
            challenge.parameters[parameter[1].lower()] = word if quoted is None else _ESCAPED.sub(r"\1", quoted)
        yield challenge
