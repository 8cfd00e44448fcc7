"""The container of the demo's stacks: a phase that is handed over runs as if the deployer had run it itself."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "docker" / "stacks"
PATIENCE = 60
LOCK = 3
PROGRAM = f"""#!/bin/sh
here=$(dirname "$0")
case "$1" in
tell) echo "phase $OWNSTACK_PHASE of $OWNSTACK_APP"; echo trouble >&2; exit "$OWNSTACK_RELEASE" ;;
wait)
    echo $$ >"$here/began"; while [ -d "$here" ] && [ ! -e "$here/go" ]; do sleep 0.02; done
    echo "$2" >"$here/done" ;;
turn) : >"$here/began-$2"; while [ -d "$here" ] && [ ! -e "$here/go-$2" ]; do sleep 0.02; done ;;
die) kill -9 $$ ;;
stay) trap 'echo told >"$here/told"; exit 5' TERM; : >"$here/began"; while [ -d "$here" ]; do sleep 0.02; done ;;
locked) [ -e /proc/self/fd/{LOCK} ] && echo yes ;;
esac
"""


@dataclass
class Stacks:
    """An agent on a socket in `folder`, with PROGRAM."""

    folder: Path

    def start(self) -> None:
        command = [sys.executable, str(FOLDER / "agent.py"), str(self.socket), str(self.folder / "program")]
        self.process = subprocess.Popen(command)
        check = [sys.executable, str(FOLDER / "agent.py"), "--check", str(self.socket)]
        until(lambda: subprocess.run(check, check=False).returncode == 0)

    @property
    def socket(self) -> Path:
        return self.folder / "socket"

    def hand_over(self, *arguments: str, lock: int | None = None, **environment: str) -> subprocess.Popen[str]:
        """Start the client, as a deployer starts a stack's program."""
        return subprocess.Popen(
            [str(FOLDER / "program"), *arguments],
            env={"PATH": os.environ["PATH"], "OWNSTACK_SETTING_AGENT": str(self.socket), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            pass_fds=() if lock is None else (lock,),
        )

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()


@pytest.fixture
def stacks() -> Iterator[Stacks]:
    # Not pytest's own folder: its name is too long for a socket.
    with tempfile.TemporaryDirectory(prefix="ownstack-") as name:
        stacks = Stacks(Path(name))
        program = stacks.folder / "program"
        program.write_text(PROGRAM, encoding="ascii")
        program.chmod(0o755)
        stacks.start()
        yield stacks
        stacks.process.send_signal(signal.SIGTERM)
        assert stacks.process.wait(PATIENCE) in (0, -signal.SIGKILL)


def test_a_phase_is_told_all_and_its_output_and_its_end_come_back(stacks: Stacks) -> None:
    phase = stacks.hand_over("tell", OWNSTACK_PHASE="restart", OWNSTACK_APP="shop", OWNSTACK_RELEASE="7")
    assert phase.communicate(timeout=PATIENCE) == ("phase restart of shop\n", "trouble\n")
    assert phase.returncode == 7


def test_a_phase_that_a_signal_kills_ends_as_a_shell_would_say(stacks: Stacks) -> None:
    phase = stacks.hand_over("die")
    phase.communicate(timeout=PATIENCE)
    assert phase.returncode == 128 + signal.SIGKILL


def test_a_phase_goes_on_when_its_client_is_killed_and_keeps_the_lock_of_the_place_until_it_ends(
    stacks: Stacks,
) -> None:
    place = stacks.folder / "lock"
    with Locked(place) as lock:
        phase = stacks.hand_over("wait", "all", lock=lock)
        until(lambda: stacks.has("began"))
        os.killpg(phase.pid, signal.SIGKILL)
        phase.wait(PATIENCE)
    assert held(place)
    (stacks.folder / "go").touch()
    until(lambda: stacks.has("done"))
    until(lambda: not held(place))
    phase.communicate(timeout=PATIENCE)


def test_a_phase_without_a_lock_gets_none(stacks: Stacks) -> None:
    phase = stacks.hand_over("locked")
    assert phase.communicate(timeout=PATIENCE) == ("", "")


def test_a_phase_past_its_deadline_is_told_to_end(stacks: Stacks) -> None:
    phase = stacks.hand_over("stay")
    until(lambda: stacks.has("began"))
    os.killpg(phase.pid, signal.SIGTERM)
    phase.communicate(timeout=PATIENCE)
    assert (phase.returncode, stacks.has("told")) == (5, True)


def test_phases_run_beside_each_other(stacks: Stacks) -> None:
    waiting = stacks.hand_over("wait", "first")
    until(lambda: stacks.has("began"))
    other = stacks.hand_over("tell", OWNSTACK_RELEASE="0")
    other.communicate(timeout=PATIENCE)
    assert (other.returncode, waiting.poll()) == (0, None)
    (stacks.folder / "go").touch()
    waiting.communicate(timeout=PATIENCE)
    assert waiting.returncode == 0


def test_many_phases_at_once_each_hold_the_lock_of_their_own_place_alone(stacks: Stacks) -> None:
    """The more run, the higher the numbers of their descriptors; and no program may inherit another's."""
    places = [stacks.folder / f"lock-{number}" for number in range(12)]
    phases = []
    for number, place in enumerate(places):
        with Locked(place) as lock:
            phases.append(stacks.hand_over("turn", f"{number}", lock=lock))
    until(lambda: all(stacks.has(f"began-{number}") for number in range(len(places))))
    for number, (place, phase) in enumerate(zip(places, phases, strict=True)):
        assert held(place)
        (stacks.folder / f"go-{number}").touch()
        assert phase.communicate(timeout=PATIENCE) == ("", "")
        assert (phase.returncode, held(place)) == (0, False)


def test_who_finds_no_agent_is_told_what_to_do(stacks: Stacks) -> None:
    phase = stacks.hand_over("tell", OWNSTACK_SETTING_AGENT=str(stacks.folder / "nobody"))
    _, said = phase.communicate(timeout=PATIENCE)
    assert (phase.returncode, "docker compose --profile demo up" in said) == (69, True)


def test_an_agent_that_dies_leaves_the_outcome_unknown(stacks: Stacks) -> None:
    phase = stacks.hand_over("wait", "alone")
    until(lambda: stacks.has("began"))
    stacks.process.kill()
    until(lambda: phase.poll() is not None)
    (stacks.folder / "go").touch()
    _, said = phase.communicate(timeout=PATIENCE)
    assert (phase.returncode, "nobody knows" in said) == (70, True)
    until(lambda: stacks.has("done"))


class Locked:
    """The lock of a place as descriptor 3, as a deployer hands it to a program."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> int:
        opened = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(opened, fcntl.LOCK_EX)
        self.before = os.dup(LOCK)
        os.dup2(opened, LOCK)
        os.close(opened)
        return LOCK

    def __exit__(self, *_: object) -> None:
        os.dup2(self.before, LOCK)
        os.close(self.before)


def held(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def until(holds: object) -> None:
    assert callable(holds)
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
