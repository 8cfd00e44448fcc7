"""The circle on Kafka and PostgreSQL, every service a process of its own, as `ownstack serve` runs them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from tests.bench.house import House

from ownstack.serve.running import settle_collector
from ownstack_bus.kafka import KafkaBus, KafkaSettings
from ownstack_readmodel import open_readmodel

KAFKA, POSTGRES = "OWNSTACK_BENCH_KAFKA", "OWNSTACK_BENCH_POSTGRES"
"""The environment says where they are: `host:port`, and the URL of an empty database."""
SERVICES = ("promoter", "deployer", "projections")
PATIENCE = 60.0
"""Seconds in which a service is to end."""


@dataclass(slots=True)
class Fleet:
    """The processes, by name. env: what all of them are told; their output lies in `folder`."""

    folder: Path
    env: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def run(self, *arguments: str) -> None:
        """Run the CLI to its end. Raises CalledProcessError."""
        subprocess.run(
            [sys.executable, "-m", "ownstack.main", *arguments],
            env=self._environment(),
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def start(self, service: str, name: str) -> None:
        """Start a service under a name of its own."""
        with (self.folder / f"{name}.log").open("ab") as log:
            command = [sys.executable, "-m", "ownstack.main", "serve", service]
            self.processes[name] = subprocess.Popen(command, env=self._environment(), stdout=log, stderr=log)

    def kill(self, name: str) -> None:
        """End a service as `kill -9` does."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """End all in good order. Raises TimeoutExpired."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            process.wait(PATIENCE)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.env, "OWNSTACK_HEALTH_PORT": "0"}


@asynccontextmanager
async def open_fleet(folder: Path) -> AsyncIterator[tuple[House, Fleet]]:
    """One of each service, under topics of its own on the cluster that the environment names."""
    servers, database = os.environ[KAFKA], os.environ[POSTGRES]
    prefix = f"bench-{uuid4().hex[:8]}."
    fleet = Fleet(
        folder,
        {
            "OWNSTACK_BUS": f"kafka://{servers}",
            "OWNSTACK_DATABASE": database,
            "OWNSTACK_SECRET_KEY": "A" * 43,
            "OWNSTACK_KAFKA_PREFIX": prefix,
        },
    )
    await asyncio.to_thread(fleet.run, "bus", "setup")
    bus = await KafkaBus.open(servers, KafkaSettings(prefix=prefix))
    readmodel = await asyncio.to_thread(open_readmodel, database)
    for service in SERVICES:
        fleet.start(service, service)
    settle_collector()
    try:
        yield House(bus, readmodel), fleet
    finally:
        await asyncio.to_thread(fleet.stop)
        await bus.close()
        readmodel.close()
