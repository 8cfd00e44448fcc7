"""What `run` can do inside an image: a few commands that tests use, without any process."""

from __future__ import annotations

import re
from typing import Any

from .talking import Talk
from .words import split

NO_SUCH = (
    "Error response from daemon: failed to create shim task: OCI runtime create failed: runc create failed: unable to "
    'start container process: exec: "{name}": executable file not found in $PATH: unknown\n'
)
LINK = re.compile(r"\s*(&&|\|\||;|\n)\s*")


class Shell:
    """echo, cat, env, printenv, true, false, sleep, count, and sh or bash with `-c`: those, linked, and exit."""

    def __init__(self, talk: Talk, image: dict[str, Any], config: dict[str, str]) -> None:
        self.talk, self.files, self.config = talk, image.get("files", {}), config

    def command(self, words: list[str]) -> int:
        """Its exit code. A binary that is not in the image does not start."""
        name = words[0] if words else "sh"
        if name in ("sh", "bash", "/bin/sh", "/bin/bash"):
            return self._script(words[2]) if words[1:2] == ["-c"] and len(words) > 2 else 0
        code = self._builtin(words)
        if code is None:
            self.talk.err(NO_SUCH.format(name=name))
            return 1
        return code

    def _script(self, text: str) -> int:
        code, before = 0, ";"
        for number, part in enumerate(LINK.split(text.strip())):
            if number % 2:
                before = part
                continue
            if not part or (before == "&&" and code) or (before == "||" and not code):
                continue
            words = split(part)[0]
            if words[0] == "exit":
                return int(words[1]) if len(words) > 1 else code
            found = self.command(words) if words[0] in ("sh", "bash") else self._builtin(words)
            if found is None:
                self.talk.err(f"sh: 1: {words[0]}: not found\n")
            code = 127 if found is None else found
        return code

    def _builtin(self, words: list[str]) -> int | None:
        name, rest = words[0], words[1:]
        say = self.talk.out
        if rest[-1:] == [">&2"]:
            rest, say = rest[:-1], self.talk.err
        if name in ("echo", "/bin/echo"):
            say(" ".join(rest) + "\n")
        elif name == "cat":
            return self._cat(rest)
        elif name in ("env", "printenv"):
            say("".join(f"{key}={value}\n" for key, value in self.config.items() if not rest or key in rest))
        elif name == "false":
            return 1
        elif name == "sleep":
            self.talk.step("run", float(rest[0]))
        elif name == "count":  # no real one: a line at a time, as a migration does it
            for number in range(1, int(rest[0]) + 1):
                say(f"{number}\n")
                self.talk.step("run", float(rest[1]))
        elif name != "true":
            return None
        return 0

    def _cat(self, names: list[str]) -> int:
        code = 0
        for name in names:
            text = self.files.get(name.removeprefix("/app/").removeprefix("./"))
            if text is None:
                self.talk.err(f"cat: can't open '{name}': No such file or directory\n")
                code = 1
            else:
                self.talk.out(text)
        return code
