"""Values of variables as somebody gives them: words, standard input, dotenv files. No message ever has one in it."""

from __future__ import annotations

import io
import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import typer

from ownstack.exits import Exit, Failure
from ownstack.sending import must

_HOW = "ownstack config:set APP KEY=VALUE …, or KEY alone with --stdin"
_BREAK = re.compile(r"\r\n|\n|\r")
_LAST_BREAK = re.compile(r"\r?\n\Z")
_OPEN = re.compile(r"""[^=]*=[ \t]*(?:"(?:[^"\\]|\\.)*|'(?:[^'\\]|\\.)*)""", re.DOTALL)
"""What ends within a quote, after a `=`."""
STDIN = "-"
_MOST = 1024 * 1024
"""Bytes, or characters, of a file or of standard input. What an app is configured with is far less."""

Content = TypeVar("Content", str, bytes)


class Dotenv(NamedTuple):
    """What a file gives. twice: names that it gives more than once; their last value is taken."""

    values: dict[str, str]
    twice: list[str]


def _is_name(text: str) -> bool:
    """Whether a variable can be called so."""
    from ownstack_contracts.names import CONFIG_KEY_PATTERN  # noqa: PLC0415 - most of what is typed does without

    return re.fullmatch(CONFIG_KEY_PATTERN, text) is not None


def of_words(app: str, words: Sequence[str], *, stdin: bool) -> dict[str, str]:
    """The variables that words give: `KEY=VALUE`, and with `stdin` one `KEY` whose value is read. Raises Failure."""
    _must_not_be_too_many(len(words))
    values: dict[str, str] = {}
    for place, word in enumerate(words, 1):
        name, equals, value = word.partition("=")
        must(equals or stdin, f"Word {place} after the app is no KEY=VALUE.", _HOW)
        must(_is_name(name), f"What stands before the `=` in word {place} is no name of a variable.", _RULE)
        must(name not in values, f"{name} is given twice.", "Give it once.")
        values[name] = value
    if stdin:
        alone = [word for word in words if "=" not in word]
        must(len(alone) == 1, f"Standard input is the value of one KEY; {len(alone)} are given.", _HOW)
        values[alone[0]] = _given(app, alone[0])
    return {name: _sound(name, value) for name, value in values.items()}


_RULE = "Names are of letters (A to Z, a to z), digits and underscores, not beginning with a digit, at most 255."


def names(words: Sequence[str]) -> list[str]:
    """Names of variables, each once, in order. Raises Failure; a value that was given by mistake is not repeated."""
    for place, word in enumerate(words, 1):
        must(_is_name(word), f"Word {place} after the app is no name of a variable.", _RULE)
    return list(dict.fromkeys(words))


def _given(app: str, name: str) -> str:
    """A value that is read. Nothing at all is more likely a pipe that failed than a value."""
    value = typed_or_piped(name)
    must(value, f"Standard input is empty: there is no value for {name}.", f"ownstack config:set {app} {name}=")
    return value


def _must_not_be_too_many(count: int) -> None:
    from ownstack_contracts.config import MOST_VARIABLES  # noqa: PLC0415 - most of what is typed does without

    hint = "Put what is large into a file that the app fetches, and its address into a variable."
    must(count <= MOST_VARIABLES, f"{count} variables are given; an app has at most {MOST_VARIABLES}.", hint)


def typed_or_piped(name: str) -> str:
    """A value from standard input, without a line break at its end; on a terminal it is not shown."""
    if sys.stdin.isatty():
        return str(typer.prompt(name, default="", show_default=False, hide_input=True, err=True))
    return _LAST_BREAK.sub("", _piped())


def of_file(file: str, *, literal: bool = False) -> Dotenv:
    """The variables in a dotenv file, or with `-` on standard input, as python-dotenv reads it. Raises Failure.

    `${VAR}` and `${VAR:-default}` stand for what the file says above, or else the environment; literal: for themselves.
    """
    from dotenv import dotenv_values  # noqa: PLC0415 - late: few push files

    said = "Standard input" if file == STDIN else file
    text = _piped() if file == STDIN else _read(file)
    count = _names_in(said, text)
    must(count, f"{said} has no variable in it.", "A line is KEY=VALUE.")
    _must_not_be_too_many(len(count))
    read = dotenv_values(stream=io.StringIO(text), interpolate=not literal)
    values = {name: _sound(name, value or "") for name, value in read.items()}
    return Dotenv(values, [name for name, times in count.items() if times > 1])


def _names_in(said: str, text: str) -> Counter[str]:
    """The names that it gives, and how often each. python-dotenv passes over what it can't read: it is said here."""
    from dotenv.parser import parse_stream  # noqa: PLC0415 - late: few push files

    count = Counter[str]()
    for found in parse_stream(io.StringIO(text)):
        if found.key is None and not found.error:
            continue
        line = found.original.line + _breaks_before(found.original.string)
        if _OPEN.fullmatch(found.original.string):
            raise _unread(said, line, "opens a quote that is not closed")
        if found.error or found.key is None or found.value is None:
            raise _unread(said, line, "can't be read: a line is KEY=VALUE, or begins with #")
        if not _is_name(found.key):
            raise _unread(said, line, "has a name before its `=` that no variable can have", _RULE)
        count[found.key] += 1
    return count


def _breaks_before(original: str) -> int:
    """How many lines of what the parser has taken are empty: it takes those before a line with it."""
    before = original[: len(original) - len(original.lstrip())]
    return len(_BREAK.findall(before))


def _unread(said: str, line: int, why: str, rule: str = "A value over several lines stands in quotes.") -> Failure:
    hint = f"Nothing was sent. {rule}"
    return Failure("dotenv-invalid", f"{said}: line {line} {why}.", hint=hint, exit_code=Exit.USAGE)


def _piped() -> str:
    try:
        text = sys.stdin.read(_MOST + 1)
    except UnicodeDecodeError:
        raise _no_file("Standard input", "is not written in UTF-8") from None
    return _bounded("Standard input", text)


def _read(file: str) -> str:
    try:
        with Path(file).open("rb") as opened:
            content = _bounded(file, opened.read(_MOST + 1))
    except OSError as error:
        raise _no_file(file, f"can't be read: {error.strerror}") from None
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _no_file(file, f"is not written in UTF-8: see line {line}") from None


def _bounded(said: str, content: Content) -> Content:
    if len(content) > _MOST:
        raise _no_file(said, "is larger than 1 MiB, which is all that is read")
    return content


def _no_file(file: str, why: str) -> Failure:
    hint = "Is it the right file? `-` is standard input."
    return Failure("dotenv-unreadable", f"{file} {why}.", hint=hint, exit_code=Exit.USAGE)


def secret_of(file: str) -> str:
    """A secret in a file, or with `-` on standard input, without a line break at its end. Raises Failure."""
    text = _piped() if file == STDIN else _read(file)
    secret = _sound("The secret", _LAST_BREAK.sub("", text))
    must(secret, f"{file} is empty.", "It has to hold the secret, and nothing else.")
    return secret


def _sound(name: str, value: str) -> str:
    """A value that an environment can hold. Raises Failure."""
    must("\0" not in value, f"{name}: the value has a zero byte in it.", "No environment can hold one.")
    must(value.isascii() or _is_utf8(value), f"{name}: the value is not written in UTF-8.", "As all that is sent is.")
    return value


def _is_utf8(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
