"""The deployer's own key: made once, kept where only it can read it, and shown to Dokku servers."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from ownstack_deployer.drivers.port import PhaseFailed
from ownstack_deployer.settings import Settings

KEY_FILE = "ssh_key"


def public_line(settings: Settings) -> str:
    """The public key of a deployer with these settings, as a line of OpenSSH; the key is made if there is none.

    Raises PhaseFailed `ssh-key-unusable`, which says what is wrong with it.
    """
    return OurKey.of(settings).public_line()


@dataclass(frozen=True, slots=True)
class OurKey:
    """file: where it is. given: it was put there by a person; else it is made when there is none. name: of the
    deployer, as Dokku servers are to know it."""

    file: Path
    name: str
    given: bool = False

    @classmethod
    def of(cls, settings: Settings) -> OurKey:
        """The key of a deployer with these settings."""
        name = "ownstack-" + (re.sub(r"[^A-Za-z0-9-]+", "-", settings.name).strip("-") or "deployer")
        if settings.ssh_key is not None:
            return cls(settings.ssh_key, name, given=True)
        return cls(settings.state / KEY_FILE, name)

    def private(self) -> asyncssh.SSHKey:
        """The private key. Raises PhaseFailed `ssh-key-unusable`."""
        try:
            if not self.given and not self.file.exists():
                self._make()
            self._refuse_if_others_can_read()
            return asyncssh.import_private_key(self.file.read_bytes())
        except OSError as error:
            raise self._unusable(
                f"{error.strerror}. Make it readable for the deployer, and its folder writable"
            ) from error
        except asyncssh.KeyEncryptionError as error:
            raise self._unusable("it is protected by a passphrase. Give one that has none") from error
        except asyncssh.KeyImportError as error:
            raise self._unusable(f"{error}. Give a private key as OpenSSH writes it") from error

    def public_line(self) -> str:
        """The public key, as a line of OpenSSH. Raises PhaseFailed `ssh-key-unusable`."""
        return line_of(self.private(), self.name)

    def _refuse_if_others_can_read(self) -> None:
        mode = self.file.stat().st_mode
        if mode & 0o077:
            raise self._unusable(f"others can read it (mode {mode & 0o777:03o}). Do: chmod 600 {self.file}")

    def _unusable(self, why: str) -> PhaseFailed:
        return PhaseFailed("ssh-key-unusable", f"The deployer's SSH key {self.file} can't be used: {why}.")

    def _make(self) -> None:
        """Two deployers that start at once agree: the one that is there first is the one."""
        key = asyncssh.generate_private_key("ssh-ed25519", comment=self.name)
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = _written(self.file.parent, key.export_private_key("openssh"))
        try:
            with contextlib.suppress(FileExistsError):
                os.link(fresh, self.file)
        finally:
            fresh.unlink()
        agreed = asyncssh.import_private_key(self.file.read_bytes())
        public = _written(self.file.parent, (line_of(agreed, self.name) + "\n").encode())
        public.chmod(0o644)
        public.replace(self.file.with_name(f"{self.file.name}.pub"))


def line_of(key: asyncssh.SSHKey, comment: str = "") -> str:
    """The public part of a key, as a line of OpenSSH."""
    kind, base64 = key.export_public_key("openssh").decode().split()[:2]
    return f"{kind} {base64} {comment}".rstrip()


def _written(folder: Path, content: bytes) -> Path:
    """A new file in this folder that only we can read, on the disk."""
    descriptor, name = tempfile.mkstemp(prefix=".ssh_key-", dir=folder)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)
