"""Kafka and PostgreSQL from containers, as the tests take them where a Docker engine answers."""

from __future__ import annotations

import subprocess
import sys
import time

from tests.containers.bases import KAFKA, POSTGRES
from tests.containers.engine import Engine
from tests.containers.wheels import ROOT

HERE = {
    "TESTCONTAINERS_RYUK_DISABLED": "true",
    "TESTCONTAINERS_CONNECTION_MODE": "docker_host",
    "TESTCONTAINERS_HOST_OVERRIDE": "127.0.0.1",
    "CI": "true",
}
"""No registry has testcontainers' own container for us, and its gateway leads nowhere; with CI, nothing is skipped."""
GIVEN = ("OWNSTACK_TEST_KAFKA", "OWNSTACK_TEST_POSTGRES")


def test_the_bus_is_tested_on_a_kafka_in_a_container(servers: Engine) -> None:
    tests = ("tests/contract/bus/test_kafka.py", "-k", "publish or tail")
    assert started_by(servers, *tests) == [KAFKA.tag]


def test_rooms_are_tested_on_a_postgresql_in_a_container(servers: Engine) -> None:
    assert started_by(servers, "tests/unit/readmodel/test_changes.py") == [POSTGRES.tag]


def started_by(engine: Engine, *tests: str) -> list[str]:
    """Run some tests, which must pass; returns the images of the containers that they started. None is left."""
    began = time.time()
    environment = {name: value for name, value in engine.environment.items() if name not in GIVEN} | HERE
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *tests],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "skipped" not in ended.stdout.splitlines()[-1]
    assert engine.docker("ps", "--all", "--quiet") == ""
    told = engine.docker("events", f"--since={began:.3f}", f"--until={time.time():.3f}", "--filter=event=start",
                         "--format={{.From}}")  # fmt: skip
    return told.split()
