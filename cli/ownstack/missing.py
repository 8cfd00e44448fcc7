"""What is said when something is not installed: the base installation is the CLI alone."""

from __future__ import annotations

from ownstack.exits import Failure

CODE = "not-installed"


def module_missing(error: ModuleNotFoundError, extras: str) -> Failure:
    """A command needs a module that comes with `extras`."""
    hint = f"Install it: uv tool install 'ownstack[{extras}]'"
    return Failure(CODE, f"This needs {error.name}, which is not installed here.", hint=hint)


def service_missing(error: ModuleNotFoundError, service: str) -> Failure:
    """A service can't run, or tell its settings, without a module."""
    hint = f"Install it: uv tool install 'ownstack[{service},kafka,postgres]'"
    return Failure(CODE, f"The {service} is not installed here ({error.name} is missing).", hint=hint)
