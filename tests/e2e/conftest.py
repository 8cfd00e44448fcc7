"""One house for the tests that do not stop it, and one of its own for each that does."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.house import House, house_in, set_up_shop


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """What a shell starts in the background ignores Ctrl-C, and so does all that it starts: not here."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Running, with shop v1 in a pipeline on two stacks."""
    with house_in(tmp_path_factory.mktemp("shared") / "house") as house:
        house.start()
        set_up_shop(house)
        yield house


@pytest.fixture
def own_house(tmp_path: Path) -> Iterator[House]:
    """Not started."""
    with house_in(tmp_path / "house") as house:
        yield house
