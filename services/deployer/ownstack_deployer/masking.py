"""Masking: what is told of a job shows no value of its config, but the name of the variable in brackets.

Not with one regular expression of all values, as `re` would keep it in a cache for as long as the process lives, and
takes seconds to compile long ones.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote, quote_plus, unquote

from ownstack_deployer.printing import printable

LEAST, LEAST_LINE = 4, 8
"""Characters that a value must have to be masked, and a line of one of several lines: shorter ones are everywhere."""

_LINE_ENDS = re.compile(r"[\r\n]+")
_SPECIAL = re.compile(r'([\\"$`])')
"""What a shell wants to have escaped within double quotes."""

_LOWER_HEX = re.compile(r"%[0-9A-F]{2}")
_UNICODED = {ord(sign): f"\\u{ord(sign):04x}" for sign in "&<>='"}
"""What encoders of JSON write so that it can stand in HTML."""
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/@:\s]*:([^/@\s]{8,})@", re.IGNORECASE)

Span = tuple[int, int, str]
"""Where a value is: from, to, and whose."""


class Mask:
    """Hides the values of `config`: as they are, in base64, quoted for a shell, JSON, HTML or a URL; and a password of
    a URL on its own. Values of several lines line by line."""

    __slots__ = ("_forms", "longest")

    def __init__(self, config: Mapping[str, str]) -> None:
        self._forms = tuple({form: name for name, value in config.items() for form in _forms_of(value)}.items())
        self.longest = max((len(form) for form, _ in self._forms), default=0)
        """Characters of the longest text that is looked for."""

    def __call__(self, text: str) -> str:
        """The text with its values masked."""
        return self.cut(text, None)

    def lines(self, lines: Sequence[str]) -> Sequence[str]:
        """These lines, masked: all at once, which is quicker."""
        if not self._forms:
            return lines
        return self("\n".join(lines)).split("\n") if lines else lines

    def cut(self, text: str, most: int | None, *, whole: bool = True) -> str:
        """At most so many characters of the masked text. whole: if not, the text was cut off where it ends, maybe in
        the midst of a value: what could be the beginning of one is left out."""
        end = len(text) if whole else max(len(text) - self.longest, 0)
        shown: list[str] = []
        at, last = 0, ""
        for start, stop, name in self._found(text):
            if start >= end:
                break
            if stop <= at:
                continue
            if start > at:
                shown.append(text[at:start])
            if start > at or name != last:
                shown.append(f"[{name}]")
            at, last = stop, name
        return "".join([*shown, text[at:end]])[:most]

    def _found(self, text: str) -> list[Span]:
        """All values in the text, also where they overlap, the longest first where several begin."""
        found: list[Span] = []
        for form, name in self._forms:
            at = text.find(form)
            while at >= 0:
                found.append((at, at + len(form), name))
                at = text.find(form, at + 1)
        return sorted(found, key=lambda span: (span[0], -span[1]))


def _forms_of(value: str) -> Iterator[str]:
    """The texts in which a value may be told; one of them twice, if they are the same."""
    if len(value) < LEAST:
        return
    pieces = [piece.strip() for piece in _LINE_ENDS.split(value)]
    least = LEAST if len(pieces) == 1 else LEAST_LINE
    for piece in (piece for piece in pieces if len(piece) >= least):
        yield from map(printable, _quoted(piece))
    yield from _encoded(value)


def _quoted(piece: str) -> Iterator[str]:
    yield piece
    yield piece.replace("'", "'\\''")
    yield piece.replace("'", "'\"'\"'")
    yield _SPECIAL.sub(r"\\\1", piece)


def _encoded(value: str) -> Iterator[str]:
    """Of these each is one line, whatever the value is."""
    for encode in (base64.standard_b64encode, base64.urlsafe_b64encode):
        yield encode(value.encode()).decode().rstrip("=")
    for quoted in (quote(value, safe=""), quote(value), quote_plus(value)):
        yield quoted
        yield _LOWER_HEX.sub(lambda found: found[0].lower(), quoted)
    for written in (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
        yield from map(printable, (written, written.replace("/", "\\/"), written.translate(_UNICODED)))
        yield printable(json.dumps(written)[1:-1])
    yield printable(html.escape(value))
    yield printable(repr(value)[1:-1])
    if secret := _password_of(value):
        yield secret
        yield unquote(secret)


def _password_of(value: str) -> str:
    """That of a URL, if it is one that has one: clients name user and password apart."""
    found = _URL.match(value)
    return found[1] if found is not None else ""


NO_MASK = Mask({})
"""Of a job without config."""
