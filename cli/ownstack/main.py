"""The entry point of `ownstack`: finds the command, runs it, and turns how it ends into an exit code."""

from __future__ import annotations

import sys

try:
    import os
    from collections.abc import Sequence
    from typing import Any

    import typer

    from ownstack.commands import assemble
    from ownstack.commands.configs import meant
    from ownstack.exits import Exit, Failure, Silent
    from ownstack.naming import without_value
    from ownstack.output import Output
except KeyboardInterrupt:  # as `main` ends, which is not there yet
    sys.exit(130)

_CLICK_ERROR: type[Exception] = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
"""The base of all usage errors. Typer brings its own copy of Click in some versions, and none of them exports it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code (`ownstack.exits.Exit`)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(given)
    except Silent as silent:
        return silent.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return Exit.INTERRUPTED
    except BrokenPipeError:
        return _quietly()
    except Failure as failure:
        Output(json=_wants_json(given)).fail(failure)
        return failure.exit_code


def _run(given: list[str]) -> int:
    for word in given:
        if not word.isprintable() and any("\ud800" <= sign <= "\udfff" for sign in word):
            message = f"{without_value(word)!a} is not written in UTF-8, as all that is said to a server is."
            raise Failure("usage", message, hint="ownstack --help", exit_code=Exit.USAGE)
    try:
        code = assemble(main)(given, prog_name="ownstack", standalone_mode=False)
    except _CLICK_ERROR as error:
        raise _usage(error, given) from None
    return code if isinstance(code, int) else Exit.OK


def _wants_json(arguments: list[str]) -> bool:
    """Also when the arguments can't be parsed."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options


def _usage(error: Any, given: list[str]) -> Failure:
    """Somebody who names a group without a command gets its help, which is no error but no success either."""
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(error.format_message() + "\n")
        raise Silent(Exit.USAGE)
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "ownstack"
    message = error.format_message()
    for word in sorted(given, key=len, reverse=True):
        message = message.replace(word, without_value(word)) if "=" in word else message
    return Failure("usage", message, hint=meant(given) or f"{path} --help", exit_code=Exit.USAGE)


def _quietly() -> int:
    """Whoever read our output has seen enough (`| head`). Nothing more may be written, not even at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + 13


if __name__ == "__main__":
    sys.exit(main())
