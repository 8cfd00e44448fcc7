"""One command of one client: who asks, in which folder, and where the answers go."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from .deploying import Deployment
from .state import Host
from .talking import Talk


class Exit(Exception):
    """The command ends, with this exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Session:
    """What each command is given."""

    host: Host
    talk: Talk
    chance: random.Random

    def fail(self, text: str, code: int = 1) -> Exit:
        """Say why, and be what is to be raised."""
        self.talk.err(f" !     {text}\n")
        return Exit(code)

    def known(self, name: str) -> str:
        """The name of an app that there is. Raises Exit, NoSuchApp."""
        if not name:
            raise self.fail("Please specify an app to run the command on", 20)
        with self.host.app(name):
            return name

    def deployment(self, app: str) -> Deployment:
        """One that has not begun."""
        return Deployment(self.host, self.talk, app, self.chance)

    def deployed(self, app: str) -> bool:
        """Whether containers run."""
        with self.host.app(app) as found:
            return bool(found["containers"])


def options(words: list[str], *valued: str) -> tuple[dict[str, str], list[str]]:
    """The options before and between the other words; those in `valued` take the next word."""
    found: dict[str, str] = {}
    rest: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if not re.match(r"--?[a-z]", word):
            rest.append(word)
            continue
        name, sign, value = word.partition("=")
        found[name] = value if sign else left.pop(0) if name in valued and left else ""
    return found, rest
