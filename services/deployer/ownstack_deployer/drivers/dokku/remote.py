"""A server as one job uses it: one connection, made when it is first needed, over which commands run."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import asyncssh

from ownstack_deployer.drivers.dokku.commands import line_of
from ownstack_deployer.drivers.dokku.connecting import Patience, Server, connect
from ownstack_deployer.drivers.dokku.keys import OurKey
from ownstack_deployer.drivers.output import Captured, LastLines, Takes
from ownstack_deployer.drivers.port import PhaseFailed
from ownstack_deployer.printing import printable

CHUNK = 32_768
"""Bytes that are worked off between two turns of all else; and that a command may say before we have taken them.

Both, since asyncssh may have as many more sent with each read: if they were more than are read, what is not read yet
would grow without bounds.
"""
MOST_ANSWER = 65_536
"""Bytes of an answer, if nothing else is said."""
_MOST_SAID = 8_000
"""Characters at the end of an answer that are looked at for its last lines."""


class Lost(Exception):
    """The connection was lost. What was under way may have ended, go on for a while, or never have begun."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said, and how it ended."""

    exit_code: int
    out: str = field(repr=False)
    errors: str = field(repr=False)

    @property
    def said(self) -> str:
        """How a message goes on that says what has ended."""
        last = LastLines()
        said = self.errors or self.out
        if len(said) > _MOST_SAID:  # nor is a line told in part: what masks it would not know it
            said = said[-_MOST_SAID:].partition("\n")[2]
        last.add([printable(line) for line in said.splitlines()])
        return str(last)


class _TooLong(Exception):
    """An answer is longer than it may be."""


class _Bounded(Captured):
    """Keeps an answer. Raises _TooLong, instead of reading on and on."""

    async def take(self, data: bytes) -> None:
        """See Captured."""
        await super().take(data)
        if self.too_long:
            raise _TooLong


class Running:
    """A command under way. Its output and its errors are one."""

    def __init__(self, process: asyncssh.SSHClientProcess[bytes]) -> None:
        self._process = process

    async def read(self) -> bytes:
        """Some more output; empty: there is no more. Raises Lost."""
        return await _read(self._process.stdout)

    async def exit_code(self) -> int:
        """Once all is read. Negative: the signal that killed it. Raises Lost."""
        await self._process.wait_closed()
        code = self._process.returncode
        if code is None:
            raise Lost
        return code

    async def pass_on(self, out: Takes, errors: Takes | None = None) -> int:
        """Read all into `out`, and into `errors` what was to be kept apart. Returns the exit code. Raises Lost."""
        pumps = [_pump(self._process.stdout, out)]
        if errors is not None:
            pumps.append(_pump(self._process.stderr, errors))
        await asyncio.gather(*pumps)
        return await self.exit_code()


class Remote:
    """The server, for one job."""

    def __init__(self, server: Server, ours: OurKey, patience: Patience) -> None:
        self.server = server
        self._ours = ours
        self._patience = patience
        self._connection: asyncssh.SSHClientConnection | None = None

    async def start(self, *words: str, apart: bool = False) -> Running:
        """Start a command. apart: its errors are kept apart from its output.

        Raises Lost; PhaseFailed: there is no connection, and the command has not begun.
        """
        line = line_of(words)
        connection = await self.connect()
        with _losing():
            process = await connection.create_process(
                line,
                stdin=asyncssh.DEVNULL,
                stderr=asyncssh.PIPE if apart else asyncssh.STDOUT,
                encoding=None,
                window=CHUNK,
            )
        return Running(process)

    async def ask(self, *words: str, most: int = MOST_ANSWER, too_long: str = "dokku-failed") -> Answer:
        """Run a command that says little: `most` bytes. Raises Lost, PhaseFailed.

        If it says more, the connection is closed, and the code of the failure is `too_long`.
        """
        running = await self.start(*words, apart=True)
        out, errors = _Bounded(most), _Bounded(MOST_ANSWER)
        try:
            exit_code = await running.pass_on(out, errors)
        except _TooLong as error:
            await self.close()
            raise PhaseFailed(
                too_long,
                f"What `{' '.join(words)[:200]}` says on {self.server} is too long: more than {most:,} bytes, or "
                f"{MOST_ANSWER:,} of errors. Is it a Dokku of 0.38?",
            ) from error
        return Answer(exit_code, _text(out), _text(errors))

    async def close(self) -> None:
        """Close the connection, if there is one: the server ends what is under way. The next command gets another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            await connection.wait_closed()

    @property
    def host_key(self) -> asyncssh.SSHKey | None:
        """The key that the server has shown."""
        return self._connection.get_server_host_key() if self._connection is not None else None

    async def connect(self) -> asyncssh.SSHClientConnection:
        """The connection; made, if there is none that holds. Raises PhaseFailed."""
        if self._connection is not None and self._connection.is_closed():
            await self.close()
        if self._connection is None:
            self._connection = await connect(self.server, self._ours, self._patience)
        return self._connection


def _text(captured: Captured) -> str:
    return captured.value.decode("utf-8", "replace")


async def _pump(stream: asyncssh.SSHReader[bytes], sink: Takes) -> None:
    while data := await _read(stream):
        await sink.take(data)
    await sink.close()


async def _read(stream: asyncssh.SSHReader[bytes]) -> bytes:
    with _losing():
        data = await stream.read(CHUNK)
    await asyncio.sleep(0)  # of a flood, reading alone would never wait
    return data


@contextlib.contextmanager
def _losing() -> Iterator[None]:
    try:
        yield
    except (asyncssh.Error, OSError) as error:
        raise Lost from error
