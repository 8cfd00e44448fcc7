"""Words as the databases hold them: compared byte by byte, of any length, with every character that a text may have.

PostgreSQL takes no NUL in a text; there it is written as an escape, so that what is read equals what was written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Dialect, String, Text, TypeDecorator
from sqlalchemy.types import TypeEngine

_ESCAPE = "\uffff"
"""A code point that stands for no character, so that next to no text has to be changed."""
_FOR_NUL, _FOR_ESCAPE = f"{_ESCAPE}0", f"{_ESCAPE}1"

Process = Callable[[Any], Any]


def escaped(text: Any) -> Any:
    """A value as PostgreSQL takes it; what is no text stays what it is."""
    if isinstance(text, str) and ("\0" in text or _ESCAPE in text):
        return text.replace(_ESCAPE, _FOR_ESCAPE).replace("\0", _FOR_NUL)
    return text


def unescaped(text: Any) -> Any:
    """The value that `escaped` was given."""
    if isinstance(text, str) and _ESCAPE in text:
        return text.replace(_FOR_NUL, "\0").replace(_FOR_ESCAPE, _ESCAPE)
    return text


class Words(TypeDecorator[str]):
    """Text. `length`: what is expected at most, for readers of the schema; PostgreSQL is not told, as it would refuse.

    Order and equality are those of the bytes on both databases, whatever the locale of a PostgreSQL.
    """

    impl = String
    cache_ok = True

    def __init__(self, length: int | None = None) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """As the database calls it."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(Text(collation="C"))
        return dialect.type_descriptor(String(self.length) if self.length else Text())

    def bind_processor(self, dialect: Dialect) -> Process | None:
        """What is done to a value on its way in; None: nothing."""
        return escaped if dialect.name == "postgresql" else None

    def result_processor(self, dialect: Dialect, coltype: object) -> Process | None:  # noqa: ARG002 - as it is called
        """What is done to a value on its way out; None: nothing."""
        return unescaped if dialect.name == "postgresql" else None
