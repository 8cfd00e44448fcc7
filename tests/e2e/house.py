"""A real `ownstack up` in a folder of its own, and the CLI in front of it, as processes."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import orjson

from ownstack.demo import examples, url_of
from ownstack.main import main
from ownstack.story import Place

PATIENCE = 60
"""Seconds after which a process that does not end has failed."""


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.out)

    @property
    def error(self) -> Any:
        return orjson.loads(self.err)["error"]


@dataclass
class House:
    """`folder` holds everything: the CLI's profile, the file, the stacks, the images."""

    folder: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    images: dict[tuple[str, int], str] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)
    """More of the environment."""

    @property
    def home(self) -> Path:
        return self.folder / "stacks"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("OWNSTACK_")}
        own = dict.fromkeys(("XDG_CONFIG_HOME", "XDG_DATA_HOME", "DOCKER_CONFIG"), str(self.folder))
        return {**ours, **own, **self.extra}

    @property
    def driver(self) -> tuple[str, ...]:
        """The options of `stack add` for the examples' driver."""
        settings = {"home": self.home, "images": self.folder / "images", "python": sys.executable}
        pairs = (word for name, value in settings.items() for word in ("--set", f"{name}={value}"))
        return "--address", str(examples() / "driver" / "program"), *pairs

    def start(self, *options: str) -> None:
        """Start it, on the same port as before, and wait until it is ready."""
        with (self.folder / "up.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command("up", "--json", "--port", str(self.port), "--data", str(self.data), *options),
                stdout=subprocess.PIPE,
                stderr=log,
                env=self.environment,
                start_new_session=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.log
        self.port = int(orjson.loads(line)["url"].rpartition(":")[2])

    @property
    def log(self) -> str:
        return (self.folder / "up.log").read_text()

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self) -> int:
        """Until it has ended; its exit code."""
        assert self.process is not None
        assert self.process.stdout is not None
        code = self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.process = None
        return code

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.wait()

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "ownstack.main", *arguments]

    def ownstack(self, *arguments: str) -> Ended:
        """Run a command to its end, in this process: most of a short command's time is the start of another one."""
        out, err = io.StringIO(), io.StringIO()
        with patch.dict(os.environ, self.environment, clear=True), redirect_stdout(out), redirect_stderr(err):
            code = main(arguments)
        return Ended(code, out.getvalue(), err.getvalue())

    def with_token(self, token: str, *arguments: str) -> Ended:
        """Run a command with another token than the profile's."""
        with patch.object(House, "environment", {**self.environment, "OWNSTACK_TOKEN": token}):
            return self.ownstack(*arguments)

    def typed(self, *arguments: str) -> Ended:
        """Run a command to its end, as a process of its own."""
        done = subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=PATIENCE,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def right(self, *arguments: str) -> Ended:
        """Run a command that must end well."""
        ended = self.ownstack(*arguments)
        assert ended.code == 0, (arguments, ended, self.log)
        return ended

    @contextmanager
    def running(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """A command that goes on beside the test; killed if the test forgets it."""
        with subprocess.Popen(
            self.command(*arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            stdin=subprocess.DEVNULL,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def image(self, app: str, version: int) -> str:
        if (app, version) not in self.images:
            script = str(examples() / "driver" / "images.py")
            build = [sys.executable, script, "build", str(examples() / app), str(version), str(self.folder / "images")]
            done = subprocess.run(build, capture_output=True, text=True, check=True)
            self.images[app, version] = done.stdout.strip()
        return self.images[app, version]

    def answer(self, place: Place) -> Any:
        """What an app on a stack says to visitors."""
        return httpx.get(url_of(self.home, place), timeout=10, trust_env=False).json()

    def mark(self, place: Place, name: str) -> Path:
        """A file that makes the release task of `shop` behave as a database would."""
        app, stack = place
        return self.home / stack / f"default.{app}" / "data" / name

    def journal(self) -> list[dict[str, Any]]:
        """Every phase that was run, as it came."""
        file = self.home / "journal.jsonl"
        return [orjson.loads(line) for line in file.read_bytes().splitlines()] if file.exists() else []

    def close(self) -> None:
        if self.process is not None:
            self.kill()
        clean = [sys.executable, str(examples() / "driver" / "clean.py"), str(self.home)]
        subprocess.run(clean, check=True)
        shutil.rmtree(self.folder)


@contextmanager
def house_in(folder: Path) -> Iterator[House]:
    """A house that has not been started, and of which nothing is left in the end."""
    folder.mkdir(parents=True)
    house = House(folder)
    try:
        yield house
    finally:
        house.close()


def until(lines: Iterator[str], text: str) -> list[str]:
    """Read lines up to the first that has `text` in it."""
    seen = []
    for line in lines:
        seen.append(line)
        if text in line:
            return seen
    raise AssertionError(f"{text!r} never came: {seen}")


def set_up_shop(house: House, stacks: Sequence[str] = ("eu-1", "us-1")) -> None:
    """shop-staging on staging-1, shop on `stacks`, one pipeline; version 1 is everywhere."""
    for stack in ("staging-1", *stacks):
        house.right("stack", "add", stack, *house.driver)
    house.right("app", "create", "shop-staging", "--stack", "staging-1")
    house.right("app", "create", "shop", *(word for stack in stacks for word in ("--stack", stack)))
    house.right("app", "pipeline", "create", "shop")
    house.right("app", "pipeline", "add-staging", "shop", "shop-staging")
    house.right("deploy", "shop-staging", "--image", house.image("shop", 1))
    house.right("app", "pipeline", "promote", "shop-staging")
