"""What docker-compose.yml and the Dockerfile say of the services that are ours: commands, environment, files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
CHOICE = re.compile(r"\$\{(\w+):-([^}]*)\}")
COPY = re.compile(r"^COPY(?: --chmod=\d+)? (\S+) (/\S+)$", re.MULTILINE)
"""From the project into an image; what is copied from another stage has an option that says so."""


@dataclass(frozen=True, slots=True)
class Service:
    """One of ours. once: it does its work and ends. folders: where its volumes are mounted."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folders: tuple[str, ...]
    replicas: int
    once: bool
    needs: frozenset[str]


def services() -> list[Service]:
    """All of ours, those first that others need; the profile `demo` is among them."""
    left = {service.name: service for service in _all()}
    sorted_: list[Service] = []
    while left:
        ready = [service for service in left.values() if not service.needs & left.keys()]
        assert ready, f"{sorted(left)} need each other"
        sorted_ += ready
        for service in ready:
            del left[service.name]
    return sorted_


def copied() -> set[tuple[Path, str]]:
    """Files and folders of the project, and where they lie in images."""
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    return {(ROOT / source, target) for source, target in COPY.findall(dockerfile)}


def _all() -> Iterator[Service]:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    chosen = CHOICE.sub(lambda match: os.environ.get(match[1]) or match[2], text)
    for name, said in yaml.safe_load(chosen)["services"].items():
        if said["image"].startswith("ownstack-"):
            yield _service(name, said)


def _service(name: str, said: Mapping[str, Any]) -> Service:
    return Service(
        name,
        tuple(said["command"]),
        said.get("environment", {}),
        tuple(volume.split(":")[1] for volume in said.get("volumes", ())),
        said.get("deploy", {}).get("replicas", 1),
        said["restart"] == "no",
        frozenset(said.get("depends_on", ())),
    )
