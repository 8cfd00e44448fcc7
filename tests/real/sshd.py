"""A real OpenSSH server for tests: Debian's sshd as a process of this machine, with keys and settings of its own.

Where there is none, tests are skipped, saying how to get it; with CI set they fail.
"""

from __future__ import annotations

import os
import pwd
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SSHD = Path("/usr/sbin/sshd")
PRIVILEGE_SEPARATION = Path("/run/sshd")
HOW = "OpenSSH is not here, so nothing was tested over SSH. Get it: apt-get install openssh-server openssh-client."
PATIENCE_S = 20.0


def possible() -> bool:
    """Whether this machine can run one, and has a client."""
    shell = Path(pwd.getpwuid(os.geteuid()).pw_shell).name  # which sshd runs the command with
    return (
        SSHD.exists()
        and shell not in ("nologin", "false")
        and all(shutil.which(program) for program in ("ssh", "ssh-keygen"))
    )


def need_sshd() -> None:
    """For tests that take one: skipped where there is none, and failed in CI."""
    if possible():
        return
    if os.environ.get("CI"):
        pytest.fail(HOW)
    pytest.skip(HOW)


def new_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> str:
    """A new pair of keys, the private one at `path`. Returns the line of the public one."""
    path.unlink(missing_ok=True)
    size = ["-b", "2048"] if kind == "rsa" else []
    command = ["ssh-keygen", "-q", "-t", kind, *size, "-N", passphrase, "-C", f"test-{kind}", "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    return path.with_name(f"{path.name}.pub").read_text().strip()


def fingerprint(public_key: str) -> str:
    """`SHA256:…` of the line of a public key."""
    command = ["ssh-keygen", "-l", "-E", "sha256", "-f", "-"]
    told = subprocess.run(command, check=True, input=public_key, capture_output=True, text=True)
    return told.stdout.split()[1]


@dataclass(slots=True)
class SshServer:
    """One server, below `folder`, which runs `command` for whatever it is asked. kinds: of its host keys."""

    folder: Path
    command: list[str]
    kinds: tuple[str, ...] = ("ed25519",)
    settings: dict[str, str] = field(default_factory=dict)
    host: str = "127.0.0.1"
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def user(self) -> str:
        """Whom it lets in."""
        return pwd.getpwuid(os.geteuid()).pw_name

    @property
    def host_key(self) -> str:
        """The line of its first public key: kind, key, comment."""
        return self.host_keys[0]

    @property
    def host_keys(self) -> list[str]:
        """The lines of all its public keys."""
        return [(self.folder / f"host_{kind}.pub").read_text().strip() for kind in self.kinds]

    @property
    def fingerprint(self) -> str:
        """`SHA256:…` of its first key."""
        return fingerprint(self.host_key)

    @property
    def log(self) -> str:
        """What it said until now."""
        return (self.folder / "sshd.log").read_text(errors="replace")

    def authorize(self, public_key: str) -> None:
        """Let in whoever has the private key to it."""
        with (self.folder / "authorized_keys").open("a") as listed:
            listed.write(f"{public_key.strip()}\n")

    def unauthorize(self) -> None:
        """Let in nobody any more."""
        (self.folder / "authorized_keys").write_text("")

    def new_host_keys(self) -> None:
        """Other ones: known after the next start."""
        for kind in self.kinds:
            new_key(self.folder / f"host_{kind}", kind)

    def start(self) -> None:
        """Start it, on the port that it had before if it had one, and wait until it says who it is."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "authorized_keys").touch()
        if not (self.folder / f"host_{self.kinds[0]}").exists():
            self.new_host_keys()
        if os.geteuid() == 0:
            PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)  # what its service does before it starts it
        self.port = self.port or _free_port()
        (self.folder / "sshd_config").write_text(self._configuration())
        with (self.folder / "sshd.log").open("ab") as log:
            command = [str(SSHD), "-D", "-e", "-f", str(self.folder / "sshd_config")]
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._await(self._says_who_it_is, "does not start")

    def stop(self) -> None:
        """End it, and all sessions. What they ran loses its client, and has to end by itself."""
        if self.process is None:
            return
        sessions = self._end_sessions()
        self._await(lambda: not any(_lives(pid) for pid in sessions), "has sessions that do not end")
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        self.process = None

    def kill(self) -> None:
        """It and all sessions end at once, as when the machine dies. What they ran loses its client."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGSTOP)  # so that it takes nobody in meanwhile
        self._end_sessions()
        self.process.kill()
        self.process.wait(PATIENCE_S)
        self.process = None

    def restart(self, new_host_key: bool = False) -> None:
        """Stop it if need be, and start it on the same port."""
        self.stop()
        if new_host_key:
            self.new_host_keys()
        self.start()

    def sessions(self) -> int:
        """How many processes of sessions there are now."""
        return len(self._sessions())

    def _sessions(self) -> list[int]:
        return list(_sessions_below(self.process.pid)) if self.process else []

    def _end_sessions(self) -> list[int]:
        sessions = self._sessions()
        for pid in sessions:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return sessions

    def _configuration(self) -> str:
        lines = {
            "Port": str(self.port),
            "ListenAddress": self.host,
            "PidFile": "none",
            "AuthorizedKeysFile": f'"{self.folder}/authorized_keys"',
            "ForceCommand": f"exec {shlex.join(self.command)}",
            "AllowUsers": self.user,
            "PermitRootLogin": "yes",
            "PubkeyAuthentication": "yes",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "UsePAM": "no",
            "UseDNS": "no",
            "StrictModes": "no",
            "PrintMotd": "no",
            "PrintLastLog": "no",
            "MaxStartups": "500",
            "MaxSessions": "100",
            "LogLevel": "VERBOSE",
        }
        if _version() >= (9, 8):
            lines["PerSourcePenalties"] = "no"
        keys = [f'HostKey "{self.folder}/host_{kind}"' for kind in self.kinds]
        return "\n".join([*keys, *(f"{name} {value}" for name, value in (lines | self.settings).items())]) + "\n"

    def _says_who_it_is(self) -> bool:
        assert self.process
        if self.process.poll() is not None:
            raise RuntimeError(f"sshd does not start:\n{self.log[-2_000:]}")
        try:
            with socket.create_connection((self.host, self.port), timeout=PATIENCE_S) as asked:
                return asked.recv(4) == b"SSH-"
        except OSError:
            return False

    def _await(self, condition: Callable[[], bool], why: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline:
                raise RuntimeError(f"sshd {why}:\n{self.log[-2_000:]}")
            time.sleep(0.005)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _version() -> tuple[int, int]:
    told = subprocess.run(["ssh", "-V"], check=True, capture_output=True, text=True).stderr
    found = re.search(r"OpenSSH_(\d+)\.(\d+)", told)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _sessions_below(parent: int) -> Iterator[int]:
    """The processes of sshd below its listener: not what they run."""
    for pid in _children(parent):
        if _name(pid).startswith("sshd"):
            yield pid
            yield from _sessions_below(pid)


def _children(parent: int) -> list[int]:
    found: list[int] = []
    for listed in Path("/proc").glob(f"{parent}/task/*/children"):
        try:
            found += map(int, listed.read_text().split())
        except OSError:
            continue
    return found


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _lives(pid: int) -> bool:
    """Whether it is there, and not only in the list of the dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
