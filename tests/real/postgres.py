"""A real PostgreSQL for tests, one server per run and a database per test.

From OWNSTACK_TEST_POSTGRES if given (a URL of a user who may create databases); else a container where a Docker engine
answers; else the binaries of a PostgreSQL that is installed. What can't be had is skipped, saying how to get it; with
CI set it fails.
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import make_url
from tests.real.engine import engine_answers

IMAGE = "postgres:17"
USER = "ownstack"
STARTING_S = 60.0
ENDING_MS = 60_000
CHEAP = ("fsync=off", "full_page_writes=off", "max_connections=300", "timezone=Pacific/Auckland")
"""Nothing outlives the tests; and nobody may rely on the time zone of the server."""
HOW = (
    "PostgreSQL is not here, so nothing was tested on it. Give one: OWNSTACK_TEST_POSTGRES=postgresql://user@host/db, "
    "or a Docker engine with testcontainers, or an installed one (apt-get install postgresql)."
)
UNPRIVILEGED = ("postgres", "nobody")
"""Whom a server is run as by root, since initdb refuses root."""


class NoPostgres(Exception):
    """There is none in this way."""


@cache
def server() -> str | None:
    """The URL of the server of this run, started if need be; None if there is none."""
    given = os.environ.get("OWNSTACK_TEST_POSTGRES")
    if given:
        return given
    for way in (_container, _installed):
        try:
            return way()
        except NoPostgres as why:
            print(f"no PostgreSQL from {way.__name__.strip('_')}: {why}", file=sys.stderr)
    return None


def postgres() -> str:
    """The URL of the server of this run; the test is skipped if there is none, and fails in CI."""
    url = server()
    if url is None:
        if os.environ.get("CI"):
            pytest.fail(HOW)
        pytest.skip(HOW)
    return url


@contextmanager
def database() -> Iterator[str]:
    """The URL of a new, empty database, which is dropped afterwards."""
    name = f"test_{uuid4().hex}"
    admin = postgres()
    _execute(admin, f"CREATE DATABASE {name}")
    try:
        yield make_url(admin).set(database=name).render_as_string(hide_password=False)
    finally:
        _execute(admin, f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def away(url: str) -> Iterator[None]:
    """Meanwhile this database has no connections and takes none, as while its server is restarted."""
    name = make_url(url).database
    _execute(postgres(), f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    try:
        hang_up(url)
        yield
    finally:
        _execute(postgres(), f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def hang_up(url: str) -> None:
    """End all connections to this database, and wait until they have ended."""
    name = make_url(url).database
    ended = f"pg_terminate_backend(pid, {ENDING_MS})"
    _execute(postgres(), f"SELECT {ended} FROM pg_stat_activity WHERE datname = '{name}'")


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(plain(url), autocommit=True) as connection:
        connection.execute(statement)


def plain(url: str) -> str:
    """The URL as the driver takes it."""
    return url.replace("postgresql+psycopg://", "postgresql://")


def _container() -> str:
    """A container, ended with this run."""
    try:
        import docker  # noqa: PLC0415 - where it is not, there are other ways
        from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415 - as above
    except ImportError as error:
        raise NoPostgres(f"{error.name} is not installed") from None
    if not engine_answers():
        raise NoPostgres("no Docker engine answers")
    container = PostgresContainer(IMAGE, username=USER, password=uuid4().hex, dbname=USER, driver=None)
    container.with_command(" ".join(f"-c {setting}" for setting in CHEAP))
    try:
        container.start()
    except docker.errors.APIError as error:
        raise NoPostgres(f"{IMAGE} can't be had: {error.explanation}") from None
    atexit.register(container.stop)
    url: str = container.get_connection_url()
    _await(url, lambda: True)
    return url


def _installed() -> str:
    """A server of the newest binaries that are installed, ended with this run."""
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="ownstack-postgres-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    user = _as_whom(folder)
    data, port = folder / "data", _free_port()
    initdb = [binaries / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
    made = subprocess.run(initdb, check=False, user=user, cwd=folder, capture_output=True, text=True)
    if made.returncode:
        raise NoPostgres(f"initdb failed: {made.stderr.strip()}")
    settings = [*CHEAP, f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={folder}"]
    command = [binaries / "postgres", "-D", data, *(part for setting in settings for part in ("-c", setting))]
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(command, user=user, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    atexit.register(_end, running)
    url = f"postgresql://{USER}@127.0.0.1:{port}/postgres"
    _await(url, lambda: running.poll() is None)
    return url


def _binaries() -> Path:
    """The folder of `initdb` and `postgres`."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name), reverse=True
    )
    if found := shutil.which("pg_config"):
        told = subprocess.run([found, "--bindir"], check=True, capture_output=True, text=True)
        folders.insert(0, Path(told.stdout.strip()))
    if found := shutil.which("initdb"):
        folders.append(Path(found).resolve().parent)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise NoPostgres("no initdb is installed")


def _as_whom(folder: Path) -> str | None:
    """The user to run as; None: the one who runs the tests."""
    if os.geteuid() != 0:
        return None
    for user in UNPRIVILEGED:
        try:
            shutil.chown(folder, user)
        except LookupError:
            continue
        return user
    raise NoPostgres("it does not run as root, and there is nobody else")


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def _await(url: str, lives: Callable[[], bool]) -> None:
    deadline = time.monotonic() + STARTING_S
    while True:
        try:
            return psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline or not lives():
                raise NoPostgres(f"the server does not answer: {error}") from None
            time.sleep(0.05)  # it is being started: there is nothing else to wait for


def _end(running: subprocess.Popen[bytes]) -> None:
    running.send_signal(2)  # SIGINT: at once, in good order
    try:
        running.wait(10)
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait()
