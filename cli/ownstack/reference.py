"""Writes docs/reference/cli.md and settings.md from the code (`python -m ownstack.reference`), or checks them."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from ownstack.commands import assemble, serving
from ownstack.exits import Exit
from ownstack.main import main as run

TARGET = Path("docs/reference/cli.md")
SETTINGS = Path("docs/reference/settings.md")
EVERYWHERE = ("--json", "--profile", "--help")

_HEAD = """# The command line

Written by `python -m ownstack.reference`; do not edit.

Every command has `--json` (one JSON document on standard output; with `--follow` one per line; errors as JSON on
standard error), `--profile NAME` and `--help`. Commands that change something wait until it is done, unless
`--no-wait`; sent again with the same `--id`, they happen once. `OWNSTACK_URL` and `OWNSTACK_TOKEN`, or
`OWNSTACK_PROFILE`, choose the server; else the default profile of `$XDG_CONFIG_HOME/ownstack/profiles.toml` does.
`NO_COLOR` is heeded. `ownstack --version` says which version this is.

## Exit codes

| code | meaning |
|---|---|
"""
_MEANINGS = {
    Exit.OK: "all that was asked for came about, on every stack",
    Exit.FAILED: "it was tried, and did not come about everywhere",
    Exit.USAGE: "the command line makes no sense, or the server can't read what it says",
    Exit.REJECTED: "the server said no (unknown, not allowed now); nothing has changed",
    Exit.UNAVAILABLE: "the server could not be asked: no connection, no valid token, or it is at fault itself",
    Exit.NOT_RUN: "of `ownstack run` alone, which else ends as what it runs: that did not run, or its end is not known",
    Exit.INTERRUPTED: "Ctrl-C; what was sent goes on, and how to see it was said",
}


_SETTINGS_HEAD = """# The settings of the services

Written by `python -m ownstack.reference`; do not edit.

Each service of `ownstack serve` reads its environment: its own settings, and those that it shares with others. What is
wrong in them ends it at once with exit code 2, and says which variable it is. `ownstack serve SERVICE --help` lists the
same. `OWNSTACK_DATABASE`, `OWNSTACK_KAFKA_SASL_PASSWORD` and `OWNSTACK_SECRET_KEY` may hold secrets; each has a sibling
`…_FILE` for a file that holds the password, or the key, instead. No value of a setting is ever written to a log.
"""


def main(arguments: list[str]) -> int:
    """Write the files below the present folder; with `--check` only compare. Returns 1 if one is stale, else 0."""
    texts = {TARGET: rendered(), SETTINGS: settings_rendered()}
    if "--check" not in arguments:
        for target, text in texts.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        return 0
    stale = [
        target for target, text in texts.items() if not target.is_file() or target.read_text(encoding="utf-8") != text
    ]
    for target in stale:
        sys.stderr.write(f"{target} is stale; run: make generate\n")
    return 1 if stale else 0


def settings_rendered() -> str:
    """The reference of the settings as it is checked in: each class once, under those who read it."""
    readers: dict[Any, list[str]] = {}
    for service in serving.SERVICES:
        for kind in serving.settings_of(service):
            readers.setdefault(kind, []).append(service)
    sections: dict[str, str] = {}
    for kind, services in sorted(readers.items(), key=lambda found: len(found[1])):
        title = "every service" if len(services) == len(serving.SERVICES) else " and ".join(services)
        sections[title] = sections.get(title, f"\n## {title}\n") + _settings_table(kind)
    return _SETTINGS_HEAD + "".join(sections.values())


def _settings_table(kind: Any) -> str:
    rows = [f"| `{variable}` | {meaning} |" for variable, meaning in serving.described(kind)]
    return "\n".join(["", f"{inspect.cleandoc(kind.__doc__ or '')}\n", "| variable | |", "|---|---|", *rows, ""])


def rendered() -> str:
    """The reference as it is checked in."""
    codes = "".join(f"| {int(code)} | {meaning} |\n" for code, meaning in _MEANINGS.items())
    commands = _commands("ownstack", get_command(assemble(run)))
    return _HEAD + codes + "".join(_section(path, found) for path, found in commands)


def _commands(path: str, found: Any) -> Iterator[tuple[str, Any]]:
    """The commands below a group, with the words that call them. Typer has its own Click, whose types it hides."""
    for name, below in getattr(found, "commands", {}).items():
        if hasattr(below, "commands"):
            yield from _commands(f"{path} {name}", below)
        else:
            yield f"{path} {name}", below


def _section(path: str, found: Any) -> str:
    arguments = [p for p in found.params if p.param_type_name == "argument"]
    options = [p for p in found.params if p.param_type_name == "option" and p.opts[0] not in EVERYWHERE]
    called = " ".join([path, *(str(p.metavar) for p in arguments)])
    help_text = inspect.cleandoc(found.help or "")
    lines = [f"\n## {path}\n", f"    {called}\n", f"{help_text}\n"]
    if options:
        lines += ["| option | |", "|---|---|", *(_row(option) for option in options), ""]
    return "\n".join(lines)


def _row(option: Any) -> str:
    value = "" if option.is_flag else f" {option.metavar or option.name.upper()}"
    default = "" if option.default in (None, False, "", ()) or option.required else f" (default {option.default})"
    names = ", ".join([*option.opts, *option.secondary_opts])
    return f"| `{names}{value}` | {option.help}{' (required)' if option.required else ''}{default} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
