"""What can be chosen about the deployer: from the environment (`OWNSTACK_DEPLOYER_…`), or by whoever composes it."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def _state_folder() -> Path:
    home = os.environ.get("XDG_STATE_HOME") or ""
    base = Path(home) if home.startswith("/") else Path.home() / ".local" / "state"
    return base / "ownstack" / "deployer"


def _absolute(folder: Path) -> Path:
    if not folder.is_absolute():  # an empty one, too: what was meant to bound must not bound nothing
        raise ValueError("is not the absolute path of a folder")
    return folder


class Settings(BaseSettings):
    """How a deployer is called in its reports, and how it drives programs."""

    model_config = SettingsConfigDict(env_prefix="OWNSTACK_DEPLOYER_", frozen=True, use_attribute_docstrings=True)

    name: str = Field(default_factory=socket.gethostname, min_length=1, max_length=200)
    """Its name in reports; else the name of the host."""
    state: Path = Field(default_factory=_state_folder)
    """The folder of the lock files, else one below $XDG_STATE_HOME; deployers on one machine share it."""
    programs: int = Field(default=64, ge=1, le=10_000)
    """How many jobs of `program` stacks it works on at once."""
    programs_in: Annotated[Path, AfterValidator(_absolute)] | None = None
    """The folder below which those programs lie; without it they may lie anywhere."""
    stop_grace: float = Field(default=10.0, ge=0)
    """Seconds from SIGTERM to SIGKILL for a program that is past its deadline."""
    dokku_jobs: int = Field(default=4, ge=1, le=1_000)
    """How many jobs it works on at once on one Dokku server, and how many commands beside them."""
    dokku_settle: float = Field(default=20.0, ge=0)
    """Seconds for which a Dokku server is left alone after a connection was lost in the middle of a deployment: what a
    dead client has left under way there ends within 12."""
    ssh_key: Path | None = None
    """The private key that it shows to Dokku servers, an OpenSSH file that only it can read; else `ssh_key` in `state`,
    made when it is first needed."""
    docker_config: Path | None = None
    """Docker's config file, or its folder: whose credentials are shown to registries; else $DOCKER_CONFIG/config.json,
    or ~/.docker/config.json."""
    registries_plain: str = ""
    """The registries that are spoken to by plain http, and also without credentials, comma-separated: `host:port`, or
    hosts with all of their ports. All others: https. An image is named by a team: name no host whose other services are
    not for them to ask."""
    claim_every: float = Field(default=5.0, gt=0)
    """Seconds after which an unanswered claim is repeated."""
    flush_grace: float = Field(default=10.0, ge=0)
    """Seconds that it waits, when it stops, for a bus that does not take its last reports."""
    postdeploy_grace: float = Field(default=2.0, ge=0)
    """Seconds that it waits, when it stops and has finished a deployment, whether a post-deploy is asked for because of
    that, and for the answer to its claim."""
