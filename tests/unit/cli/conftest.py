"""A fake server for each test that wants one, and a home of its own, so that no profile of the user's is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.unit.cli.fake import TOKEN, Fake, serving

from ownstack.main import main


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OWNSTACK_URL", "OWNSTACK_TOKEN", "OWNSTACK_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


@pytest.fixture
def fake(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    with serving() as fake:
        monkeypatch.setenv("OWNSTACK_URL", fake.url)
        monkeypatch.setenv("OWNSTACK_TOKEN", TOKEN)
        yield fake


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.out)

    @property
    def error(self) -> Any:
        return orjson.loads(self.err)["error"]


@pytest.fixture
def ownstack(home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Runs the CLI in this process."""

    def run(*arguments: str) -> Ended:
        code = main(arguments)
        out, err = capsys.readouterr()
        return Ended(code, out, err)

    return run


Run = Callable[..., Ended]
