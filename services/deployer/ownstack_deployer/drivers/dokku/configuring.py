"""The config of an app on its server: what differs is set before a deployment, and put back after one that failed.

What these commands say is told to nobody, as it has values in it; nor is what they are given.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence

from ownstack_deployer.drivers.dokku.commands import MOST_BYTES
from ownstack_deployer.drivers.dokku.remote import Remote
from ownstack_deployer.drivers.output import Captured
from ownstack_deployer.drivers.port import Job, Log, PhaseFailed

MOST_CONFIG = 4 * 1024 * 1024
"""Bytes of the whole config of an app, as JSON."""
MOST_KEPT = 65_000
"""Bytes of a variable in the file that Dokku keeps it in. With a line of 64 KiB or more Dokku takes the whole file for
empty, and writes it anew at the next change."""

_ESCAPED = re.compile(r'[\\\n\r"!$`]')
"""What takes two characters in that file."""

Variables = Mapping[str, str | None]
"""By name; None: it is not there."""


class Configuring:
    """Of one deployment."""

    def __init__(self, remote: Remote, job: Job) -> None:
        self._remote = remote
        self._app = job.request.app
        self._stack = job.request.stack
        self._wanted: Variables = {**job.config, **dict.fromkeys(job.config_unset)}
        self._left: dict[str, str | None] = {}
        """What was changed, and what it was left as; "" is not None."""
        self._before: dict[str, str | None] = {}
        """The same, as it was before."""
        self.under_way = False
        """Whether a command that changes it may be."""

    @property
    def is_changed(self) -> bool:
        """Whether there may be something to put back."""
        return bool(self._left)

    async def apply(self, log: Log) -> None:
        """Change what differs from what is wanted; of an app without config nothing is even read.

        Raises Lost; PhaseFailed: `config-too-long` and nothing was done, `config-not-kept`, `dokku-failed`.
        """
        if not self._wanted:
            return
        self._refuse_too_long()
        there = await self._read()
        self._left = {name: value for name, value in self._wanted.items() if there.get(name) != value}
        self._before = {name: there.get(name) for name in self._left}
        if self._left:
            await self._change(self._left)
            await self._refuse_if_not_kept()
            await log.write([f"[ownstack: config on {self._stack}: {_told(self._left)}]"])

    async def put_back(self, log: Log) -> None:
        """Put back what was there before; what somebody else has changed since is left. Raises Lost, PhaseFailed."""
        there = await self._read()
        ours = {name for name, left in self._left.items() if there.get(name) == left}
        back = {name: self._before[name] for name in sorted(ours) if self._before[name] != there.get(name)}
        if back:
            await self._change(back)
            await log.write([f"[ownstack: the config of before is put back on {self._stack}: {_told(back)}]"])

    def not_put_back(self, code: str) -> str:
        """What is told if that could not be done."""
        return (
            f"[ownstack: the config of before could not be put back on {self._stack} ({code}). What is started there "
            f"next may have the new one: {', '.join(sorted(self._left))}]"
        )

    def _refuse_too_long(self) -> None:
        long = sorted(name for name, value in self._wanted.items() if value and _kept(name, value) > MOST_KEPT)
        if long:
            raise PhaseFailed(
                "config-too-long",
                f"Dokku can't keep values as long as {', '.join(long)}: up to {MOST_KEPT:,} bytes, where line ends and "
                'each of \\ " ! $ ` count twice. Set a shorter one, or have the app read it from elsewhere.',
            )

    async def _refuse_if_not_kept(self) -> None:
        there = await self._read()
        wrong = sorted(name for name, value in self._left.items() if there.get(name) != value)
        if wrong:
            self._left.update((name, there.get(name)) for name in wrong)
            raise PhaseFailed(
                "config-not-kept",
                f"Dokku on {self._stack} does not keep {', '.join(wrong)} as given: it answers with another value. "
                "Some characters do not survive there together: set the value in another form, in base64 say.",
            )

    async def _change(self, change: Variables) -> None:
        pairs = [f"{name}={_encoded(value)}" for name, value in change.items() if value is not None]
        gone = [name for name, value in change.items() if value is None]
        self.under_way = True
        for words in _lines(["config:set", "--no-restart", "--encoded", self._app], pairs):
            await self._do(words)
        for words in _lines(["config:unset", "--no-restart", self._app], gone):
            await self._do(words)
        self.under_way = False

    async def _do(self, words: Sequence[str]) -> None:
        running = await self._remote.start(*words)
        self._check(words[0], await running.pass_on(Captured(0)))

    async def _read(self) -> Mapping[str, str]:
        running = await self._remote.start("config:export", "--format", "json", self._app, apart=True)
        out = Captured(MOST_CONFIG)
        self._check("config:export", await running.pass_on(out, Captured(0)))
        config = None if out.too_long else await asyncio.to_thread(_config_of, bytes(out.value))
        if config is None:
            raise PhaseFailed(
                "dokku-failed",
                f"What `config:export --format json {self._app}` says on {self._remote.server} is no JSON object of up "
                f"to {MOST_CONFIG >> 20} MiB. Is it a Dokku of 0.38?",
            )
        return config

    def _check(self, command: str, exit_code: int) -> None:
        if exit_code != 0:
            raise PhaseFailed(
                "dokku-failed",
                f"`{command}` of {self._app} on {self._remote.server} ended with exit code {exit_code}. What it said "
                "is not told here, as there may be values in it. See how the server fares, then try again.",
            )


def _lines(command: Sequence[str], words: Sequence[str]) -> Iterator[list[str]]:
    """As many commands as it takes, since none may be too long. The words need no quotes."""
    line = list(command)
    size = bare = len(" ".join(command).encode())
    for word in words:
        if size > bare and size + len(word) + 1 > MOST_BYTES:
            yield line
            line, size = list(command), bare
        line.append(word)
        size += len(word) + 1
    if size > bare:
        yield line


def _encoded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def _kept(name: str, value: str) -> int:
    return len(f'{name}="{value}"'.encode()) + len(_ESCAPED.findall(value))


def _config_of(said: bytes) -> Mapping[str, str] | None:
    """Its last line: before that Dokku may say what it has mended. None: it is not what is expected."""
    try:
        config = json.loads(said.decode("utf-8", "replace").rstrip().rpartition("\n")[2])
    except (ValueError, RecursionError):
        return None
    is_config = isinstance(config, dict) and all(isinstance(value, str) for value in config.values())
    return config if is_config else None


def _told(change: Variables) -> str:
    """The names, never the values."""
    given = ", ".join(sorted(name for name, value in change.items() if value is not None))
    gone = ", ".join(sorted(name for name, value in change.items() if value is None))
    return "; ".join(f"{verb} {names}" for verb, names in (("set", given), ("unset", gone)) if names)
