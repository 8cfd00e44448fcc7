"""Builds the images of the Dockerfile, as anybody would, but that wheels come from an index of this machine."""

from __future__ import annotations

from dataclasses import dataclass

from tests.containers.engine import Engine
from tests.containers.wheels import ROOT

TARGETS = ("api", "promoter", "deployer", "projections", "stacks", "cli")
SERVICES = ("api", "promoter", "deployer", "projections")


@dataclass(frozen=True, slots=True)
class Images:
    """index: of wheels; its URL on this machine."""

    engine: Engine
    index: str

    def build(self, target: str) -> str:
        """Build one; what has not changed since is taken from the engine's cache. Returns its tag."""
        tag = f"ownstack-{target}:latest"
        indexes = (f"{name}={self.index}" for name in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"))
        options = [word for index in indexes for word in ("--build-arg", index)]
        build = ("buildx", "build", "--quiet", "--network", "host", *options, "--target", target, "--tag", tag)
        self.engine.docker(*build, str(ROOT))
        return tag

    def inside(self, target: str, *command: str) -> str:
        """What a command prints in a new container of a target; it must end well."""
        return self.engine.docker("run", "--rm", "--network", "none", self.build(target), *command)
