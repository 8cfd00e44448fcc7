"""The machine of a stand-in for Dokku: its sshd, the commands that run on it, and a real client that asks them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tests.real.sshd import PATIENCE_S, SshServer, new_key

STANDIN = Path(__file__).with_name("standin.py")
T = TypeVar("T")


def until(condition: Callable[[], T], what: str, patience: float = PATIENCE_S) -> T:
    """What the condition gives once it is true. Raises TimeoutError."""
    deadline = time.monotonic() + patience
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"it did not come to {what}")
        time.sleep(0.005)
    return found


class Machine:
    """What can be started, stopped, and asked. kinds: of its host keys."""

    def __init__(self, folder: Path, kinds: tuple[str, ...] = ("ed25519",)) -> None:
        self.state = folder / "dokku"
        self.state.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-I", "-S", str(STANDIN), str(self.state)]
        self.sshd = SshServer(folder / "sshd", command, kinds, {"LogLevel": "ERROR"})
        self.key = folder / "identity"
        self._control: Path | None = None
        if not self.key.exists():
            new_key(self.key)

    @property
    def host(self) -> str:
        """Where its sshd listens."""
        return self.sshd.host

    @property
    def port(self) -> int:
        """Where its sshd listens."""
        return self.sshd.port

    @property
    def user(self) -> str:
        """Whom its sshd lets in, who has `key`."""
        return self.sshd.user

    def start(self) -> None:
        """Start its sshd. The first time it lets `key` in."""
        fresh = not (self.sshd.folder / "authorized_keys").exists()
        self.sshd.start()
        if fresh:
            self.sshd.authorize(self.public_key)

    def stop(self) -> None:
        """End its sshd, and all that it ran."""
        self.sshd.stop()
        self._end_workers()

    def kill(self) -> None:
        """sshd and its sessions end at once. What they ran lives on for a while, without clients."""
        self.sshd.kill()

    def power_off(self) -> None:
        """All ends at once, what runs too."""
        self.sshd.kill()
        self._end_workers()

    def restart(self, new_host_key: bool = False) -> None:
        """Start its sshd on the same port, after stopping it if need be."""
        self.sshd.restart(new_host_key)

    def workers(self) -> list[int]:
        """The processes of commands that run now."""
        mine = f"{STANDIN}\0{self.state}\0".encode()
        return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if mine in read(path)]

    def await_quiet(self) -> None:
        """Wait until no command runs."""
        until(lambda: not self.workers(), "an end of all commands")

    def _end_workers(self) -> None:
        for pid in self.workers():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.await_quiet()

    @property
    def public_key(self) -> str:
        """The line that lets `key` in."""
        return self.key.with_name("identity.pub").read_text().strip()

    def ssh(self, line: str, port: int | None = None, *more: str) -> list[str]:
        """The command of a real client that asks for `line`, over a connection of its own. port: of a proxy."""
        known = self.sshd.folder / "known_hosts"
        known.write_text("".join(f"stand-in {key}\n" for key in self.sshd.host_keys))
        chosen = ["HostKeyAlias=stand-in", f'UserKnownHostsFile="{known}"', "StrictHostKeyChecking=yes"]
        chosen += ["BatchMode=yes", "IdentitiesOnly=yes", "LogLevel=ERROR", "IdentityAgent=none"]
        options = [part for option in chosen for part in ("-o", option)]
        at = ["-p", str(port or self.port), "-i", str(self.key), f"{self.user}@{self.host}"]
        return ["ssh", "-F", "none", "-T", *options, *more, *at, line]

    def ask(self, line: str) -> subprocess.CompletedProcess[str]:
        """What a real client gets for `line`."""
        command = self.ssh(line, None, *(["-S", str(self._control)] if self._control else []))
        done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        out, err = done.stdout.decode(), done.stderr.decode()  # with each carriage return that came
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Meanwhile all that is asked goes over one connection, which is quicker."""
        folder = Path(tempfile.mkdtemp(prefix="ssh-"))  # the name of a socket must be short
        self._control = folder / "control"
        command = self.ssh("", None, "-N", "-M", "-S", str(self._control))[:-1]
        master = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        try:
            until(self._control.exists, "a connection")
            yield
        finally:
            self._control = None
            master.terminate()
            master.wait(PATIENCE_S)
            shutil.rmtree(folder)


def read(path: Path) -> bytes:
    """What is in a file, if it is there."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
