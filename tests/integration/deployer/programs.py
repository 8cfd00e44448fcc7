"""Programs of a user's, as tests write them: shell scripts that wait at gates (named pipes) instead of for time."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ownstack_contracts.jobs import StackDeployRequested
from ownstack_deployer.clock import now
from ownstack_deployer.drivers.port import Job, Place
from ownstack_deployer.drivers.program.driver import ProgramDriver

TEAM = "acme"
DIGEST = "sha256:" + "a" * 64
IMAGE = "registry.example/shop:v1@" + DIGEST
PATIENCE = 60.0


async def until(holds: Callable[[], object]) -> None:
    """Wait for something that another process brings about."""
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.01)


class Kept:
    """A log that keeps what it is given."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    async def write(self, lines: Sequence[str]) -> None:
        """As the port says."""
        self.lines += lines


class Folder:
    """A folder with a program in it, and what that leaves behind."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.program = path / "driver"

    def script(self, body: str, interpreter: str = "/bin/sh") -> Path:
        """Write the program; `$HERE` is this folder."""
        self.program.write_text(f"#!{interpreter}\n{body.replace('$HERE', str(self.path))}\n")
        self.program.chmod(0o755)
        return self.program

    def gate(self, name: str) -> Path:
        """A gate: `read x < $HERE/name` in a script waits until it is opened."""
        os.mkfifo(self.path / name)
        return self.path / name

    async def open(self, name: str) -> None:
        """Let through whoever waits at the gate. Waits until somebody does."""
        await until(lambda: self._opens(name))

    def _opens(self, name: str) -> bool:
        try:
            descriptor = os.open(self.path / name, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return False  # nobody waits there yet
        os.write(descriptor, b"go\n")
        os.close(descriptor)
        return True

    def text(self, name: str) -> str:
        """What a script wrote into a file; nothing yet: empty."""
        file = self.path / name
        return file.read_text() if file.exists() else ""

    async def written(self, name: str) -> str:
        """As `text`, once there is a whole line in it."""
        await until(lambda: self.text(name).endswith("\n"))
        return self.text(name)


def job(program: object, *, seconds: float = 60, plain: Mapping[str, str] | None = None, **changes: object) -> Job:
    """A granted deployment of IMAGE by a program. plain: its config, decrypted."""
    request = StackDeployRequested(
        **{  # type: ignore[arg-type]
            "job": "r1.eu-1.2",
            "app": "shop",
            "app_id": "shop.1",
            "stack": "eu-1",
            "driver": "program",
            "address": str(program),
            "settings": {},
            "generation": 4,
            "waiting_until": 0,
            "running_deadline": 60,
            "deployment": "r1.eu-1",
            "rollout": "r1",
            "attempt": 2,
            "release": 7,
            "image": IMAGE,
            "config_fingerprint": "none",
            "release_task": True,
            **changes,
        }
    )
    return Job(TEAM, request, "run1", now() + seconds, config=plain or {})


class Stage:
    """The driver with one folder."""

    def __init__(self, path: Path) -> None:
        self.folder = Folder(path)
        self.driver = ProgramDriver(path / "state", grace=5.0)
        self.log = Kept()

    async def restart(self, **changes: object) -> list[str]:
        """Run the phase `restart` to its end; returns what it printed."""
        granted = job(self.folder.program, **changes)  # type: ignore[arg-type]
        async with self.driver.hold(granted) as place:
            await place.restart(self.log)
        return self.log.lines

    async def with_place(self, act: Callable[[Place], object], **changes: object) -> None:
        """Do something while holding the lock."""
        async with self.driver.hold(job(self.folder.program, **changes)) as place:  # type: ignore[arg-type]
            await act(place)  # type: ignore[misc]


def alive(pid: int) -> bool:
    """Whether a process lives; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in ("Z", "X")
