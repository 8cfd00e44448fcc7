"""docker-compose.yml as somebody uses it: brought up on a Docker engine, with the command line in front of it."""

from __future__ import annotations

import io
import json
import os
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml
from tests.containers.engine import Ended, Engine
from tests.containers.wheels import ROOT

from ownstack.firststart import DEFAULT_TEAM
from ownstack.main import main
from ownstack.story import BROKEN, Place

FILES = (ROOT / "docker-compose.yml", ROOT / "docker" / "kafka-on-localhost.yml")
HOME = "/var/lib/ownstack/stacks"
IMAGES = "/var/lib/ownstack/images"
EXAMPLES = "/opt/examples"
ASK = """
import json, sys, urllib.request
from pathlib import Path
port = json.loads(Path(sys.argv[1], "front.json").read_text())["port"]
print(urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10).read().decode())
"""


@dataclass
class Composed:
    """folder: of the CLI's profile. index: of wheels. port and kafka_port: where API and Kafka are published."""

    engine: Engine
    folder: Path
    index: str
    port: int
    kafka_port: int
    team: str = DEFAULT_TEAM
    driver: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        settings = {"home": HOME, "images": IMAGES}
        options = (word for name, value in settings.items() for word in ("--set", f"{name}={value}"))
        self.driver = ("--address", "/opt/stacks/demo/program", *options)
        (self.folder / "builds.yml").write_text(yaml.safe_dump({"services": dict(self._builds())}), encoding="utf-8")

    def _builds(self) -> Any:
        """Wheels come from an index of this machine; nothing else is said otherwise."""
        args = {"PIP_INDEX_URL": self.index, "UV_DEFAULT_INDEX": self.index}
        for name, service in yaml.safe_load(FILES[0].read_text(encoding="utf-8"))["services"].items():
            if "build" in service:
                yield name, {"build": {"network": "host", "args": args}}

    def compose(self, *arguments: str) -> str:
        """Run `docker compose …`, which must end well; returns what it printed."""
        files = (word for file in (*FILES, self.folder / "builds.yml") for word in ("--file", str(file)))
        ports = {"OWNSTACK_PORT": str(self.port), "OWNSTACK_KAFKA_PORT": str(self.kafka_port)}
        return self.engine.docker("compose", *files, "--profile", "demo", *arguments, **ports)

    def up(self) -> None:
        """Bring up everything, and wait until all of it is healthy."""
        try:
            self.compose("up", "--detach", "--wait", "--wait-timeout", "240")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.compose('ps', '--all')}\n{self.log()}") from None

    def log(self) -> str:
        return self.compose("logs", "--no-color", "--tail", "40")

    def containers(self) -> list[dict[str, Any]]:
        """All, also those that have ended, as `docker compose ps` knows them."""
        return [json.loads(line) for line in self.compose("ps", "--all", "--format", "json").splitlines()]

    def inside(self, service: str, *command: str) -> str:
        """What a command prints in a container of a service."""
        return self.compose("exec", "--no-TTY", service, *command)

    def log_in(self) -> None:
        """Make the first team, inside, and let the command line here speak for it."""
        token = json.loads(self.inside("api", "ownstack", "team", "create", self.team, "--json"))["token"]
        with patch.dict(os.environ, {"OWNSTACK_TOKEN": token}):
            ended = self.ownstack("login", f"http://127.0.0.1:{self.port}")
        assert ended.code == 0, ended

    def ownstack(self, *arguments: str) -> Ended:
        """Run a command of the CLI to its end, outside of all containers, with a profile of its own."""
        kept = {
            name: value for name, value in os.environ.items() if name == "OWNSTACK_TOKEN" or name[:9] != "OWNSTACK_"
        }
        environment = {**kept, "XDG_CONFIG_HOME": str(self.folder)}
        out, err = io.StringIO(), io.StringIO()
        with patch.dict(os.environ, environment, clear=True), redirect_stdout(out), redirect_stderr(err):
            code = main(arguments)
        return Ended(code, out.getvalue(), err.getvalue())

    def right(self, *arguments: str) -> Any:
        """Run a command that must end well; returns its JSON."""
        ended = self.ownstack(*arguments, "--json")
        assert ended.code == 0, (arguments, ended)
        return json.loads(ended.out)

    def image(self, app: str, version: int) -> str:
        build = (f"{EXAMPLES}/driver/images.py", "build", f"{EXAMPLES}/{app}", str(version), IMAGES)
        return self.inside("stacks", "python", *build).strip()

    def answer(self, place: Place) -> Any:
        return json.loads(self.inside("stacks", "python", "-c", ASK, self._folder(place)))

    def set_database(self, writable: bool) -> None:
        mark = f"{self._folder(('shop', BROKEN))}/data/read-only"
        self.inside("stacks", *(("rm", "--force") if writable else ("touch",)), mark)

    def _folder(self, place: Place) -> str:
        app, stack = place
        return f"{HOME}/{stack}/{self.team}.{app}"
