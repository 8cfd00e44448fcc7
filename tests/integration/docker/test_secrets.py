"""Secrets are made once, whole, and for their group alone; whoever asks a service how it is, is told the truth."""

from __future__ import annotations

import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from tests.real.brokers import free_port

DOCKER = Path(__file__).resolve().parents[3] / "docker"


def made(*paths: Path) -> str:
    command = [sys.executable, str(DOCKER / "make_secret.py"), *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_secret_is_long_and_its_own_and_only_its_group_reads_it(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    said = made(one, other)
    assert (said.count(": made"), one.read_text() in said) == (2, False)
    assert {len(one.read_text()), len(other.read_text())} == {43}
    assert one.read_text() != other.read_text()
    assert stat.S_IMODE(one.stat().st_mode) == 0o440
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "other"]


def test_a_secret_that_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("mine")
    assert "is there already" in made(path)
    assert path.read_text() == "mine"


def test_of_many_who_make_a_secret_at_once_one_does(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    command = [sys.executable, str(DOCKER / "make_secret.py"), str(path)]
    at_once = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = [process.communicate()[0] for process in at_once]
    assert [process.returncode for process in at_once] == [0] * 4
    assert sum(": made" in line for line in said) == 1
    assert [found.name for found in tmp_path.iterdir()] == ["secret"]


@pytest.mark.parametrize("name", ["OWNSTACK_HEALTH_PORT", "OWNSTACK_API_PORT"])
@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_a_service_is_healthy_when_it_says_that_it_is_ready(name: str, status: int, code: int) -> None:
    with answering(status) as port:
        ended = asked(name, port)
    assert (ended.returncode, ended.stdout) == (code, f"{status} /readyz\n")


def test_a_service_that_does_not_answer_is_not_healthy() -> None:
    ended = asked("OWNSTACK_HEALTH_PORT", free_port())
    assert (ended.returncode, "no answer" in ended.stdout) == (1, True)


def asked(name: str, port: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", str(DOCKER / "health.py")]
    return subprocess.run(command, env={name: str(port)}, capture_output=True, text=True, check=False)


class Says(BaseHTTPRequestHandler):
    """Answers with a status, and what it was asked for."""

    def __init__(self, status: int, *arguments: object) -> None:
        self.status = status
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.path.encode())

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextmanager
def answering(status: int) -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), partial(Says, status)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()
