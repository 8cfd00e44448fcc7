"""Connections that say nothing are closed: nobody without a token may keep descriptors."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol


def prompt_within(seconds: float) -> type[asyncio.Protocol]:
    """Uvicorn's protocol for connections whose first request has to be there, with all its headers, within `seconds`.

    Uvicorn itself limits only the time between two requests of a connection (`timeout_keep_alive`).
    """

    class Prompt(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in H11Protocol
            super().connection_made(transport)
            self._due = self.loop.call_later(seconds, self._close_if_silent)

        def connection_lost(self, exc: Exception | None) -> None:
            self._due.cancel()
            super().connection_lost(exc)

        def _close_if_silent(self) -> None:
            if self.cycle is None:
                self.transport.close()

    return Prompt
