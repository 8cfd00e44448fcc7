"""What is said to the client, and what becomes of the work once the client has gone."""

from __future__ import annotations

import os
import random
import select
import time
from collections.abc import Callable
from pathlib import Path

TICK_S = 0.005
OUT, ERR = 1, 2


class Talk:
    """Both streams of a session. After the client has gone the work goes on for a while, and then dies where it is."""

    def __init__(self, folder: Path, linger: float, chance: random.Random) -> None:
        self.folder, self.linger, self.chance = folder, linger, chance
        self.parent = os.getppid()
        self.last_breath: float | None = None
        self.at_death: Callable[[], None] = lambda: None
        self._watched = select.poll()
        self._watched.register(OUT, 0)

    def out(self, text: str) -> None:
        """Say it on stdout."""
        self._write(OUT, text)

    def err(self, text: str) -> None:
        """Say it on stderr."""
        self._write(ERR, text)

    def step(self, name: str, seconds: float) -> None:
        """Work for so long; and for as long as somebody holds this step."""
        until = time.monotonic() + seconds
        held = self.folder / "hold" / name
        while True:
            self.live_on()
            if time.monotonic() >= until and not held.exists():
                return
            time.sleep(min(TICK_S, max(until - time.monotonic(), TICK_S / 5)))

    def live_on(self) -> None:
        """Die if the client went too long ago."""
        if self.last_breath is None and self._gone():
            self._hung_up()
        if self.last_breath is not None and time.monotonic() >= self.last_breath:
            self.at_death()
            os._exit(255)

    def _gone(self) -> bool:
        return bool(self._watched.poll(0)) or os.getppid() != self.parent

    def _hung_up(self) -> None:
        if self.last_breath is None:
            self.last_breath = time.monotonic() + self.chance.uniform(0, self.linger)

    def _write(self, stream: int, text: str) -> None:
        rest = text.encode(errors="surrogateescape")
        while rest:
            try:
                rest = rest[os.write(stream, rest) :]
            except OSError:
                return self._hung_up()
        return None
