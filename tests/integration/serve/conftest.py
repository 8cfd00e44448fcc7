"""An installation on topics and a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.integration.serve.processes import Installation, installation
from tests.real.kafka import kafka, new_topics
from tests.real.postgres import database


@pytest_asyncio.fixture
async def topics() -> AsyncIterator[dict[str, str]]:
    """What services are told of a bus whose topics are there, and empty."""
    servers = kafka()
    async with new_topics(servers) as settings:
        yield {"OWNSTACK_BUS": f"kafka://{servers}", "OWNSTACK_KAFKA_PREFIX": settings.prefix}


@pytest.fixture
def rows() -> Iterator[dict[str, str]]:
    """What services are told of a new database."""
    with database() as url:
        yield {"OWNSTACK_DATABASE": url}


@pytest.fixture
def house(tmp_path: Path, topics: dict[str, str], rows: dict[str, str]) -> Iterator[Installation]:
    """Bus and database are there; nothing runs yet."""
    with installation(tmp_path, {**topics, **rows}) as made:
        yield made
