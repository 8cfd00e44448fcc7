"""A network that can fail, in front of a server: it passes on, breaks off, freezes, refuses, or is slow."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from types import TracebackType

AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST


class Proxy:
    """Passes on what comes to `host`:`port`. `async with Proxy(host, port) as proxy: …`"""

    host = "127.0.0.1"

    def __init__(self, target_host: str, target_port: int) -> None:
        self.target = (target_host, target_port)
        self.port = 0
        self.taken = 0  # connections until now
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}
        self._flows = asyncio.Event()
        self._flows.set()
        self._delay = 0.0

    async def __aenter__(self) -> Proxy:
        await self.listen()
        return self

    async def __aexit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.refuse()

    async def listen(self) -> None:
        """Take connections, on the port that it had before if it had one."""
        if self._server is None:
            self._server = await asyncio.start_server(self._take, self.host, self.port, backlog=200)
            self.port = self._server.sockets[0].getsockname()[1]

    async def drop(self) -> None:
        """Break all connections off (RST), both to the clients and to the server. New ones are taken."""
        await self._break(list(self._open))

    async def refuse(self) -> None:
        """Break all off, and take none any more until `listen`."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.drop()

    def freeze(self) -> None:
        """Take connections and keep them open, and pass nothing on until `thaw`."""
        self._flows.clear()

    def thaw(self) -> None:
        """Pass on again, first what has come meanwhile."""
        self._flows.set()

    def slow(self, milliseconds: float) -> None:
        """Each piece takes so long from now on."""
        self._delay = milliseconds / 1_000

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._open)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self.taken += 1
        self._open[task] = [writer]
        try:
            await self._connect(task, reader, writer)
        except asyncio.CancelledError:
            pass  # broken off by `drop`; asyncio would print it
        finally:
            await self._close(self._open.pop(task))

    async def _connect(
        self, task: asyncio.Task[None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            await self._flows.wait()
            there, back = await asyncio.open_connection(*self.target)
            self._open[task].append(back)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass(reader, back))
                both.create_task(self._pass(there, writer))
        except* OSError:
            pass

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65_536):
            await asyncio.sleep(self._delay)
            await self._flows.wait()
            writer.write(piece)
            await writer.drain()
        await self._flows.wait()
        with contextlib.suppress(OSError):
            writer.write_eof()

    async def _break(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            for writer in self._open.get(task, []):
                raw = writer.get_extra_info("socket")
                if raw is not None and raw.fileno() >= 0:
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
                writer.transport.abort()
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _close(self, writers: list[asyncio.StreamWriter]) -> None:
        for writer in writers:
            writer.close()
        for writer in writers:
            with contextlib.suppress(OSError):
                await writer.wait_closed()
