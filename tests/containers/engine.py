"""A Docker engine of the tests' own: Debian's `dockerd`, with its own data and socket, and no say over the network."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.containers.bases import BASES, Base, Store

DAEMON = "/usr/sbin/dockerd"
CLIENT = "/usr/bin/docker"
NETWORK = ("--ip", "127.0.0.1", "--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false")
ALONE = ("unshare", "--mount", "setpriv", "--pdeathsig", "TERM")
"""What it mounts is gone with it, and it ends when the tests die."""
PATIENCE = 30.0
"""Seconds in which the engine must answer, and then end."""
PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command of the client ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Engine:
    """socket: where it answers. configuration: of the client, with its plugins."""

    socket: Path
    configuration: Path
    loaded: set[str] = field(default_factory=set)

    @property
    def environment(self) -> Mapping[str, str]:
        """For whoever speaks to this engine."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "COMPOSE_"))}
        return {**kept, "DOCKER_HOST": f"unix://{self.socket}", "DOCKER_CONFIG": str(self.configuration)}

    def try_(self, *arguments: str, timeout: float = 600, **environment: str) -> Ended:
        """Run `docker …` to its end, within `timeout` seconds."""
        done = subprocess.run(
            [CLIENT, *arguments],
            capture_output=True,
            text=True,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def docker(self, *arguments: str, timeout: float = 600, **environment: str) -> str:
        """Run `docker …`, which must end well; returns what it printed."""
        done = self.try_(*arguments, timeout=timeout, **environment)
        assert done.code == 0, f"docker {' '.join(arguments)} ended with {done.code}:\n{done.out}{done.err}"
        return done.out

    def load(self, base: Base, store: Store) -> None:
        """Have the base image under its tag."""
        if base.tag not in self.loaded:
            changes = (word for line in base.says for word in ("--change", line))
            self.docker("import", *changes, str(store.archive(base)), base.tag)
            self.loaded.add(base.tag)

    def load_all(self, store: Store) -> None:
        for base in BASES:
            self.load(base, store)


def missing() -> list[str]:
    """The programs that are not here and are needed to run an engine and to make images for it."""
    needed = (DAEMON, CLIENT, "debootstrap", "mvn", "java", "unshare", "setpriv", "kcat")
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    return [program for program in needed if shutil.which(program, path=path) is None]


@contextmanager
def engine_running(store: Store) -> Iterator[Engine]:
    """An engine, until it has ended; nothing of it is left. Raises RuntimeError if it does not come up."""
    with tempfile.TemporaryDirectory(prefix="ownstack-docker-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        engine = Engine(folder / "socket", store.plugins())
        with (folder / "log").open("wb") as log, subprocess.Popen(_command(folder), stdout=log, stderr=log) as daemon:
            try:
                _until_it_answers(engine, daemon, folder / "log")
                yield engine
            finally:
                _end(engine, daemon)


def _command(folder: Path) -> list[str]:
    places = ("--data-root", "data", "--exec-root", "exec", "--pidfile", "pid")
    own = [word if word.startswith("--") else str(folder / word) for word in places]
    return [*ALONE, DAEMON, "--host", f"unix://{folder / 'socket'}", *own, *NETWORK]


def _until_it_answers(engine: Engine, daemon: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while engine.try_("version").code != 0:
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"dockerd did not come up:\n{log.read_text(errors='replace')}")
        time.sleep(PAUSE)


def _end(engine: Engine, daemon: subprocess.Popen[bytes]) -> None:
    """Its containers first: it would let them run for their own grace."""
    if running := engine.try_("ps", "--all", "--quiet").out.split():
        engine.try_("rm", "--force", "--volumes", *running)
    daemon.send_signal(signal.SIGTERM)
    try:
        daemon.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        daemon.kill()
