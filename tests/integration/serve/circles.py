"""A whole installation: api, two promoters, two deployers, projections; a team, and the command line in front of it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tests.integration.serve.processes import Installation, Process

TEAM = "acme"
DIGESTS = ("sha256:" + "a" * 64, "sha256:" + "b" * 64)
IMAGES = tuple(f"registry.example/shop@{digest}" for digest in DIGESTS)
FLEET = ("api", "promoter", "promoter", "deployer", "deployer", "projections")


@dataclass(frozen=True, slots=True)
class Circle:
    """url: of the api. token: of the team."""

    house: Installation
    processes: tuple[Process, ...]
    url: str
    token: str

    def lines_about(self, service: str, correlation: str) -> list[str]:
        """What the processes of a service have logged about a command."""
        mine = (process for process in self.processes if process.service == service)
        lines = (line for process in mine for line in process.lines)
        return [line["message"] for line in lines if line.get("correlationid") == correlation]

    def figure(self, service: str, name: str, **labels: str) -> float | None:
        """A figure of all processes of a service together, over all labels that are not given; None: nobody has it."""
        found = [
            float(line.rpartition(" ")[2])
            for process in self.processes
            if process.service == service
            for line in process.figures().splitlines()
            if re.match(rf"{name}[ {{]", line) and all(f'{key}="{value}"' in line for key, value in labels.items())
        ]
        return sum(found) if found else None


def begun(house: Installation, fleet: Sequence[str] = FLEET) -> Circle:
    """All are ready, the team is there, and its token is in a profile. fleet: begins with the api."""
    processes = tuple(house.start(service, OWNSTACK_LOG_LEVEL="debug") for service in fleet)
    made = json.loads(house.right("team", "create", TEAM, "--json"))
    url, *_ = [process.ready() for process in processes]
    house.right("login", url, given=f"{made['token']}\n")
    return Circle(house, processes, url, made["token"])


def with_shop(house: Installation) -> None:
    """shop-staging on staging-1 before shop on eu-1 and us-1; the first image runs in staging."""
    for stack in ("staging-1", "eu-1", "us-1"):
        house.right("stack", "add", stack, "--driver", "noop")
    house.right("app", "create", "shop-staging", "--stack", "staging-1")
    house.right("app", "create", "shop", "--stack", "eu-1", "--stack", "us-1")
    house.right("app", "pipeline", "create", "shop")
    house.right("app", "pipeline", "add-staging", "shop", "shop-staging")
    house.right("deploy", "shop-staging", "--image", IMAGES[0])
