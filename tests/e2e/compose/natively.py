"""The services of docker-compose.yml as processes of this machine, on a real Kafka and a real PostgreSQL.

Commands and environment are those of the file. What is different is where things are: a folder stands for the file
systems of all containers, and each process has ports of its own on the loopback.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.compose.described import ROOT, Service, copied, services
from tests.real.brokers import free_port

PORTS = ("OWNSTACK_API_PORT", "OWNSTACK_HEALTH_PORT")
HEALTH = ROOT / "docker" / "health.py"
PATIENCE = 90.0
"""Seconds in which a service must be ready, and then end."""
PAUSE = 0.1
PROGRAMS = {"ownstack": (sys.executable, "-m", "ownstack.main"), "python": (sys.executable,)}
PLACES = ("/opt/", "/run/", "/usr/", "/var/")


@dataclass(frozen=True, slots=True)
class Process:
    """One that goes on. environment: of this one alone."""

    name: str
    environment: Mapping[str, str]
    log: Path
    running: subprocess.Popen[bytes]

    @property
    def port(self) -> int:
        return next(int(self.environment[name]) for name in PORTS if name in self.environment)

    def ready(self) -> bool:
        """As HEALTHCHECK asks; what has no port to ask is ready."""
        if not any(name in self.environment for name in PORTS):
            return True
        asked = subprocess.run(
            [sys.executable, "-I", "-S", HEALTH], env=self.environment, check=False, capture_output=True
        )
        return asked.returncode == 0

    def tail(self) -> str:
        return f"{self.name}:\n{self.log.read_text(errors='replace')[-3_000:]}"


@dataclass
class Native:
    """folder: stands for the file systems; its path must be short, since a socket lies below it.

    kafka: `host:port`. database: the URL of an empty one, whose user gets the password that the secrets have.
    """

    folder: Path
    kafka: str
    database: str
    prefix: str
    processes: list[Process] = field(default_factory=list)

    def lay_out(self) -> None:
        """The files of the images, and the folders of the volumes."""
        for source, target in copied():
            place = self.path(target)
            place.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copy)(source, place)
        for service in services():
            for folder in service.folders:
                self.path(folder).mkdir(parents=True, exist_ok=True)

    def start(self, *names: str) -> None:
        """Start these services, each as often as the file says, and wait until all are ready."""
        for service in services():
            if service.name in names:
                for number in range(service.replicas):
                    self._start(service, number)
        deadline = time.monotonic() + PATIENCE
        for process in self.processes:
            while not process.ready():
                assert process.running.poll() is None, process.tail()
                assert time.monotonic() < deadline, process.tail()
                time.sleep(PAUSE)

    def port(self, name: str) -> int:
        return next(process.port for process in self.processes if process.name == name)

    def run(self, command: tuple[str, ...], environment: Mapping[str, str] | None = None) -> str:
        """Run a command as in a container, to its end, which must be a good one; returns what it printed."""
        told = self._environment(environment or {})
        done = subprocess.run(
            self._command(command), env=told, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    def stop(self) -> dict[str, int]:
        """End all with SIGTERM, those first that were started last; returns their exit codes."""
        codes = {}
        for number, process in enumerate(reversed(self.processes)):
            process.running.send_signal(signal.SIGTERM)
            codes[f"{process.name}-{number}"] = process.running.wait(PATIENCE)
        self.processes.clear()
        return codes

    def kill(self) -> None:
        for process in self.processes:
            process.running.kill()
            process.running.wait()
        self.processes.clear()

    def path(self, inside: str) -> Path:
        """Where a path of a container is here."""
        return self.folder / inside.removeprefix("/")

    def tails(self) -> str:
        return "\n".join(process.tail() for process in self.processes)

    def _start(self, service: Service, number: int) -> None:
        if service.once:
            self.run(service.command, service.environment)
            return
        environment = self._environment(service.environment)
        log = self.folder / f"{service.name}-{number}.log"
        with log.open("wb") as output:
            running = subprocess.Popen(
                self._command(service.command), env=environment, stdout=output, stderr=output, start_new_session=True
            )
        self.processes.append(Process(service.name, environment, log, running))

    def _command(self, words: tuple[str, ...]) -> list[str]:
        return [*PROGRAMS[words[0]], *(self._here(word) for word in words[1:])]

    def _environment(self, said: Mapping[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OWNSTACK_")}
        ours = {name: self._here(value) for name, value in said.items()}
        own = {name: str(free_port()) for name in PORTS if name in said}
        return {**kept, "OWNSTACK_KAFKA_PREFIX": self.prefix, **ours, **own}

    def _here(self, word: str) -> str:
        if word.startswith(PLACES):
            return str(self.path(word))
        if word.startswith("postgresql://"):
            return self.database
        return word.replace("kafka:9092", self.kafka).replace("0.0.0.0", "127.0.0.1")


@contextmanager
def native(folder: Path, kafka: str, database: str, prefix: str) -> Iterator[Native]:
    """Laid out, not started; nothing runs in the end."""
    house = Native(folder, kafka, database, prefix)
    house.lay_out()
    try:
        yield house
    finally:
        house.kill()
        clean = [
            sys.executable,
            str(ROOT / "examples" / "driver" / "clean.py"),
            str(house.path("/var/lib/ownstack/stacks")),
        ]
        subprocess.run(clean, check=True)
