"""The log of every process of ours: short lines for people, or JSON for machines, on stderr."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

import orjson

from ownstack.sparing import Sparing
from ownstack_contracts.tracing import said

_LOUD = ("aiokafka", "alembic", "sqlalchemy", "uvicorn", "httpx", "httpcore")
"""Loggers of others that say too much below a warning."""

REFUSAL = ("code", "hint")
"""What a line may say beside its message, given as `extra`."""

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class Short(logging.Formatter):
    """`19:17:31 promoter: what happened`"""

    def format(self, record: logging.LogRecord) -> str:
        """As logging has it."""
        at = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        refusal = _refusal(record)
        code = f" ({refusal['code']})" if "code" in refusal else ""
        text = f"{at} {_part(record)}: {level}{record.getMessage()}{code} {refusal.get('hint', '')}".rstrip()
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


class Json(logging.Formatter):
    """One object per line: what happened, and what was being worked on."""

    def format(self, record: logging.LogRecord) -> str:
        """As logging has it."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "part": _part(record),
            "message": _sound(record.getMessage()),
            **_refusal(record),
            **said(),
            **({"trace": _sound(self.formatException(record.exc_info))} if record.exc_info else {}),
        }
        return orjson.dumps(line).decode()


def _refusal(record: logging.LogRecord) -> dict[str, str]:
    return {name: value for name in REFUSAL if (value := getattr(record, name, None)) is not None}


def _sound(text: str) -> str:
    """Names of files may have bytes in them that are no text: a line that can't be written says nothing at all."""
    return text.encode("utf-8", "replace").decode()


def _part(record: logging.LogRecord) -> str:
    return record.name.partition(".")[0].removeprefix("ownstack_")


def set_up(*, json: bool, level: int = logging.INFO) -> None:
    """Send all that is logged to stderr, from `level` on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Json() if json else Short())
    handler.addFilter(Sparing(_LOUD))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _LOUD:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
