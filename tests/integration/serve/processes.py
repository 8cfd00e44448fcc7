"""Services as `ownstack serve` runs them: real processes, whose logs, health and exits can be looked at."""

from __future__ import annotations

import base64
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import orjson

PATIENCE_S = 60.0
"""Within this, what is waited for must be so."""
PAUSE_S = 0.05
"""Between two looks."""

_ADDRESS = re.compile(r"at (http://[0-9.:]+)")

T = TypeVar("T")


@dataclass(slots=True)
class Process:
    """One process of a service."""

    service: str
    log: Path
    running: subprocess.Popen[bytes]

    @property
    def said(self) -> str:
        """All that it has written to stdout and stderr."""
        return self.log.read_text(errors="replace")

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines of its log, each of which must be an object of JSON."""
        return [orjson.loads(line) for line in self.said.splitlines()]

    def url(self) -> str:
        """Where it serves its pages: its log says so once it runs."""
        return self.until(lambda: found[1] if (found := _ADDRESS.search(self.said)) else None)

    def ready(self) -> str:
        """Wait until /readyz says so; returns where it serves."""
        url = self.url()
        self.until(lambda: httpx.get(f"{url}/readyz", trust_env=False, timeout=10).status_code == 200 or None)
        return url

    def figures(self) -> str:
        """What /metrics shows."""
        answer = httpx.get(f"{self.url()}/metrics", trust_env=False, timeout=10)
        assert answer.status_code == 200
        return answer.text

    def until(self, found: Callable[[], T | None]) -> T:
        """What `found` finds, as soon as it finds something, while the process lives."""
        deadline = time.monotonic() + PATIENCE_S
        while (what := found()) is None:
            assert self.running.poll() is None, f"{self.service} ended with {self.running.returncode}: {self.said}"
            assert time.monotonic() < deadline, f"{self.service}: {self.said}"
            time.sleep(PAUSE_S)
        return what

    def tells(self, text: str) -> None:
        """Wait until it has written this."""
        self.until(lambda: text in self.said or None)

    def terminate(self) -> int:
        """End it as a supervisor does; returns its exit code."""
        self.running.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> int:
        """Wait until it has ended by itself; returns its exit code."""
        return self.running.wait(PATIENCE_S)


@dataclass(slots=True)
class Installation:
    """Where services run: a folder, and an environment that all share."""

    folder: Path
    env: Mapping[str, str]
    started: list[Process] = field(default_factory=list)

    def environment(self, **others: str) -> dict[str, str]:
        """What a process of it is told, and nothing of the tests' own settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OWNSTACK_")}
        return {**kept, **self.env, "OWNSTACK_HEALTH_PORT": "0", "OWNSTACK_API_PORT": "0", **others}

    def start(self, service: str, **others: str) -> Process:
        """Start a service, with these variables beside those of all."""
        log = self.folder / f"{len(self.started)}-{service}.log"
        env = self.environment(**{"OWNSTACK_DEPLOYER_NAME": f"{service}-{len(self.started)}", **others})
        with log.open("wb") as output:
            command = [sys.executable, "-m", "ownstack.main", "serve", service]
            running = subprocess.Popen(command, env=env, stdout=output, stderr=output, start_new_session=True)
        self.started.append(Process(service, log, running))
        return self.started[-1]

    def ownstack(self, *words: str, given: str = "", **others: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the CLI to its end; `given`: on its standard input."""
        env = self.environment(XDG_CONFIG_HOME=str(self.folder), **others)
        command = [sys.executable, "-m", "ownstack.main", *words]
        return subprocess.run(
            command, env=env, input=given, capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )

    def right(self, *words: str, given: str = "", **others: str) -> str:
        """As `ownstack`, and it must end well; returns what it printed."""
        done = self.ownstack(*words, given=given, **others)
        logs = "\n".join(process.said[-2_000:] for process in self.started)
        assert done.returncode == 0, (words, done.stdout, done.stderr, logs)
        return done.stdout


@contextmanager
def installation(folder: Path, env: Mapping[str, str]) -> Iterator[Installation]:
    """Nothing runs in the end."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    made = Installation(folder, {"OWNSTACK_DEPLOYER_STATE": str(folder / "locks"), "OWNSTACK_SECRET_KEY": key, **env})
    try:
        yield made
    finally:
        for process in made.started:
            process.running.kill()
            process.running.wait()
