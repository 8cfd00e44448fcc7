"""Replaces the secret key: of a house that is stopped, or of services whose environment has the new key and the old."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from ownstack.exits import Exit, Failure
from ownstack.housefile import FILE, database_of
from ownstack.keyfile import NAME, NEXT, KeyFiles, environment_keys, wrong_key_hint
from ownstack.serve.databases import database_url, failed
from ownstack.serve.secretkeys import keys_needed, parsed
from ownstack.serve.settings import DatabaseSettings
from ownstack_bus.embedded.owner import FileOwner
from ownstack_bus.port import BusError
from ownstack_vault import SecretKeys, SecretUnreadable, Vault, VaultUnusable, new_secret_key, open_vault

T = TypeVar("T")


def rotate(data: Path, *, forget_lost: bool) -> int:
    """Give the house in the folder `data`, which must not run, another secret key; returns how many keys were wrapped
    anew. forget_lost: keys that its present key does not open are forgotten first.

    Killed at any moment it leaves a house that starts: the new key is in a file of its own before anything is wrapped
    with it, all is wrapped in one transaction, and only then the new file takes the place of the old one. What was cut
    short is ended by the next time, with the key that it had begun with. Raises Failure.
    """
    with _stopped(data) as url:
        if environment_keys() is not None:
            hint = "Put a new one there, the old one into OWNSTACK_SECRET_KEY_OLD; ownstack secret rewrap --data DIR"
            raise Failure("secret-key-given", "The key of this house is in its environment.", hint=hint)
        files = KeyFiles(data)
        present, following = files.text(NAME), files.text(NEXT)
        if present is None and following is None and not forget_lost:
            hint = "Put it back from a copy; if it is lost, and all values of config with it: --forget-lost."
            raise Failure("secret-key-missing", f"There is no {files.path(NAME)}.", hint=hint)
        if following is None:
            following = new_secret_key()
            files.write(NEXT, following)
        keys = parsed(following, present or "", str(files.path(NAME)))
        with _hinting(data, of_environment=False):
            count = _with_vault(url, keys, forget_lost=forget_lost)
        files.end_rotation()
        return count


def rewrap(data: Path | None, *, forget_lost: bool) -> int:
    """Wrap all keys with the present key of the environment, or of the house in the folder `data`, which must not run.
    Returns how many were wrapped with another. Raises Failure."""
    if data is None:
        return _with_vault(database_url(_database()), keys_needed(), forget_lost=forget_lost)
    with _stopped(data) as url:
        given = environment_keys()
        keys = given or KeyFiles(data).read() or keys_needed()
        with _hinting(data, of_environment=given is not None):
            return _with_vault(url, keys, forget_lost=forget_lost)


@contextmanager
def _hinting(data: Path, *, of_environment: bool) -> Iterator[None]:
    """A wrong key is said to be with what mends this house."""
    try:
        yield
    except Failure as failure:
        if failure.code == "secret-key-wrong":
            failure.hint = wrong_key_hint(data, of_environment=of_environment)
        raise


def _database() -> DatabaseSettings:
    return DatabaseSettings()  # type: ignore[call-arg] # the environment gives it


@contextmanager
def _stopped(data: Path) -> Iterator[str]:
    """The URL of the house's database, while nobody else can start it. Raises Failure."""
    path = data / FILE
    if not path.is_file():
        raise Failure("no-house", f"There is no {path}.", hint="Name the folder of the house: --data DIR")
    try:
        owner = FileOwner(path)
    except BusError as error:
        hint = "Stop it first: its deployments are finished then."
        raise Failure("house-runs" if error.code == "bus-in-use" else error.code, str(error), hint=hint) from None
    try:
        yield database_of(path)
    finally:
        owner.release()


def _with_vault(url: str, keys: SecretKeys, *, forget_lost: bool) -> int:
    if forget_lost:
        _in_vault(url, None, lambda vault: vault.forget_lost(keys))
    return _in_vault(url, keys, lambda vault: vault.secrets.rewrap())


def _in_vault(url: str, keys: SecretKeys | None, work: Callable[[Vault], T]) -> T:
    try:
        vault = open_vault(url, None, keys)
        try:
            return work(vault)
        finally:
            vault.close()
    except VaultUnusable as error:
        exit_code = Exit.UNAVAILABLE if error.passing else Exit.FAILED
        raise Failure(error.code, error.message, hint=error.hint, exit_code=exit_code) from None
    except SecretUnreadable as error:
        raise Failure(error.code, error.message, hint=error.hint) from None
    except DBAPIError as error:
        raise failed(error) from None
