"""The services of docker-compose.yml, started as it says but without containers, tell the story of the demo."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from sqlalchemy import make_url
from tests.e2e.compose.described import ROOT, services
from tests.e2e.compose.natively import Native, native
from tests.e2e.house import Ended, House
from tests.e2e.telling import Telling, tell
from tests.real.kafka import kafka, new_prefix
from tests.real.postgres import database, plain, postgres

from ownstack.demo import set_database, url_of
from ownstack.firststart import DEFAULT_TEAM
from ownstack.story import Place
from ownstack_bus.kafka import KafkaSettings
from ownstack_bus.kafka.clients import Clients
from ownstack_contracts.topics import TOPICS

pytestmark = pytest.mark.timeout(300)
SECRET = "/run/ownstack/secrets/database-password"
CLUSTER = ("secrets", "setup")
SERVICES = ("api", "promoter", "deployer", "projections", "stacks")


def test_the_file_describes_every_service_and_two_of_those_that_share_their_work() -> None:
    described = {service.name: service.replicas for service in services()}
    assert described == {**dict.fromkeys((*CLUSTER, *SERVICES), 1), "promoter": 2, "deployer": 2}


def test_the_story_is_told_by_separate_processes_and_all_end_in_good_order(house: Native) -> None:
    house.start(*SERVICES)
    stage = NativeStage(house)
    stage.log_in()
    assert tell(stage) == Telling(25, 18)
    assert set(house.stop().values()) == {0}


@pytest.fixture
def house() -> Iterator[Native]:
    """Topics are made, the database's user has its password; no service is started."""
    prefix, servers = new_prefix(), kafka()
    # Not pytest's own folder: its name is too long for a socket below it.
    with tempfile.TemporaryDirectory(prefix="ownstack-", ignore_cleanup_errors=True) as folder, own_database() as url:
        try:
            with native(Path(folder), servers, url, prefix) as house:
                house.start(*CLUSTER)
                set_password(url, house.path(SECRET).read_text(encoding="ascii"))
                yield house
        finally:
            asyncio.run(forget(servers, prefix))


@contextmanager
def own_database() -> Iterator[str]:
    """The URL of a new database, owned by a new user, without a password."""
    role = f"test_{uuid4().hex}"
    with psycopg.connect(plain(postgres()), autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN")
        try:
            with database() as url:
                admin.execute(f"ALTER DATABASE {make_url(url).database} OWNER TO {role}")
                yield make_url(url).set(username=role, password=None).render_as_string()
        finally:
            admin.execute(f"DROP ROLE {role}")


def set_password(url: str, password: str) -> None:
    with psycopg.connect(plain(postgres()), autocommit=True) as admin:
        admin.execute(f"ALTER ROLE {make_url(url).username} PASSWORD '{password}'")


async def forget(servers: str, prefix: str) -> None:
    """Delete the topics that the service `setup` has made."""
    clients = Clients(servers, KafkaSettings(prefix=prefix))
    admin = clients.admin()
    await admin.start()
    try:
        await admin.delete_topics([clients.topic(name) for name in TOPICS])
    finally:
        await admin.close()


@dataclass
class NativeStage:
    """The processes, with the command line in front of them."""

    house: Native

    def __post_init__(self) -> None:
        self.house.path("/profile").mkdir()
        self._typing = House(self.house.path("/profile"))

    @property
    def driver(self) -> tuple[str, ...]:
        settings = {
            "home": self.home,
            "images": self.home.with_name("images"),
            "agent": self.house.path("/run/ownstack/stacks/agent.sock"),
        }
        pairs = (word for name, value in settings.items() for word in ("--set", f"{name}={value}"))
        return "--address", str(self.house.path("/opt/stacks/demo/program")), *pairs

    @property
    def home(self) -> Path:
        return self.house.path("/var/lib/ownstack/stacks")

    def log_in(self) -> None:
        """Make the first team as in the API's container, and keep its token in a profile."""
        api = next(service for service in services() if service.name == "api")
        team = ("ownstack", "team", "create", DEFAULT_TEAM, "--json")
        token = json.loads(self.house.run(team, api.environment))["token"]
        ended = self._typing.with_token(token, "login", f"http://127.0.0.1:{self.house.port('api')}")
        assert ended.code == 0, ended

    def ownstack(self, *arguments: str) -> Ended:
        return self._typing.ownstack(*arguments)

    def image(self, app: str, version: int) -> str:
        script, source = ROOT / "examples" / "driver" / "images.py", ROOT / "examples" / app
        build = [sys.executable, str(script), "build", str(source), str(version), str(self.home.with_name("images"))]
        done = subprocess.run(build, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def answer(self, place: Place) -> Any:
        return httpx.get(url_of(self.home, place), timeout=10, trust_env=False).json()

    def set_database(self, writable: bool) -> None:
        set_database(self.home, writable)
