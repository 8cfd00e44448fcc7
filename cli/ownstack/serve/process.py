"""A process of one service: its log, its settings, and the errors in them said so that they can be mended."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from ownstack import uplog
from ownstack.exits import Exit, Failure
from ownstack.missing import service_missing
from ownstack.openfiles import raise_file_limit
from ownstack.serve.settings import ProcessSettings

log = logging.getLogger(__name__)


async def live(service: str) -> Exit:
    """Run a service until a signal ends it. Returns how it ended; why it failed is in its log, as all it says is."""
    try:
        return Exit.OK if await _run(service) else Exit.FAILED
    except Failure as failure:
        if not logging.getLogger().handlers:  # it failed before it knew how to write its log
            uplog.set_up(json=os.environ.get("OWNSTACK_LOG_FORMAT", "").lower() != "text")
        log.error("%s", failure.message, extra={"code": failure.code, "hint": failure.hint})
        return failure.exit_code


async def _run(service: str) -> bool:
    try:
        with checked():
            settings = ProcessSettings()  # type: ignore[call-arg] # the environment gives the rest
            uplog.set_up(json=settings.log_format == "json", level=uplog.LEVELS[settings.log_level])
            raise_file_limit()
            module: Any = import_module(f"ownstack.serve.{service}")
            ended: bool = await module.run(settings)
    except ModuleNotFoundError as error:
        raise service_missing(error, service) from None
    return ended


@contextmanager
def checked() -> Iterator[None]:
    """What is wrong in the environment is raised as Failure `settings-invalid`."""
    try:
        yield
    except ValidationError as error:
        raise wrong_settings(error) from None


def wrong_settings(error: ValidationError) -> Failure:
    """Which variables are wrong, and how; never what is in them: it may be a secret."""
    prefix = next((kind.model_config.get("env_prefix", "") for kind in _kinds(BaseSettings) if _is_of(error, kind)), "")
    wrong = "; ".join(
        f"{prefix}{'_'.join(str(part) for part in found['loc'])}".upper() + f": {found['msg']}"
        for found in error.errors(include_input=False, include_url=False)
    )
    hint = "`ownstack serve SERVICE --help` lists all settings."
    return Failure("settings-invalid", f"{wrong}.", hint=hint, exit_code=Exit.USAGE)


def _is_of(error: ValidationError, kind: type[BaseSettings]) -> bool:
    """Whether these settings are wrong. Those of several services have one name, and may all be loaded."""
    wrong = {str(found["loc"][0]) for found in error.errors(include_input=False, include_url=False) if found["loc"]}
    return kind.__name__ == error.title and wrong <= set(kind.model_fields)


def _kinds(kind: type[BaseSettings]) -> list[type[BaseSettings]]:
    return [found for below in kind.__subclasses__() for found in (below, *_kinds(below))]
