"""One engine for all of these tests, and the images that they need."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.containers.bases import KAFKA, POSTGRES, PYTHON, Store
from tests.containers.engine import Engine, engine_running, missing
from tests.containers.images import Images
from tests.containers.wheels import ROOT, index, served

HOW = (
    "No containers were tested. It takes root on Linux, and "
    "apt-get install docker.io debootstrap util-linux kcat maven default-jre-headless. Not here: {lacking}."
)


@pytest.fixture(scope="session")
def store() -> Store:
    """What is kept between runs, in OWNSTACK_TEST_CONTAINERS or build/containers."""
    return Store(Path(os.environ.get("OWNSTACK_TEST_CONTAINERS") or ROOT / "build" / "containers"))


@pytest.fixture(scope="session")
def engine(store: Store) -> Iterator[Engine]:
    """A real Docker engine. Where there can be none, these tests are skipped, saying how to get it; in CI they fail."""
    lacking = [*missing(), *(["root"] if os.geteuid() != 0 else [])]
    if lacking:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(HOW.format(lacking=", ".join(lacking)))
    with engine_running(store) as engine:
        yield engine


@pytest.fixture(scope="session")
def images(engine: Engine, store: Store) -> Iterator[Images]:
    """Builds the project's own images."""
    engine.load(PYTHON, store)
    with served(index(store.folder)) as url:
        yield Images(engine, url)


@pytest.fixture(scope="session")
def servers(engine: Engine, store: Store) -> Engine:
    """The engine, with the images of Kafka and PostgreSQL."""
    engine.load(KAFKA, store)
    engine.load(POSTGRES, store)
    return engine
