"""The services as processes: started, killed, stopped, gone on, and started again when they end by themselves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.kafka.deeds import Deeds

FLEET = ("promoter-1", "promoter-2", "deployer-1", "deployer-2", "deployer-3", "projections-1", "projections-2")


def command_of(service: str) -> list[str]:
    """How a service is started."""
    return [sys.executable, "-m", "ownstack.main", "serve", service]


@dataclass(slots=True)
class Services:
    """The processes by name. folder: where their output lies. env: what all of them are told; `{name}` is their own."""

    folder: Path
    env: Mapping[str, str]
    deeds: Deeds
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)

    def start_all(self) -> None:
        """Start everybody."""
        for name in FLEET:
            self.start(name)

    def start(self, name: str) -> None:
        """Start one, as a process that knows its own name."""
        own = {key: value.replace("{name}", name) for key, value in self.env.items()}
        env = {**os.environ, **own, "OWNSTACK_DEPLOYER_NAME": name, "OWNSTACK_HEALTH_PORT": "0"}
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command_of(name.partition("-")[0]), env=env, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self, name: str) -> None:
        """End one as `kill -9` does, and start it again at once."""
        process = self.processes[name]
        self.deeds.note("killed", name, process.pid)
        process.kill()
        process.wait()
        self.start(name)

    def pause(self, name: str) -> None:
        """Let one stand still."""
        self.paused.add(name)
        self.deeds.note("paused", name, self.processes[name].pid)
        self.processes[name].send_signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let it go on."""
        self.processes[name].send_signal(signal.SIGCONT)
        self.deeds.note("resumed", name, self.processes[name].pid)
        self.paused.discard(name)

    def tend(self) -> None:
        """Start again whoever has ended by itself, as a supervisor does."""
        for name, process in list(self.processes.items()):
            if (code := process.poll()) is not None:
                self.deeds.note(f"ended with {code}", name, process.pid)
                self.start(name)

    def end_all(self) -> None:
        """Nobody is needed any more."""
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait()

    def told(self, name: str, lines: int = 15) -> str:
        """The last lines of its output."""
        return "\n".join((self.folder / f"{name}.log").read_text(errors="replace").splitlines()[-lines:])
