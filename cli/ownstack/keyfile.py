"""The secret key of `ownstack up`: its environment's, or in a file beside the database, made at the first start."""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ownstack.exits import Failure
from ownstack.serve.process import checked
from ownstack.serve.secretkeys import keys_given, parsed
from ownstack.serve.settings import SecretKeySettings
from ownstack_vault import SecretKeys, Vault, VaultUnusable, new_secret_key

log = logging.getLogger(__name__)

NAME, NEXT = "secret.key", "secret.key.new"
MODE = 0o600
LONGEST = 1_000
"""Bytes of a file with a key in it, at most."""


def open_with_key(data: Path, opened: Callable[[SecretKeys], Vault]) -> Vault:
    """The vault that `opened` gives for the key of the house in the folder `data`. Blocks.

    A house without one gets one, once it is certain that none is lost: nothing is wrapped with another. Raises Failure.
    """
    files = KeyFiles(data)
    given = environment_keys()
    keys = given or files.read()
    fresh = None if keys is not None else new_secret_key()
    try:
        vault = opened(keys or parsed(fresh or "", "", "a new key"))
    except VaultUnusable as error:
        if error.code != "secret-key-wrong":
            raise Failure(error.code, error.message, hint=error.hint) from None
        if fresh is not None:
            raise _lost(files) from None
        hint = wrong_key_hint(data, of_environment=given is not None)
        raise Failure(error.code, error.message, hint=hint) from None
    if fresh is not None:
        try:
            files.write(NAME, fresh)
        except Failure:
            vault.close()
            raise
        log.info("the secret key is made: %s. Keep a copy of it, apart from those of the database.", files.path(NAME))
    return vault


def environment_keys() -> SecretKeys | None:
    """The keys that the environment gives; None: none. Raises Failure."""
    with checked():
        return keys_given(SecretKeySettings())


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """The files in the folder `data`: the present key, and for the length of a rotation the next one.

    Whichever the vault's keys are wrapped with while that goes on, both open it.
    """

    data: Path

    def path(self, name: str) -> Path:
        """Where the file `name` is."""
        return self.data / name

    def read(self) -> SecretKeys | None:
        """The keys of the files; None: there is none. Raises Failure `secret-key-file`, `secret-key-invalid`."""
        present, following = self.text(NAME), self.text(NEXT)
        if present is None:
            return None if following is None else parsed(following, "", str(self.path(NEXT)))
        if following is not None:
            log.warning(
                "replacing the secret key was cut short: end it with ownstack secret rotate --data %s", self.data
            )
        return parsed(present, following or "", str(self.path(NAME)))

    def text(self, name: str) -> str | None:
        """What is in the file; None if there is none. Raises Failure `secret-key-file` if it is open to others, no
        ordinary file, or can't be read."""
        path = self.path(name)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            why = "is a symbolic link" if error.errno == errno.ELOOP else f"can't be read: {error.strerror}"
            raise _refused(path, why, "It has to be a file of the user that runs this.") from None
        try:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                raise _refused(path, "is no ordinary file", "Put the key there, as it was made.")
            if mode & 0o077:
                hint = f"chmod 600 {path}; if others may have read it, replace the key: ownstack secret rotate"
                raise _refused(path, "is open to others", hint)
            return os.read(descriptor, LONGEST).decode("ascii", "replace")
        finally:
            os.close(descriptor)

    def write(self, name: str, key: str) -> None:
        """Put `key` into the file, whole or not at all, for its owner only. Raises Failure `secret-key-file`."""
        path, fresh = self.path(name), self.path(f".{name}.{os.getpid()}")
        try:
            fresh.unlink(missing_ok=True)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(f"{key.strip()}\n")
                file.flush()
                os.fsync(descriptor)
            fresh.rename(path)
            self._sync()
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise _refused(path, f"can't be written: {error.strerror}", "Is the disk full?") from None

    def end_rotation(self) -> None:
        """The next key becomes the present one. Raises Failure `secret-key-file`."""
        try:
            self.path(NEXT).rename(self.path(NAME))
            self._sync()
        except OSError as error:
            raise _refused(self.path(NAME), f"can't be replaced: {error.strerror}", "Run the same again.") from None

    def _sync(self) -> None:
        descriptor = os.open(self.data, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _refused(path: Path, why: str, hint: str) -> Failure:
    return Failure("secret-key-file", f"{path} {why}.", hint=hint)


def wrong_key_hint(data: Path, *, of_environment: bool) -> str:
    """What to do about a house whose key is not that which its vault was written with."""
    if of_environment:
        right = "Give the right one: as OWNSTACK_SECRET_KEY, or as OWNSTACK_SECRET_KEY_OLD if it was replaced."
        return _or_forget(data, right, "rewrap")
    return _or_forget(data, f"Put the right {NAME} back from a copy.", "rotate")


def _lost(files: KeyFiles) -> Failure:
    message = f"{files.path(NAME)} is gone, and what is in the vault was sealed with it."
    return Failure("secret-key-missing", message, hint=_or_forget(files.data, "Put it back from a copy.", "rotate"))


def _or_forget(data: Path, right: str, command: str) -> str:
    return (
        f"{right} If it is lost, so are all values of config: "
        f"ownstack secret {command} --data {data} --forget-lost, and set them anew."
    )
